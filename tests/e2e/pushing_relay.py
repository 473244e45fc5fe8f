"""A Diameter relay between the S-CSCF and labhss, which passes on what comes, pushes by itself what labhss would not (an RTR
for listed identities, a PPR with any text as its profile), and answers for it as another HSS might.

    relay = PushingRelay(core.hss, "10.45.0.2", f"hss.{DOMAIN}", f"scscf.{DOMAIN}")   # listens on port 3869
    relay.terminate(impi, 0, impu)       # (experimental, code) of the answer
    relay.push_profile(impi, "<IMSSubscription>...")
    relay.faults[MAR, impi] = Refuse(5004)                 # an experimental result; or Refuse(3002, False)
    relay.faults[SAR, impi] = Replace({606: b"<broken"})   # other values in labhss's answer
    relay.faults[UAR, impi] = Swallow()                    # no answer
"""
import itertools
import queue
import socket
import struct
import threading

from network import inside
from scripted_hss import SESSION_ID, avp, avps, message, messages

CX, VENDOR = 16777216, 10415
UAR, SAR, LIR, MAR, RTR, PPR = 300, 301, 302, 303, 304, 305
PORT, BEHIND = 3869, 3868


def number(value):
    return struct.pack("!I", value)


def header(one):
    """(command, application, hop-by-hop, end-to-end identifier)"""
    _, word, application, hop, end = struct.unpack("!IIIII", one[:20])
    return word & 0xffffff, application, hop, end


class Refuse:
    def __init__(self, code, experimental=True, more=b""):
        self.code, self.experimental, self.more = code, experimental, more

    def result(self):
        if not self.experimental:
            return avp(268, number(self.code)) + self.more
        return avp(297, avp(266, number(VENDOR)) + avp(298, number(self.code))) + self.more


class Replace:
    def __init__(self, values):
        self.values = values

    def rewrite(self, one):
        body = b"".join(avp(code, self.values.get(code, value), vendor, flags & 0x7f)
                        for code, vendor, flags, value in avps(one[20:]))
        return message(0x40, *header(one), body)


class Swallow:
    pass


class PushingRelay:
    def __init__(self, host, address, hss, scscf):
        self.host, self.address = host, address
        realm = hss.partition(".")[2].encode()
        self.always = (avp(260, avp(266, number(VENDOR)) + avp(258, number(CX))) + avp(277, number(1)) +
                       avp(264, hss.encode()) + avp(296, realm) + avp(293, scscf.encode()) + avp(283, realm))
        self.scscf, self.lock, self.waiting = None, threading.Lock(), {}
        self.faults, self.rewriting = {}, {}  # by command and private identity; by hop-by-hop identifier
        self.numbers = itertools.count(0x70000000)  # hop-by-hop identifiers that labhss does not come to
        self._listen()

    def _listen(self):
        self.listener = self._socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, PORT))
        self.listener.listen()
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()

    def close(self):
        self.listener.close()

    def terminate(self, impi, reason, *impus):
        return self._push(RTR, avp(1, impi.encode()) + b"".join(avp(601, impu.encode(), VENDOR) for impu in impus) +
                          avp(615, avp(616, number(reason), VENDOR), VENDOR))

    def push_profile(self, impi, profile):
        return self._push(PPR, avp(1, impi.encode()) + avp(606, profile.encode(), VENDOR))

    def cut(self):
        """The connections end, and no new one is taken until again()."""
        self.listener.shutdown(socket.SHUT_RDWR)  # a close alone would not wake accept()
        self.listener.close()
        if self.scscf:
            self.scscf.shutdown(socket.SHUT_RDWR)

    def again(self):
        self._listen()

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

    def _serve(self, listener):
        try:
            while True:
                self.scscf, _ = listener.accept()
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
            fault = self.rewriting.pop(header(one)[2], None)
            self._to_scscf(fault.rewrite(one) if fault else one)

    def _to_scscf(self, one):
        with self.lock:
            self.scscf.sendall(one)

    def _from_scscf(self, one, hss):
        request, hop = one[4] & 0x80, header(one)[2]
        if not request and hop in self.waiting:
            return self.waiting.pop(hop).put(one)
        if request and (fault := self._fault_of(one)):
            if isinstance(fault, Swallow):
                return None
            if isinstance(fault, Refuse):
                return self._refuse(one, fault)
            self.rewriting[hop] = fault
        return hss.sendall(one)

    def _fault_of(self, one):
        user = next((value.decode() for code, _, _, value in avps(one[20:]) if code == 1), "")
        return self.faults.get((header(one)[0], user))

    def _refuse(self, one, fault):
        session = next(value for code, _, _, value in avps(one[20:]) if code == SESSION_ID)
        origin = b"".join(avp(code, value, vendor, flags & 0x7f) for code, vendor, flags, value in avps(self.always)
                          if code in (260, 277, 264, 296))
        command, application, hop, end = header(one)
        self._to_scscf(message(0x40, command, application, hop, end, avp(SESSION_ID, session) + origin + fault.result()))
