"""An HSS that answers from a table of Diameter messages: for registrations whose SIM nobody has.

    with ScriptedHss(host, "10.45.0.2", identity, realm, {300: uaa, 303: maa, 301: saa}):
        ...

Each answer is a whole Diameter message; its identifiers and Session-Id are made those of the request. It answers CER, DWR and
DPR by itself (RFC 6733 section 5) and serves one peer after the other.
"""
import socket
import struct
import threading

from network import inside

SESSION_ID = 263


def avps(data):
    """[(code, vendor, flags, value)] of a message's body."""
    found, at = [], 0
    while at + 8 <= len(data):
        code, head = struct.unpack_from("!II", data, at)
        flags, length = head >> 24, head & 0xffffff
        vendor = struct.unpack_from("!I", data, at + 8)[0] if flags & 0x80 else 0
        found.append((code, vendor, flags, data[at + (12 if flags & 0x80 else 8):at + length]))
        at += (length + 3) // 4 * 4
    return found


def avp(code, value, vendor=0, flags=0x40):
    head = 12 if vendor else 8
    flags |= 0x80 if vendor else 0
    text = struct.pack("!II", code, flags << 24 | (head + len(value)))
    text += struct.pack("!I", vendor) if vendor else b""
    return text + value + bytes(-len(value) % 4)


def message(flags, command, application, hop, end, body):
    return struct.pack("!IIIII", 1 << 24 | (20 + len(body)), flags << 24 | command, application, hop, end) + body


def messages(peer):
    """Each whole message that comes by the connection, to its end."""
    data = b""
    while got := peer.recv(65536):
        data += got
        while len(data) >= 20 and len(data) >= (length := struct.unpack("!I", data[:4])[0] & 0xffffff):
            yield data[:length]
            data = data[length:]


class ScriptedHss:
    def __init__(self, host, address, identity, realm, answers, port=3868):
        self.identity, self.realm, self.address, self.answers = identity.encode(), realm.encode(), address, answers
        self.asked = []  # command codes of Cx requests
        with inside(host.namespace):
            self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        try:
            while True:
                peer, _ = self.listener.accept()
                with peer:
                    self._talk(peer)
        except OSError:
            pass  # closed

    def _talk(self, peer):
        for request in messages(peer):
            answer = self._answer(request)
            if answer:
                peer.sendall(answer)

    def _answer(self, request):
        _, word, application, hop, end = struct.unpack("!IIIII", request[:20])
        command, is_request = word & 0xffffff, word >> 31
        if not is_request:
            return None
        if application != 0:
            self.asked.append(command)
            session = next(value for code, _, _, value in avps(request[20:]) if code == SESSION_ID)
            body = avp(SESSION_ID, session) + b"".join(
                avp(code, value, vendor, flags & 0x7f) for code, vendor, flags, value in avps(self.answers[command][20:])
                if code != SESSION_ID)
            return message(0x40, command, application, hop, end, body)
        body = avp(268, struct.pack("!I", 2001)) + avp(264, self.identity) + avp(296, self.realm)
        if command == 257:
            body += avp(257, b"\0\1" + socket.inet_aton(self.address)) + avp(266, bytes(4)) + avp(269, b"scripted", flags=0)
            body += avp(260, avp(266, struct.pack("!I", 10415)) + avp(258, struct.pack("!I", 16777216)))
        return message(0, command, 0, hop, end, body)
