#!/usr/bin/python3
# runs: esp-kernel
# limit: 400
"""A daemon is killed in the middle of a registration: the handset gets a clear answer or none within SIP's time, the next
attempt after the restart succeeds, and no security association outlives its time.

    ./tests/run e2e kill
"""
import json
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import BIN, Core, Network, Subscriber, inside, wait_until  # noqa: E402

AWAIT_AUTH, GRACE = 2, 1          # seconds
MOMENTS = (0.0, 0.02, 0.05, 0.1)  # seconds after the handset has started; a registration takes about 0.05 here
T1 = "100ms"                      # SIP's time-out is then 6.4 s


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        network = cls.enterClassContext(Network())
        cls.core = Core(network, [Subscriber(1)], scscf={"cx": {"deadline": "1s", "reconnect": "1s"}}, pcscf={
            "ipsec": {"grace": f"{GRACE}s", "await_auth": f"{AWAIT_AUTH}s"},
            "timers": {"handset_t1": T1, "handset_t2": "1s", "handset_t4": "1s"}})
        cls.core.start()
        cls.phone = cls.core.handset(1)

    def begin(self):
        """A handset that has started to register."""
        with inside(self.phone.host.namespace):
            handset = subprocess.Popen([BIN / "labue", "register", *map(str, self.phone.arguments()), "--t1", T1],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (handset.kill(), handset.communicate()))
        return handset

    def kill_at(self, name, moment):
        handset = self.begin()
        time.sleep(0.02 + moment)  # labue's own start
        daemon = getattr(self.core, f"{name}_daemon")
        daemon.stop(signal.SIGKILL)
        out, err = handset.communicate(timeout=30)
        events = [json.loads(line) for line in out.splitlines()]
        last = events[-1] if events else {"event": "none"}
        self.assertIn(last["event"], ("registered", "registration_failed"), f"{events} {err}")
        if last["event"] == "registration_failed":
            self.assertTrue(last["code"] == 0 or 400 <= last["code"] < 700, last)
            self.assertTrue(last["why"])

        self.core.start_daemon(name)
        if name != "pcscf":
            self.core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")

        def again():
            status, _ = self.phone.run("--t1", T1, "--subscribe", "--then", "deregister", check=False)
            return status == 0
        wait_until(again, 30, f"no registration succeeds after {name} was killed and started again")
        wait_until(lambda: not self.core.sas(), AWAIT_AUTH + GRACE + 5,
                   lambda: f"security associations are left: {len(self.core.sas())}; {self.core.imsctl_text('sa', check=False)}")


for _name in ("labhss", "scscf", "pcscf"):
    for _moment in MOMENTS:
        setattr(Kill, f"test_when_{_name}_is_killed_after_{round(_moment * 1000)}_ms_then_the_next_attempt_succeeds",
                lambda self, name=_name, moment=_moment: self.kill_at(name, moment))

if __name__ == "__main__":
    unittest.main()
