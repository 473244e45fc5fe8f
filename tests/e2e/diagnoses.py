"""What the tests of `imsctl explain` share: each brings one fault about, and explain must name it first.

A test is named after the diagnosis: test_wrong_response for "wrong-response". diagnoses_test.py checks that there is exactly
one for each of `imsctl diagnoses`.
"""
import base64
import json
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from aka import Vector, from_nonce  # noqa: E402
from network import BIN, Core, LabError, Network, Subscriber, merged, wait_until  # noqa: E402

T1 = 0.05
TIMERS = {f"{end}_{name}": f"{round(value * 1000)}ms" for end in ("handset", "core")
          for name, value in (("t1", T1), ("t2", 8 * T1), ("t4", 8.5 * T1))}
TIME_OUT = 64 * T1
AWAIT_AUTH = 3  # seconds
PLAIN = ("--no-ipsec", "--first", "udp", "--protected", "udp", "--requests", "udp")  # labue without IPsec


class DiagnosisTest(unittest.TestCase):
    SUBSCRIBERS, HANDSETS = 60, 2
    HSS, SCSCF, PCSCF = {}, {}, {}

    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.subscribers = [Subscriber(number) for number in range(1, cls.SUBSCRIBERS + 1)]
        cls.core = Core(
            cls.network, cls.subscribers, hss=cls.HSS,
            scscf=merged({"registrar": {"await_auth": f"{AWAIT_AUTH}s", "min_expires": "2s"}, "timers": {
                name: value for name, value in TIMERS.items() if name.startswith("core")}}, cls.SCSCF),
            pcscf=merged({"timers": TIMERS, "ipsec": {"await_auth": f"{AWAIT_AUTH}s"}}, cls.PCSCF))
        cls.prepare()
        cls.core.start()
        cls.hosts = [cls.core.handset(number, addresses=99) for number in range(1, cls.HANDSETS + 1)]
        cls.next_number = 0

    @classmethod
    def prepare(cls):
        """What must be there when the daemons start."""

    def someone(self):
        """A subscriber whom no other test has."""
        cls = type(self)
        cls.next_number += 1
        return cls.subscribers[cls.next_number - 1]

    def address(self, subscriber, host=1):
        return f"10.47.{host}.{subscriber.number}"

    def register(self, subscriber, *options, host=1):
        """labue to its end: (exit status, events)."""
        return self.hosts[host - 1].run("--t1", f"{round(T1 * 1000)}ms", *options, subscriber=subscriber,
                                        address=self.address(subscriber, host), check=False)

    def stay(self, subscriber, *options, host=1):
        """A handset that stays registered: of each host one at a time."""
        handset = self.hosts[host - 1]
        handset.start("--t1", f"{round(T1 * 1000)}ms", *options, subscriber=subscriber,
                      address=self.address(subscriber, host))
        handset.wait_for("registered")
        self.addCleanup(self.leave, handset)
        return handset

    @staticmethod
    def leave(handset):
        if handset.program.running():
            handset.tell("quit")
            handset.program.wait(TIME_OUT + 10)

    def keys_on_the_wire(self):
        """CK and IK of the challenges that were sent, as the HSS gave them."""
        messages = [json.loads(line) for line in self.core.imsctl_text("--json", "trace").splitlines()]
        found = []
        for message in messages:
            text = base64.b64decode(message.get("message", "")).decode(errors="replace")
            nonce = re.search(r'WWW-Authenticate:.*nonce="([^"]+)"', text)
            user = re.search(r"To:.*sip:(\d{15})@", text)
            if not nonce or not user:
                continue
            owner = next(one for one in self.subscribers if one.imsi == user[1])
            vector = Vector(bytes.fromhex(owner.k), bytes.fromhex(owner.opc), from_nonce(nonce[1])[0])
            found += [vector.ck, vector.ik]
        self.assertGreaterEqual(len(found), 2)
        return found

    def explain(self, identity):
        return json.loads(self.core.imsctl_text("--json", "explain", identity, check=False))

    def named(self, identity, code, seconds=AWAIT_AUTH + TIME_OUT + 3):
        """The explanation, once it names that cause first."""
        def first():
            told = self.explain(identity)
            found = told.get("findings", [])
            return told if found and found[0]["code"] == code else None
        told = wait_until(first, seconds, lambda: f"not {code}, but: {json.dumps(self.explain(identity), indent=1)[-3000:]}")
        text = self.core.imsctl_text("explain", identity, check=False)
        finding = told["findings"][0]
        for words in (finding["title"], f"[{code}]", finding["advice"][0]):
            self.assertIn(words, text)
        return told

    def fails(self, identity, code, **how):
        """Named, and as a failure of someone who is not registered."""
        told = self.named(identity, code, **how)
        self.assertTrue(told["findings"][0].get("failure"), told["findings"][0])
        self.assertFalse(told.get("registered", False), told)
        return told


__all__ = ["AWAIT_AUTH", "BIN", "ROOT", "Core", "DiagnosisTest", "LabError", "Network", "PLAIN", "Subscriber", "T1", "TIME_OUT", "wait_until"]
