#!/usr/bin/python3
# runs: esp-kernel
# limit: 200
"""The P-CSCF of a called handset is down: the S-CSCF tells the HSS, whose MME brings the handset to another P-CSCF (TS 23.380
section 5.4). Here the test plays the MME: it starts the handset again.

    ./tests/run e2e pcscf_down
"""
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, TIME_OUT, TIMERS, wait_until  # noqa: E402
from network import DOMAIN, Core, yaml_text  # noqa: E402

SECOND = "10.46.0.2:5060"  # at the access; a P-CSCF of its own on the same host
REQID, PATIENCE = 4242, 2


class PcscfDown(CallTest):
    HSS = {"pcscf_restoration": True}
    SCSCF = {"calls": {"pcscf_answers_within": f"{PATIENCE}s"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        core, folder = cls.core, cls.network.folder
        core.pcscf.ip("addr add 10.46.0.2/24 dev access", "addr add 10.45.0.7/24 dev core")
        config = folder / "pcscf2.yaml"
        config.write_text(yaml_text({
            "name": f"pcscf2.{DOMAIN}", "home_domain": DOMAIN, "gm": {"listen": [SECOND]},
            "mw": {"listen": "10.45.0.7:5060", "entry": f"{Core.SCSCF[0]}:6060"},
            "ipsec": {"reqid": REQID, "grace": "6s"}, "timers": TIMERS,
            "control": {"listen": f"unix:{folder}/pcscf2.sock"}, "workers": 2}))
        cls.second = core.pcscf.start("pcscf", "--config", config, log=folder / "pcscf2.log", name="pcscf2")
        cls.second.wait_for_line(" is up: ")

    def sent(self):
        gauges = self.core.imsctl("status", check=False)["scscf"]["gauges"]
        return next(int(one["value"]) for one in gauges if one["name"] == "client_transactions")

    def test_when_the_callee_s_P_CSCF_is_down_then_the_HSS_is_told_and_the_handset_is_reached_through_another(self):
        core = self.core
        one, two = self.phone(1), self.phone(2, pcscf=SECOND)
        self.talk(two, one)
        self.hang_up(two, one)
        core.pcscf_daemon.stop(signal.SIGKILL)
        began = time.monotonic()
        two.tell(f"call:{one.impu}")
        two.next("call_out")
        self.assertEqual(two.next("call_failed")["code"], 480)
        self.assertLess(time.monotonic() - began, PATIENCE + 2)
        core.labhss_daemon.wait_for_line(rf"P-CSCF of {one.subscriber.imsi} is down")
        listed = {entry["imsi"]: entry["state"] for entry in core.imsctl("subscribers")["labhss"]["subscribers"]}
        self.assertEqual(listed[one.subscriber.imsi], "unregistered")
        self.assertEqual(listed[two.subscriber.imsi], "registered")
        # What the MME does.
        one.handset.program.stop(signal.SIGKILL)
        for kind in ("state", "policy"):
            one.host.run("/sbin/ip", "xfrm", kind, "flush")
        one = self.phone(1, pcscf=SECOND)
        self.talk(two, one)
        self.hang_up(one, two)
        # Then it is back. What was still to be sent to it has been given up.
        wait_until(lambda: self.sent() == 0, TIME_OUT + 5, lambda: f"{self.sent()} requests of the S-CSCF are without an answer")
        core.start_daemon("pcscf")
        wait_until(lambda: not core.sas(), 10, lambda: f"associations of the P-CSCF that was killed: {core.sas()}")


if __name__ == "__main__":
    unittest.main()
