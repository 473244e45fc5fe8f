#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""Two S-CSCFs, and one of them is killed: its users are called through the other, which has their registrations from the HSS,
and are told to register anew when they call (TS 23.380).

    ./tests/run e2e two_servers
"""
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, TIMERS  # noqa: E402
from network import BIN, DOMAIN, Subscriber, yaml_text  # noqa: E402

SECOND, ADDRESS = f"sip:scscf2.{DOMAIN}:6060", "10.45.0.5"
WANTS_SECOND = {"optional_capabilities": [2]}


def subscriber(number, profile=None):
    one = Subscriber(number)
    entry = one.entry()
    return {**entry, "profile": profile} if profile else entry


class TwoServers(CallTest):
    """Handset 1 is served by the second S-CSCF, which has the capability that its profile wishes; handset 2 by the first,
    which interrogates for both."""
    HANDSETS = 2
    HSS = {"subscribers": [subscriber(1, WANTS_SECOND), subscriber(2)]}
    SCSCF = {"servers": [{"name": SECOND, "address": f"{ADDRESS}:6060", "capabilities": [2]}]}
    PCSCF = {"mw": {"trusted": [f"{ADDRESS}/32"]}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        core = cls.core
        cls.host = core.core_host("scscf2", f"{ADDRESS}/24")
        cls.file = core.network.folder / "scscf2.yaml"
        cls.file.write_text(yaml_text({
            "name": SECOND, "home_domain": DOMAIN, "listen": [f"{ADDRESS}:6060"], "capabilities": [2],
            "servers": [{"name": f"sip:scscf.{DOMAIN}:6060", "address": f"{core.SCSCF[0]}:6060"}],
            "registrar": {"reauthenticate_after": "0s"},
            "timers": {name: value for name, value in TIMERS.items() if name.startswith("core")},
            "cx": {"origin_host": f"scscf2.{DOMAIN}",
                   "peers": [{"host": f"hss.{DOMAIN}", "address": f"{core.HSS[0]}:3868"}]},
            "control": {"listen": f"unix:{core.network.folder}/scscf2.sock"}, "workers": 2}))

        cls.start_second()
        cls.killed = -40.0

    @classmethod
    def start_second(cls):
        cls.starts = getattr(cls, "starts", 0) + 1
        name = f"scscf2-{cls.starts}"
        cls.second = cls.host.start("scscf", "--config", cls.file, name=name, log=cls.network.folder / f"{name}.log")
        cls.second.wait_for_line(r"Diameter peer \S+ connected")

    def setUp(self):
        if not self.second.running():
            self.start_second()
        # One that was silent is left out for half a minute: from when that was noticed.
        time.sleep(max(0, self.killed + 40 - time.monotonic()))

    def kill_second(self):
        self.second.stop(9)
        type(self).killed = time.monotonic()

    def served_by(self, phone):
        listed = self.core.imsctl("subscribers")["labhss"]["subscribers"]
        return next(one["scscf"] for one in listed if one["imsi"] == phone.subscriber.imsi)

    def event(self, name, identity):
        return [one for one in self.core.imsctl("show", identity)["scscf"]["events"] if one["kind"] == name]

    def test_when_the_callee_s_server_is_killed_then_the_other_takes_the_user_and_the_call_arrives(self):
        one, two = self.phone(1), self.phone(2)
        self.assertEqual(self.served_by(one), SECOND)
        self.talk(two, one)
        self.hang_up(two, one)
        self.kill_second()
        two.tell(f"call:{one.impu}")
        two.next("call_out")
        one.next("call_in", 30)
        for phone in (one, two):
            self.assertEqual(phone.next("answered")["codec"], "AMR-WB/16000")
            phone.next("media")
        self.assertNotEqual(self.served_by(one), SECOND)
        self.assertEqual(len(self.event("register.restored", one.impu)), 1)
        self.hang_up(one, two)
        # And the next one without a pause.
        self.talk(two, one)
        self.hang_up(two, one)

    def test_when_the_caller_s_server_is_killed_then_it_is_told_to_register_anew_and_calls_through_the_other(self):
        one, two = self.phone(1), self.phone(2)
        self.kill_second()
        one.tell(f"call:{two.impu}")
        one.next("call_out")
        one.next("told_to_register_anew", 30)
        self.assertEqual(one.next("call_failed")["code"], 504)
        one.tell("register")
        one.next("security_associations", 30)
        self.assertEqual(one.next("registered", 30)["code"], 200)
        self.assertNotEqual(self.served_by(one), SECOND)
        self.talk(one, two)
        self.hang_up(one, two)

    def test_when_the_server_starts_again_with_nothing_in_memory_then_its_user_calls_without_registering(self):
        one, two = self.phone(1), self.phone(2)
        self.kill_second()
        self.start_second()
        self.talk(one, two)
        self.hang_up(two, one)
        self.assertEqual(self.served_by(one), SECOND)
        self.assertEqual(one.unread("registered"), [])

    def test_when_the_server_drains_then_new_users_go_to_the_other(self):
        def drain(*options):
            subprocess.run([BIN / "imsctl", "--scscf", self.core.control["scscf"], "drain", *options], check=True, timeout=30)
        drain("--no-wait")
        self.addCleanup(drain, "--resume")
        # The first drains: handset 2, which it would serve, is served by the second.
        two = self.phone(2)
        self.assertEqual(self.served_by(two), SECOND)


if __name__ == "__main__":
    unittest.main()
