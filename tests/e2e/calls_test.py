#!/usr/bin/python3
# runs: esp-kernel
# limit: 400
"""Calls between handsets, through IPsec on both sides: what labue hears and says, what the S-CSCF's table and records say.

    ./tests/run e2e calls
"""
import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import Core, Network, Subscriber, wait_until  # noqa: E402


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.core = Core(cls.network, [Subscriber(number) for number in range(1, 4)])
        cls.core.start()
        cls.phones = [cls.core.handset(number) for number in range(1, 4)]

    def registered(self, phone, *options, address=None):
        phone.start("--subscribe", *options, address=address)
        phone.wait_for("notify")
        return phone

    def test_precondition_call(self):
        one = self.registered(self.phones[0])
        two = self.registered(self.phones[1])
        one.tell(f"call:{two.subscriber.impu}")
        one.wait_for("answered")
        one.wait_for("media")
        two.wait_for("media")
        one.tell("hangup")
        two.wait_for("call_ended")
        one.wait_for("call_ended")
        print(json.dumps(one.events(), indent=0), json.dumps(two.events(), indent=0))


if __name__ == "__main__":
    unittest.main()
