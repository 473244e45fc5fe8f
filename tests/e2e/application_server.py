"""A SIP application server of a few lines, on a host of its own: what the S-CSCF sends its users' requests through.

    server = ApplicationServer(core, "tas", "10.45.0.11")
    server.mode = "proxy"                      # sends requests back by the Route that they came with; stays in dialogs
    server.mode = "silent"                     # says nothing
    server.mode = 486                          # answers with this code
    server.mode = ("divert", "sip:...")        # sends them back for another user
    server.requests("INVITE")                  # what it got, oldest first
    server.send_message(from_uri, to_uri)      # a MESSAGE of its own in a user's name

It is a stateless proxy (RFC 3261 section 16.11) over UDP, with a thread of its own. REGISTER gets 200, whatever the mode;
`register_code` changes that.
"""
import hashlib
import re
import socket
import threading
import time

from network import inside
from plain_handset import Response

PORT = 5060


class ApplicationServer:
    def __init__(self, core, name, address):
        self.core, self.name, self.address = core, name, address
        self.mode, self.register_code, self.got, self.answers = "proxy", 200, [], []
        self.host = core.core_host(name, f"{address}/24")
        with inside(self.host.namespace):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, PORT))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.socket.close()

    @property
    def uri(self):
        return f"sip:{self.address}:{PORT}"

    def requests(self, method):
        return [message for message in list(self.got) if message.first.startswith(method + " ")]

    def send_message(self, from_uri, to_uri, served=None):
        """In the name of a user: the Route to the S-CSCF says so by `orig` (TS 24.229 section 5.7.3)."""
        number = len(self.got) + int(time.monotonic() * 1000)
        lines = [f"MESSAGE {to_uri} SIP/2.0", f"Via: SIP/2.0/UDP {self.address}:{PORT};branch=z9hG4bKown{number}",
                 "Max-Forwards: 70", f"Route: <sip:{self.core.SCSCF[0]}:6060;lr;orig>",
                 f"From: <{from_uri}>;tag=as{number}", f"To: <{to_uri}>", f"Call-ID: as{number}", "CSeq: 1 MESSAGE",
                 f"P-Asserted-Identity: <{from_uri}>", "Content-Type: text/plain", "Content-Length: 5", "", "hello"]
        if served:
            lines.insert(9, f"P-Served-User: <{served}>;sescase=orig;regstate=reg")
        self._send("\r\n".join(lines).encode(), (self.core.SCSCF[0], 6060))

    def _send(self, data, to):
        self.socket.sendto(data, to)

    def _run(self):
        while True:
            try:
                data, source = self.socket.recvfrom(65536)
            except OSError:
                return
            message = Response(data.decode("utf-8", "surrogateescape"))
            if message.code:
                self._response(message)
            else:
                self.got.append(message)
                self._request(message, source)

    def _request(self, message, source):
        method = message.first.split()[0]
        if method == "REGISTER":
            return self._answer(message, source, self.register_code)
        if self.mode == "silent":
            return None
        if isinstance(self.mode, int):
            return None if method in ("ACK", "CANCEL") else self._answer(message, source, self.mode)
        return self._forward(message, method)

    def _answer(self, message, source, code):
        kept = [line for line in message.lines
                if line.partition(":")[0].lower() in ("via", "from", "call-id", "cseq", "record-route")]
        kept += [f"To: {message.header('To')};tag=as"]
        self._send("\r\n".join([f"SIP/2.0 {code} Of The Application Server", *kept, "Content-Length: 0", "", ""]).encode(),
                   source)

    def _forward(self, message, method):
        routes = [value for line in message.headers("Route") for value in line.split(",")]
        routes = [route.strip() for route in routes]
        if routes and f"@{self.address}" in routes[0] or routes and f":{self.address}:" in routes[0]:
            routes.pop(0)
        first, in_dialog = message.first, "tag=" in message.header("To")
        if isinstance(self.mode, tuple) and not in_dialog and method == "INVITE":
            first = f"{method} {self.mode[1]} SIP/2.0"
        branch = hashlib.sha1(message.headers("Via")[0].encode()).hexdigest()[:16]
        lines = [first, f"Via: SIP/2.0/UDP {self.address}:{PORT};branch=z9hG4bK{branch}"]
        if method == "INVITE" and not in_dialog:
            lines.append(f"Record-Route: <sip:as@{self.address}:{PORT};lr>")
        hops = int(message.header("Max-Forwards") or 70)
        lines += [line for line in message.lines if line.partition(":")[0].lower() not in ("route", "max-forwards")]
        lines += [f"Max-Forwards: {hops - 1}", *[f"Route: {route}" for route in routes]]
        target = routes[0] if routes else first.split()[1]
        found = re.search(r"sips?:(?:[^@>;]*@)?([0-9.]+)(?::(\d+))?", target)
        self._send("\r\n".join([*lines, "", message.body]).encode("utf-8", "surrogateescape"),
                   (found[1], int(found[2] or 5060)))

    def _response(self, message):
        vias = message.headers("Via")
        if len(vias) < 2:
            self.answers.append(message)
            return
        lines, dropped = [message.first], False
        for line in message.lines:
            if not dropped and line.partition(":")[0].lower() == "via":
                dropped = True
                continue
            lines.append(line)
        found = re.match(r"SIP/2.0/UDP ([0-9.]+)(?::(\d+))?", vias[1])
        self._send("\r\n".join([*lines, "", message.body]).encode("utf-8", "surrogateescape"),
                   (found[1], int(found[2] or 5060)))
