#!/usr/bin/python3
# runs: esp-kernel
# limit: 450
"""Two HSSs, and one is killed while handsets register: no registration fails beyond those that were on their way, registered
users notice nothing, and the HSS that comes back is used again.

    ./tests/run e2e hss_failover
"""
import json
import re
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, wait_until  # noqa: E402
from network import DOMAIN, Core, Subscriber, load_subscribers  # noqa: E402

HANDSETS, RATE, FIRST_IMSI = 60, 4, "001010000001001"
SECOND, ADDRESS = f"hss2.{DOMAIN}", "10.45.0.6"


class HssFailover(CallTest):
    HANDSETS = 2
    SCSCF = {"cx": {"peers": [{"host": f"hss.{DOMAIN}", "address": f"{Core.HSS[0]}:3868"},
                              {"host": SECOND, "address": f"{ADDRESS}:3868"}], "reconnect": "1s"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        core = cls.core
        core.hss.ip(f"addr add {ADDRESS}/24 dev core")
        listed = load_subscribers(HANDSETS, FIRST_IMSI)
        listed = re.sub(r"(msisdn: ['\"]?)1555", r"\g<1>1666", listed)  # others than the handsets'
        # The same subscribers in both, with sequence numbers of their own slot in each.
        own = "".join(f"  - {json.dumps(Subscriber(number).entry())}\n" for number in range(1, cls.HANDSETS + 1))
        first = core.files["labhss"].read_text()
        first = "".join(line for line in first.splitlines(keepends=True) if not line.startswith("subscribers:"))
        first += listed.replace("subscribers:\n", f"subscribers:\n{own}")
        second = first.replace(f'"hss.{DOMAIN}"', f'"{SECOND}"').replace(f"{core.HSS[0]}:3868", f"{ADDRESS}:3868")
        second = second.replace("labhss.db", "labhss2.db").replace("labhss.sock", "labhss2.sock")
        core.files["labhss"].write_text(first)
        cls.second_file = core.network.folder / "labhss2.yaml"
        cls.second_file.write_text("sqn_index: 9\n" + second)
        core.hss.start("labhss", "--config", cls.second_file, name="labhss2").wait_for_line(" serves ")
        core.imsctl("reload")
        core.scscf_daemon.wait_for_line(rf"Diameter peer {SECOND} connected")
        cls.handset_host = core.load_host(9)

    def peers(self):
        return {peer["host"]: peer["state"] for peer in self.core.imsctl("hss")["scscf"]["peers"]}

    def both_open(self):
        return set(self.peers().values()) == {"open"}

    def start_first(self):
        self.core.start_daemon("labhss")
        wait_until(self.both_open, 30, lambda: f"peers: {self.peers()}")

    def test_when_one_is_killed_under_load_then_no_registration_fails_but_those_on_their_way(self):
        wait_until(self.both_open, 30, lambda: f"peers: {self.peers()}")
        load = self.handset_host.start(
            "labue", "load", "--pcscf", f"{Core.GM[0]}:5060", "--handsets", HANDSETS, "--first-imsi", FIRST_IMSI,
            "--first-address", "10.48.0.1", "--t1", "200ms", "--rate", RATE, "--deregister", name="load")
        time.sleep(HANDSETS / RATE / 3)  # in the midst of it
        self.core.labhss_daemon.stop(9)
        load.wait(120)
        phases = {one["phase"]: one for one in map(json.loads, (
            line for line in load.output().splitlines() if line.startswith("{")))}
        registered = phases["register"]
        self.assertLessEqual(registered["attempts"] - registered["successes"], RATE, phases)  # what a second brings
        self.assertEqual(self.peers()[f"hss.{DOMAIN}"] == "open", False)
        self.start_first()
        # Each lab HSS knows those only that registered at it, so not all could leave.
        for entry in self.core.imsctl("registrations").get("scscf", {}).get("registrations", []):
            self.core.imsctl("deregister", entry["impi"], check=False)

    def test_when_both_are_dead_then_registered_users_call_and_come_back_with_the_hss(self):
        one, two = self.phone(1), self.phone(2)
        self.core.labhss_daemon.stop(9)
        second = next(program for program in self.network.programs if program.name == "labhss2" and program.running())
        second.stop(9)
        wait_until(lambda: "open" not in self.peers().values(), 20, lambda: f"peers: {self.peers()}")
        self.talk(one, two)
        self.hang_up(two, one)
        self.core.hss.start("labhss", "--config", self.second_file, name="labhss2").wait_for_line(" serves ")
        self.start_first()
        one.tell("reregister")
        one.next("security_associations")
        self.assertEqual(one.next("registered")["code"], 200)


if __name__ == "__main__":
    unittest.main()
