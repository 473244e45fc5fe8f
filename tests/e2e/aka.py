"""AKA in Python, apart from the code under test: AES-128 (FIPS 197), Milenage (TS 35.206), AKAv1-MD5 (RFC 3310).

    vector = Vector(k, opc, rand)          # bytes
    vector.res, vector.ck, vector.ik
    rand, autn = from_nonce("oJRMdf88TwhTovkQqh8QT8bi9GyPQoAAfzu5uEt8P/Y=")
"""
import base64
import hashlib


def _times_two(byte):
    return (byte << 1) ^ (0x11b if byte & 0x80 else 0)


def _make_sbox():
    # Inverses in GF(2^8) by walking the powers of 3 and of 1/3, then the affine map.
    box, p, q = [0] * 256, 1, 1
    while True:
        p ^= _times_two(p)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q = (q & 0xff) ^ (0x09 if q & 0x80 else 0)
        rotated = q
        for shift in range(1, 5):
            rotated ^= (q << shift | q >> (8 - shift)) & 0xff
        box[p] = rotated ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = _make_sbox()


def _round_keys(key):
    words, rcon = [list(key[i:i + 4]) for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        word = list(words[-1])
        if i % 4 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = _times_two(rcon)
        words.append([a ^ b for a, b in zip(words[i - 4], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 44, 4)]


def aes(key, block):
    keys = _round_keys(key)
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, round_key in enumerate(keys[1:], start=1):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]  # SubBytes, ShiftRows
        if number < 10:
            mixed = []
            for c in range(0, 16, 4):
                column, everything = state[c:c + 4], state[c] ^ state[c + 1] ^ state[c + 2] ^ state[c + 3]
                mixed += [column[i] ^ everything ^ _times_two(column[i] ^ column[(i + 1) % 4]) for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


class Vector:
    """f2 to f4 of TS 35.206 section 4.1 with its constants r2..r4, c2..c4."""

    def __init__(self, k, opc, rand):
        temp = aes(k, xor(rand, opc))

        def output(turn, constant):
            block = xor(temp, opc)
            block = block[turn:] + block[:turn]
            return xor(aes(k, xor(block, bytes(15) + bytes([constant]))), opc)
        self.res, self.ck, self.ik = output(0, 1)[8:], output(4, 2), output(8, 4)


def from_nonce(nonce):
    data = base64.b64decode(nonce)
    return data[:16], data[16:32]


def digest_response(username, realm, password, method, uri, nonce, nc, cnonce, qop="auth"):
    def md5(data):
        return hashlib.md5(data).hexdigest()
    first = md5(f"{username}:{realm}:".encode() + password)
    second = md5(f"{method}:{uri}".encode() + (b":" + md5(b"").encode() if qop == "auth-int" else b""))
    return md5(f"{first}:{nonce}:{nc}:{cnonce}:{qop}:{second}".encode())
