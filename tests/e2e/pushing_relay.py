"""A Diameter relay between the S-CSCF and labhss, which passes on what comes and pushes by itself what labhss would not: an RTR
for listed identities, a PPR with any text as its profile.

    relay = PushingRelay(core.hss, "10.45.0.2", f"hss.{DOMAIN}", f"scscf.{DOMAIN}")   # listens on port 3869
    relay.terminate(impi, 0, impu)       # (experimental, code) of the answer
    relay.push_profile(impi, "<IMSSubscription>...")
"""
import itertools
import queue
import socket
import struct
import threading

from network import inside
from scripted_hss import SESSION_ID, avp, avps, message, messages

CX, VENDOR = 16777216, 10415
RTR, PPR = 304, 305
PORT, BEHIND = 3869, 3868


def number(value):
    return struct.pack("!I", value)


class PushingRelay:
    def __init__(self, host, address, hss, scscf):
        self.host, self.address = host, address
        realm = hss.partition(".")[2].encode()
        self.always = (avp(260, avp(266, number(VENDOR)) + avp(258, number(CX))) + avp(277, number(1)) +
                       avp(264, hss.encode()) + avp(296, realm) + avp(293, scscf.encode()) + avp(283, realm))
        self.scscf, self.lock, self.waiting = None, threading.Lock(), {}
        self.numbers = itertools.count(0x70000000)  # hop-by-hop identifiers that labhss does not come to
        self.listener = self._socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, PORT))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.listener.close()

    def terminate(self, impi, reason, *impus):
        return self._push(RTR, avp(1, impi.encode()) + b"".join(avp(601, impu.encode(), VENDOR) for impu in impus) +
                          avp(615, avp(616, number(reason), VENDOR), VENDOR))

    def push_profile(self, impi, profile):
        return self._push(PPR, avp(1, impi.encode()) + avp(606, profile.encode(), VENDOR))

    def _push(self, command, body):
        hop = next(self.numbers)
        self.waiting[hop] = answers = queue.Queue()
        self._to_scscf(message(0xc0, command, CX, hop, hop, avp(SESSION_ID, f"relay;{hop};1".encode()) + self.always + body))
        found = {code: value for code, _, _, value in avps(answers.get(timeout=10)[20:])}
        if 268 in found:
            return False, struct.unpack("!I", found[268])[0]
        return True, next(struct.unpack("!I", value)[0] for code, _, _, value in avps(found[297]) if code == 298)

    def _socket(self):
        with inside(self.host.namespace):
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def _serve(self):
        try:
            while True:
                self.scscf, _ = self.listener.accept()
                with self.scscf, self._socket() as hss:
                    hss.connect((self.address, BEHIND))
                    back = threading.Thread(target=self._pass_back, args=(hss,), daemon=True)
                    back.start()
                    for one in messages(self.scscf):
                        self._from_scscf(one, hss)
                    hss.shutdown(socket.SHUT_RDWR)
                    back.join()
        except OSError:
            pass  # closed

    def _pass_back(self, hss):
        for one in messages(hss):
            self._to_scscf(one)

    def _to_scscf(self, one):
        with self.lock:
            self.scscf.sendall(one)

    def _from_scscf(self, one, hss):
        request, hop = one[4] & 0x80, struct.unpack("!I", one[12:16])[0]
        if not request and hop in self.waiting:
            self.waiting.pop(hop).put(one)
        else:
            hss.sendall(one)
