#!/usr/bin/python3
# runs: esp-kernel
# limit: 2700
"""500 handsets are registered through IPsec and call each other, 20 more calls are up, and 20 times the S-CSCF, the P-CSCF
or both are killed at a random moment and started again: no registration is lost, no handset registers again, the calls can be
ended, new ones are made, and the P-CSCF's kernel has no security association that is nobody's.

    ./tests/run soak kills            (LAPWING_SOAK_HANDSETS=50 LAPWING_SOAK_ROUNDS=4 LAPWING_SOAK_CALLS=5 for less)

LAPWING_SOAK_SEED repeats the moments of an earlier run. What a call costs in time is that of this machine: user-mode Linux
takes three to four times as long as a kernel on the host.
"""
import json
import os
import random
import re
import shutil
import signal
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from figures import figures_of  # noqa: E402
from network import Core, LabError, Network, Subscriber, load_subscribers, wait_until  # noqa: E402
from phones import Phone  # noqa: E402

HANDSETS = int(os.environ.get("LAPWING_SOAK_HANDSETS", "500"))
ROUNDS = int(os.environ.get("LAPWING_SOAK_ROUNDS", "20"))
CALLS = int(os.environ.get("LAPWING_SOAK_CALLS", "20"))
SEED = int(os.environ.get("LAPWING_SOAK_SEED", time.time()))
FIRST_IMSI = "001010000000001"
T1 = 0.5                   # seconds
TIME_OUT = 64 * T1         # of a transaction
PAIRS = CALLS + 1          # the last makes the first call after a restart
ALL = HANDSETS + 2 * PAIRS
say = figures_of("soak_kills")


def came(phone, *names):
    """The next event of one of these names; None when none comes in a transaction's time."""
    try:
        return phone.next(wait_until(lambda: next((name for name in names if phone.unread(name)), None), TIME_OUT + 5, ""))
    except LabError:
        return None


class SoakKills(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        network = cls.enterClassContext(Network())
        cls.core = core = Core(network, [], scscf={"state_file": "@folder@/scscf.db"},
                               pcscf={"state_file": "@folder@/pcscf.db",
                                      "timers": {"handset_t1": "500ms", "handset_t2": "4s", "handset_t4": "5s"}})
        config = core.files["labhss"].read_text()
        core.files["labhss"].write_text(config.replace("subscribers: []\n", load_subscribers(ALL, FIRST_IMSI)))
        core.start()
        cls.load_host = core.load_host(2 * PAIRS + 1)  # the others have hosts of their own
        core.subscribers = {number: Subscriber(HANDSETS + number) for number in range(1, 2 * PAIRS + 1)}
        cls.random = random.Random(SEED)
        say(f"seed {SEED}: {HANDSETS} handsets, {CALLS} calls, {ROUNDS} rounds")
        cls.addClassCleanup(cls.keep)
        cls.addClassCleanup(cls.leave)
        cls.begin()
        cls.rounds = [cls.round(number) for number in range(1, ROUNDS + 1)]
        cls.end()

    @classmethod
    def begin(cls):
        began = time.monotonic()
        core, cls.phones = cls.core, []
        # Registers, and stays for the calls that its handsets then make: some are under way at each kill.
        cls.load = cls.load_host.start(
            "labue", "load", "--pcscf", f"{Core.GM[0]}:5060", "--handsets", HANDSETS, "--first-imsi", FIRST_IMSI,
            "--first-address", "10.48.0.1", "--t1", "1s", "--window", "20", "--calls", "1000000", "--call-rate", "1",
            name="load")
        cls.load.wait_for_line('"phase":"register"', 400)
        phase = json.loads(next(line for line in cls.load.output().splitlines() if line.startswith("{")))
        say(f"{phase['successes']} of {phase['attempts']} registered in {phase['seconds']:.1f} s {phase['failures'] or ''}")
        for number in core.subscribers:
            handset = core.handset(number)
            handset.start("--t1", f"{round(T1 * 1000)}ms", "--ring", "0.1", "--no-media")
            cls.phones.append(Phone(handset, handset.address))
            cls.phones[-1].next("registered")
        cls.pairs = list(zip(cls.phones[0::2], cls.phones[1::2]))
        failed = cls.make_calls(cls.pairs[:CALLS])
        say(f"{len(cls.phones)} more, {CALLS - len(failed)} calls up after {time.monotonic() - began:.0f} s")
        assert not failed and phase["successes"] == HANDSETS, failed

    @classmethod
    def leave(cls):
        cls.load.stop()
        for phone in cls.phones:
            phone.tell("quit")
        for phone in cls.phones:
            phone.handset.program.wait(TIME_OUT + 5)

    @classmethod
    def keep(cls):
        """Logs, to look at afterwards."""
        folder = os.environ.get("LAPWING_TEST_RESULTS")
        if folder:
            target = Path(folder) / cls.__name__
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            for path in cls.core.network.folder.glob("*.log"):
                shutil.copy(path, target)

    # ---- Calls ----

    @classmethod
    def make_calls(cls, pairs):
        """Those that did not come about, with what came instead."""
        for one, two in pairs:
            one.tell(f"call:{two.impu}")
        ends = [(phone, came(phone, "answered", "call_failed")) for one, two in pairs for phone in (one, two)]
        return [(phone.impu, event) for phone, event in ends if not event or event["event"] != "answered"]

    @classmethod
    def end_calls(cls, pairs):
        """By one of both. Those that did not end with a 200 to BYE at each end."""
        ways = [cls.random.choice((pair, pair[::-1])) for pair in pairs]
        for by, _ in ways:
            by.tell("hangup")
        ends = [(phone, who, came(phone, "call_ended")) for by, other in ways for phone, who in ((by, "us"), (other, "them"))]
        return [(phone.impu, event) for phone, who, event in ends
                if not event or (event["by"], event["code"]) != (who, 200)]

    @classmethod
    def first_call(cls):
        """How many had to be tried."""
        one, two = cls.pairs[-1]
        for tried in range(1, 100):
            one.tell(f"call:{two.impu}")
            if (event := came(one, "answered", "call_failed")) and event["event"] == "answered":
                return tried
        raise LabError("no call comes about")

    # ---- A round ----

    @classmethod
    def round(cls, number):
        core, result = cls.core, {"number": number}
        names = result["killed"] = cls.random.choice((("scscf",), ("pcscf",), ("scscf", "pcscf")))
        time.sleep(cls.random.uniform(0, 2))  # the random moment
        for name in names:
            getattr(core, f"{name}_daemon").process.send_signal(signal.SIGKILL)
        for name in names:
            daemon = getattr(core, f"{name}_daemon")
            daemon.wait()
            daemon.log.rename(daemon.log.with_name(f"{name}-until-{number}.log"))
        time.sleep(cls.random.uniform(0, 3))  # for which there is no daemon
        began = time.monotonic()
        for name in names:
            core.start_daemon(name, 60)
        up = time.monotonic() - began
        result["tried"] = cls.first_call()
        result["first_call"] = time.monotonic() - began
        result["lost"] = cls.lost()
        result["strangers"] = cls.strangers()
        result["not_ended"] = cls.end_calls(cls.pairs)
        result["not_made"] = cls.make_calls(cls.pairs[:CALLS])
        result["registered_anew"] = [phone.impu for phone in cls.phones if phone.unread("registered")]
        result["refused"] = cls.refused_subscriptions()
        say(f"round {number}: {' and '.join(names)}: up after {up:.1f} s, first call answered after {result['first_call']:.1f} s "
            f"({result['tried']} tried); {time.monotonic() - began:.0f} s in all; {cls.gauges('scscf')['subscriptions']} "
            f"subscriptions; {cls.faults(result) or 'all in order'}")
        return result

    @classmethod
    def faults(cls, result):
        return {name: result[name] for name in ("lost", "strangers", "not_ended", "not_made", "registered_anew", "refused")
                if result[name]}

    @classmethod
    def gauges(cls, daemon):
        return {gauge["name"]: int(gauge["value"]) for gauge in cls.core.imsctl("status")[daemon]["gauges"]}

    @classmethod
    def lost(cls):
        """What is not as it was: {daemon: how many it counts, who is missing}."""
        everyone = {Subscriber(number).impi for number in range(1, ALL + 1)}
        listed, lost = cls.core.imsctl("registrations"), {}
        for daemon in ("pcscf", "scscf"):
            count = cls.gauges(daemon)["registrations"]
            missing = everyone - {one["impi"] for one in listed[daemon]["registrations"] if one["state"] == "registered"}
            if count != ALL or missing:
                lost[daemon] = (count, sorted(missing))
        return lost

    @classmethod
    def strangers(cls):
        """SPIs that either the P-CSCF's kernel or the P-CSCF has alone."""
        sets = cls.core.imsctl("sa")["pcscf"]["sets"]
        owned = {one[name] for one in sets for name in ("spiUc", "spiUs", "spiPc", "spiPs")}
        return sorted({sa["spi"] for sa in cls.core.sas()} ^ owned)

    @classmethod
    def refused_subscriptions(cls):
        """Registrations of whose end the P-CSCF would not hear."""
        return Counter(re.findall(r"our SUBSCRIBE to its reg event was answered \d+", cls.core.pcscf_daemon.output()))

    @classmethod
    def end(cls):
        try:  # one of the P-CSCF for each; what went wrong at first it does again after a minute
            wait_until(lambda: cls.gauges("scscf")["subscriptions"] == ALL, 90, "")
        except LabError:
            pass
        cls.subscriptions = cls.gauges("scscf")["subscriptions"]
        progress = [line for line in cls.load.output().splitlines() if line.startswith("call, round 1")]
        say(f"the load's calls: {progress[-1] if progress else 'none'}")
        for names in sorted({one["killed"] for one in cls.rounds}):
            took = sorted(one["first_call"] for one in cls.rounds if one["killed"] == names)
            say(f"{' and '.join(names)}, {len(took)} times: first call after {took[0]:.1f} to {took[-1]:.1f} s, "
                f"median {took[len(took) // 2]:.1f} s")

    # ---- What must be true ----

    def check(self, name):
        self.assertEqual({one["number"]: one[name] for one in self.rounds if one[name]}, {})

    def test_when_daemons_are_killed_then_no_registration_is_lost(self):
        self.check("lost")

    def test_when_daemons_are_killed_then_no_handset_registers_again(self):
        self.check("registered_anew")
        self.assertTrue(self.load.running(), self.load.output()[-2000:])

    def test_when_daemons_are_killed_then_calls_that_are_up_can_be_ended(self):
        self.check("not_ended")

    def test_when_daemons_are_killed_then_new_calls_are_made(self):
        self.check("not_made")

    def test_when_daemons_are_killed_then_no_security_association_is_without_an_owner(self):
        self.check("strangers")

    def test_when_the_pcscf_is_killed_then_it_watches_every_registration_again_and_once(self):
        self.check("refused")
        self.assertEqual(self.subscriptions, ALL)


if __name__ == "__main__":
    unittest.main()
