"""ESP with AES-GMAC (RFC 4543), which tshark 4.0 does not know: the ICVs of captured packets are computed again.

    for packet in esp_packets("access.pcap"):
        ok = gmac_is_right(packet, key)    # key: 16 bytes AES and 4 bytes salt, as the kernel has it
"""
import ctypes
import ctypes.util
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

ICV = 16
IV = 8


@dataclass
class EspPacket:
    time: float
    source: str
    destination: str
    spi: int
    payload: bytes  # the whole ESP packet, SPI to ICV

    def inner(self):
        """(next header, bytes) of a packet that is authenticated only."""
        end = len(self.payload) - ICV
        padding, following = self.payload[end - 2], self.payload[end - 1]
        return following, self.payload[8 + IV:end - 2 - padding]


def esp_packets(path):
    """From a pcap file of Ethernet frames in this machine's byte order; fragments are put together."""
    found, parts = [], {}
    for time, frame in _frames(Path(path).read_bytes()):
        kind, = struct.unpack_from("!H", frame, 12)
        split = _ipv4(frame[14:]) if kind == 0x0800 else _ipv6(frame[14:]) if kind == 0x86dd else None
        if split is None:
            continue
        source, destination, identification, offset, more, payload = split
        if offset or more:
            pieces = parts.setdefault((source, destination, identification), {})
            pieces[offset] = (payload, more)
            payload = _whole(pieces)
            if payload is None:
                continue
            del parts[source, destination, identification]
        found.append(EspPacket(time, source, destination, struct.unpack_from("!I", payload)[0], payload))
    return found


def _frames(data):
    magic, = struct.unpack_from("=I", data)
    scale = {0xa1b2c3d4: 1e6, 0xa1b23c4d: 1e9}[magic]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack_from("=IIII", data, at)
        yield seconds + fraction / scale, data[at + 16:at + 16 + length]
        at += 16 + length


def _ipv4(packet):
    """(source, destination, identification, offset, more, payload) of ESP; None for others."""
    if packet[9] != 50:
        return None
    total, identification, place = struct.unpack_from("!HHH", packet, 2)
    ends = (socket.inet_ntop(socket.AF_INET, packet[i:i + 4]) for i in (12, 16))
    return *ends, identification, (place & 0x1fff) * 8, bool(place & 0x2000), packet[(packet[0] & 15) * 4:total]


def _ipv6(packet):
    end, following = 40 + struct.unpack_from("!H", packet, 4)[0], packet[6]
    ends = (socket.inet_ntop(socket.AF_INET6, packet[i:i + 16]) for i in (8, 24))
    if following == 50:
        return *ends, 0, 0, False, packet[40:end]
    if following == 44 and packet[40] == 50:
        place, identification = struct.unpack_from("!HI", packet, 42)
        return *ends, identification, place & 0xfff8, bool(place & 1), packet[48:end]
    return None


def _whole(pieces):
    """The payload when every piece is there. pieces: {offset: (bytes, more follow)}"""
    data = b""
    while len(data) in pieces:
        piece, more = pieces[len(data)]
        data += piece
        if not more:
            return data
    return None


_crypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for _name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm"):
    getattr(_crypto, _name).restype = ctypes.c_void_p
_crypto.EVP_CIPHER_CTX_free.argtypes = [ctypes.c_void_p]
_crypto.EVP_EncryptInit_ex.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_char_p] * 2
_crypto.EVP_EncryptUpdate.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
                                      ctypes.c_int]
_crypto.EVP_EncryptFinal_ex.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)]
_crypto.EVP_CIPHER_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
_GET_TAG = 0x10


def gmac(key, nonce, data):
    """The 16 bytes of GMAC over data: AES-128-GCM that encrypts nothing. key: 16 bytes, nonce: 12."""
    context, length = _crypto.EVP_CIPHER_CTX_new(), ctypes.c_int()
    tag, nothing = ctypes.create_string_buffer(16), ctypes.create_string_buffer(16)
    try:
        assert _crypto.EVP_EncryptInit_ex(context, _crypto.EVP_aes_128_gcm(), None, key, nonce) == 1
        assert _crypto.EVP_EncryptUpdate(context, None, ctypes.byref(length), data, len(data)) == 1
        assert _crypto.EVP_EncryptFinal_ex(context, nothing, ctypes.byref(length)) == 1
        assert _crypto.EVP_CIPHER_CTX_ctrl(context, _GET_TAG, 16, tag) == 1
    finally:
        _crypto.EVP_CIPHER_CTX_free(context)
    return tag.raw


def gmac_is_right(packet, key):
    """RFC 4543 section 3.3: the tag is over SPI, sequence number, IV and the payload; the nonce is salt and IV."""
    iv = packet.payload[8:8 + IV]
    return gmac(key[:16], key[16:] + iv, packet.payload[:-ICV]) == packet.payload[-ICV:]
