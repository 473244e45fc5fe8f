"""A handset of a few lines that sends exactly the bytes it is given: for what a software handset with a conscience cannot do.

    phone = PlainHandset(host, "10.47.1.9", Core.GM[0])
    challenge = phone.exchange_udp(phone.udp(5060), 5060, text)       # a Response
    phone.install(offer, challenge.mechanism(), auth=("hmac(md5)", ik))
    with phone.connect(6301, 6100) as connection:
        connection.sendall(register)
        print(read_sip(connection))

Security associations and policies are made with `ip xfrm` in the host's namespace; null encryption only.
"""
import re
import select
import socket
import time

from aka import Vector, digest_response, from_nonce
from network import inside

REQID = 77


class Response:
    """A SIP message, to ask for its parts."""

    def __init__(self, text):
        self.text = text
        head, _, self.body = text.partition("\r\n\r\n")
        self.first, *self.lines = head.split("\r\n")
        self.code = int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0

    def header(self, name):
        """The first value; "" when it is absent."""
        values = self.headers(name)
        return values[0] if values else ""

    def headers(self, name):
        return [line.partition(":")[2].strip() for line in self.lines
                if line.partition(":")[0].strip().lower() == name.lower()]

    def parameter(self, header, name):
        match = re.search(rf'\b{name}="?([^",;]*)"?', self.header(header))
        return match[1] if match else ""

    def mechanism(self):
        """The first of Security-Server: {"spi-c": 1, "spi-s": 2, "port-c": 3, "port-s": 4}."""
        return mechanism(self.header("Security-Server"))


def mechanism(text):
    first = text.split(",")[0]
    return {name: int(re.search(rf"{name}\s*=\s*(\d+)", first)[1]) for name in ("spi-c", "spi-s", "port-c", "port-s")}


def sip_text(*lines, body=""):
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


class PlainHandset:
    def __init__(self, host, address, pcscf):
        self.host, self.address, self.pcscf = host, address, pcscf

    def udp(self, port):
        with inside(self.host.namespace):
            endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        endpoint.bind((self.address, port))
        return endpoint

    def listen(self, port):
        with inside(self.host.namespace):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, port))
        listener.listen()
        return listener

    def connect(self, port, remote_port, seconds=5):
        with inside(self.host.namespace):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.settimeout(seconds)
        connection.bind((self.address, port))
        connection.connect((self.pcscf, remote_port))
        return connection

    def exchange_udp(self, endpoint, remote_port, message, seconds=5):
        """The first response that is not provisional; None when none comes."""
        endpoint.sendto(message, (self.pcscf, remote_port))
        return self.receive_udp([endpoint], seconds, lambda message: message.code >= 200)

    @staticmethod
    def receive_udp(endpoints, seconds, wanted=lambda message: True):
        """The first message on one of the sockets that is wanted; its origin is in .source, its socket in .endpoint."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for endpoint in select.select(endpoints, [], [], left)[0]:
                data, source = endpoint.recvfrom(65536)
                message = Response(data.decode())
                message.source, message.endpoint = source, endpoint
                if message.text.strip() and wanted(message):
                    return message
        return None

    def install(self, ours, theirs, auth):
        """The four security associations and their policies: ours and theirs as mechanism() gives them, auth as
        ("hmac(sha1)", key in hexadecimal)."""
        self.remove()
        ue, pcscf = self.address, self.pcscf
        # (source, destination, their ports, SPI)
        pairs = [(ue, pcscf, ours["port-c"], theirs["port-s"], theirs["spi-s"]),
                 (pcscf, ue, theirs["port-s"], ours["port-c"], ours["spi-c"]),
                 (pcscf, ue, theirs["port-c"], ours["port-s"], ours["spi-s"]),
                 (ue, pcscf, ours["port-s"], theirs["port-c"], theirs["spi-c"])]
        lines = []
        for number, (source, destination, source_port, destination_port, spi) in enumerate(pairs):
            selector = f"src {source} dst {destination}"
            reqid = REQID + number
            lines.append(f"xfrm state add {selector} proto esp spi {spi} reqid {reqid} mode transport replay-window 32 "
                         f"auth-trunc {auth[0]} 0x{auth[1]} 96 enc ecb(cipher_null) \"\"")
            for protocol in ("udp", "tcp"):
                lines.append(f"xfrm policy add {selector} proto {protocol} sport {source_port} dport {destination_port} "
                             f"dir {'out' if source == ue else 'in'} tmpl proto esp reqid {reqid} mode transport")
        self.host.ip(*lines)

    def remove(self):
        """All that the namespace has: one of these handsets at a time has associations on a host."""
        self.host.ip("xfrm state flush", "xfrm policy flush")


def read_sip(connection, wanted=lambda message: message.code >= 200):
    """The first wanted message of a TCP connection; None when it ends before."""
    data = b""
    while True:
        head, separator, rest = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if separator:
            length = int(re.search(rb"^(?:content-length|l)\s*:\s*(\d+)", head, re.I | re.M)[1])
            if len(rest) >= length:
                message = Response((head + separator + rest[:length]).decode())
                if wanted(message):
                    return message
                data = rest[length:]
                continue
        try:
            got = connection.recv(65536)
        except TimeoutError:
            return None
        if not got:
            return None
        data += got


class AkaHandset(PlainHandset):
    """One that registers as it should, in steps, so that something may happen between them. UDP, hmac-sha-1-96 and null."""

    CLEAR, SERVER, CLIENTS = 5060, 6300, (6301, 6302, 6303, 6304)

    def __init__(self, host, address, pcscf, subscriber, entry=5060):
        super().__init__(host, address, pcscf)
        self.subscriber, self.domain = subscriber, subscriber.impi.partition("@")[2]
        self.entry = entry  # the P-CSCF's unprotected port
        self.attempt, self.sockets, self.vector = 0, {}, None

    def _socket(self, port):
        if port not in self.sockets:
            self.sockets[port] = self.udp(port)
        return self.sockets[port]

    def close(self):
        for one in self.sockets.values():
            one.close()
        self.sockets.clear()
        self.forget()

    def forget(self):
        """Its security associations go, as when it is switched off and on."""
        self.remove()
        self.vector = None

    def begin(self):
        """A new attempt: another Call-ID, SPIs and port-c."""
        self.forget()
        self.attempt += 1
        first = 40000 + 2 * self.attempt
        self.ours = {"spi-c": first, "spi-s": first + 1, "port-c": self.CLIENTS[self.attempt % 4], "port-s": self.SERVER}
        self.call_id, self.cseq = f"plain-{self.attempt}-{time.monotonic_ns()}", 0

    def register(self, expires=3600):
        """The next REGISTER: in clear before prepare(), then with the answer to the challenge."""
        self.cseq += 1
        protected = self.vector is not None
        port = self.SERVER if protected else self.CLEAR
        user, uri = self.subscriber.impi, f"sip:{self.domain}"
        credentials = f'username="{user}",realm="{self.domain}",uri="{uri}",'
        lines = []
        if protected:
            nc, cnonce = f"{self.cseq:08x}", "0123456789abcdef"
            response = digest_response(user, self.domain, self.vector.res, "REGISTER", uri, self.nonce, nc, cnonce)
            credentials += f'nonce="{self.nonce}",response="{response}",algorithm=AKAv1-MD5,qop=auth,nc={nc},cnonce="{cnonce}"'
            lines.append(f"Security-Verify: {self.verify}")
        else:
            credentials += 'nonce="",response="",algorithm=AKAv1-MD5'
        if self.cseq <= 2:  # a later one renews or ends the registration, and asks for no new associations
            lines.append("Security-Client: ipsec-3gpp;prot=esp;mod=trans;alg=hmac-sha-1-96;ealg=null;" +
                         ";".join(f"{name}={value}" for name, value in self.ours.items()))
        identity = f"sip:{self.subscriber.imsi}@{self.domain}"
        return sip_text(
            f"REGISTER {uri} SIP/2.0", f"Via: SIP/2.0/UDP {self.address}:{port};branch=z9hG4bK{self.call_id}-{self.cseq}",
            "Max-Forwards: 70", f"From: <{identity}>;tag=plain", f"To: <{identity}>", f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} REGISTER", f"Contact: <sip:{self.address}:{port}>;expires={expires}", "Require: sec-agree",
            "Proxy-Require: sec-agree", "Supported: path, sec-agree", f"Authorization: Digest {credentials}", *lines)

    def send(self, message):
        self.last = message
        if self.vector is None:
            self._socket(self.CLEAR).sendto(message, (self.pcscf, self.entry))
        else:
            self._socket(self.SERVER)
            self._socket(self.ours["port-c"]).sendto(message, (self.pcscf, self.theirs["port-s"]))

    def answer(self, seconds):
        """The final response to what was sent last, which is repeated; None: none came."""
        cseq = re.search(rb"CSeq: (.*)\r\n", self.last)[1].decode()

        def ours(message):
            return message.code >= 200 and message.header("CSeq") == cseq and message.header("Call-ID") == self.call_id
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                found = self.receive_udp(list(self.sockets.values()), min(left, 0.5), ours)
                if found:
                    return found
                self.send(self.last)
            except OSError:
                time.sleep(0.1)  # an ICMP error of the packet before
        return None

    def prepare(self, challenge):
        """Takes the challenge: keys, security associations."""
        rand, _ = from_nonce(challenge.parameter("WWW-Authenticate", "nonce"))
        self.vector = Vector(bytes.fromhex(self.subscriber.k), bytes.fromhex(self.subscriber.opc), rand)
        self.nonce = challenge.parameter("WWW-Authenticate", "nonce")
        self.theirs, self.verify = challenge.mechanism(), ", ".join(challenge.headers("Security-Server"))
        self.install(self.ours, self.theirs, ("hmac(sha1)", self.vector.ik.hex() + "00000000"))

    def do(self, seconds=8, **how):
        self.send(self.register(**how))
        return self.answer(seconds)

    def register_afresh(self, seconds=8):
        """From the first REGISTER to the 200; what came when it was not 401 and then 200, None included."""
        self.begin()
        challenge = self.do(seconds)
        if challenge is None or challenge.code != 401:
            return challenge
        self.prepare(challenge)
        return self.do(seconds)
