#!/usr/bin/python3
# runs: esp-kernel
# limit: 1500
"""2,000 handsets, each with its own address, register through IPsec and end their registrations, in three rounds: after each the
kernel has no security association and no daemon a binding, and memory does not grow.

    ./tests/run soak registrations            (LAPWING_SOAK_HANDSETS=200 for fewer)
"""
import json
import os
import re
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from figures import figures_of  # noqa: E402
from network import Core, LabError, Network, load_subscribers, wait_until  # noqa: E402

HANDSETS = int(os.environ.get("LAPWING_SOAK_HANDSETS", "2000"))
ROUNDS, GRACE = 3, 2
say = figures_of("soak_registrations")
FIRST_IMSI = "001010000000001"


def resident(program):
    """kB"""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{program.pid}/status").read_text())[1])


class Soak(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        network = cls.enterClassContext(Network())
        # Transactions end soon, so that what is left after a round is what stays.
        timers = {f"{side}_{name}": value for side in ("handset", "core")
                  for name, value in (("t1", "100ms"), ("t2", "1s"), ("t4", "1s"))}
        cls.core = core = Core(network, [], scscf={"timers": timers}, pcscf={"timers": timers, "ipsec": {"grace": f"{GRACE}s"}})
        config = core.files["labhss"].read_text()
        core.files["labhss"].write_text(config.replace("subscribers: []\n", load_subscribers(HANDSETS, FIRST_IMSI)))
        core.start()
        cls.handsets = core.load_host(1)
        cls.rounds = [cls.round(number) for number in range(1, ROUNDS + 1)]

    @classmethod
    def round(cls, number):
        core = cls.core
        began = time.monotonic()
        load = cls.handsets.start(
            "labue", "load", "--pcscf", f"{Core.GM[0]}:5060", "--handsets", HANDSETS, "--first-imsi", FIRST_IMSI,
            "--first-address", "10.48.0.1", "--t1", "1s", "--window", "20", "--deregister",
            "--client-ports", "6301,6302", name=f"load-{number}")
        most = 0
        while load.running():
            most = max(most, cls.gauges("pcscf").get("sa_sets", 0))
            time.sleep(1)
        status = load.wait()
        phases = [json.loads(line) for line in load.output().splitlines() if line.startswith("{")]
        for phase in phases:
            say(f"round {number}: {phase['phase']}: {phase['successes']} of {phase['attempts']} in {phase['seconds']:.1f} s, "
                f"{phase['rate']:.0f}/s, p99 {phase['latency_ms']['p99']:.0f} ms {phase['failures'] or ''}")
        try:
            wait_until(lambda: not core.sas() and not any(cls.left().values()), GRACE + 30, "")
        except LabError:
            pass
        result = {"status": status, "phases": phases, "most": most, "left": cls.left(), "sas": len(core.sas()),
                  "handset_sas": len(cls.handsets.security_associations()), "output": load.output()[-2000:],
                  "resident": {name: resident(getattr(core, f"{name}_daemon")) for name in ("labhss", "scscf", "pcscf")}}
        left = {name: count for name, count in result["left"].items() if count} or "no binding, no transaction"
        say(f"round {number}: {time.monotonic() - began:.0f} s; at most {most} SA sets; left: {result['sas']} SAs, {left}; "
            f"resident kB: {result['resident']}")
        return result

    @classmethod
    def gauges(cls, daemon):
        status = cls.core.imsctl("status", check=False).get(daemon, {})
        return {gauge["name"]: int(gauge["value"]) for gauge in status.get("gauges", [])}

    @classmethod
    def left(cls):
        """What must be gone once all handsets have left."""
        wanted = {"pcscf": ("registrations", "challenged", "sa_sets", "server_transactions", "client_transactions"),
                  "scscf": ("registrations", "contacts", "challenges", "subscriptions", "server_transactions",
                            "client_transactions")}
        return {f"{daemon} {name}": gauges.get(name, 0) for daemon, names in wanted.items()
                for gauges in [cls.gauges(daemon)] for name in names}

    def test_when_2000_handsets_register_and_leave_then_all_succeed(self):
        for one in self.rounds:
            self.assertEqual(one["status"], 0, one["output"])
            self.assertEqual([phase["successes"] for phase in one["phases"]], [HANDSETS, HANDSETS])

    def test_when_the_grace_time_is_over_then_no_association_and_no_binding_is_left(self):
        for one in self.rounds:
            self.assertEqual((one["sas"], one["handset_sas"]), (0, 0))
            self.assertEqual({name: count for name, count in one["left"].items() if count}, {})

    def test_when_round_3_is_over_then_memory_is_that_of_round_2(self):
        second, third = self.rounds[1]["resident"], self.rounds[2]["resident"]
        for name in second:
            self.assertLessEqual(third[name], second[name] * 1.05, name)


if __name__ == "__main__":
    unittest.main()
