#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""`imsctl preflight` and `imsctl init` on a kernel with ESP: all is right, nothing of a running P-CSCF is touched, and the
files of init take handsets with and without IPsec.

    ./tests/run e2e preflight_ipsec
"""
import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from init_test import GM, FromInit  # noqa: E402
from network import BIN, Core, Network, Subscriber  # noqa: E402


class PreflightIpsec(unittest.TestCase):
    def test_when_a_P_CSCF_runs_with_a_handset_then_preflight_is_right_and_touches_neither(self):
        with Network() as network:
            core = Core(network, [Subscriber(1)])
            command = [BIN / "imsctl", "--json", "preflight", "--pcscf-config", core.files["pcscf"]]

            def preflight(*wrapper):
                done = core.pcscf.run(*wrapper, *command, check=False)
                checks = json.loads(done.stdout)["checks"]
                self.assertEqual(done.returncode, int(any(one["outcome"] == "failed" for one in checks)), checks)
                return done.returncode, {check["code"]: check for check in checks}

            status, before = preflight()
            self.assertEqual(status, 0, before)
            self.assertEqual(before["cap-net-admin"]["outcome"], "ok")
            self.assertEqual(before["esp"]["outcome"], "ok")
            for words in ("over IPv4 and IPv6", "hmac-sha-1-96/aes-cbc", "hmac-md5-96/null"):
                self.assertIn(words, before["esp"]["text"])
            for what in ("state", "policy"):
                self.assertEqual(core.pcscf.run("/sbin/ip", "xfrm", what).stdout, "", "nothing is left behind")

            core.start()
            phone = core.handset(1)
            phone.start("--subscribe")
            phone.wait_for("notify")
            sas, policies = core.sas(), core.policies()
            self.assertEqual(len(sas), 4)
            status, running = preflight()
            self.assertEqual(status, 0, running)
            self.assertIn("it runs already", running["port"]["text"])
            self.assertEqual([sa["spi"] for sa in core.sas()], [sa["spi"] for sa in sas])
            self.assertEqual(core.policies(), policies)
            self.assertEqual(len(core.pcscf.security_associations()), 4)

            status, without = preflight("/usr/bin/setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
            self.assertEqual(status, 1)
            self.assertEqual(without["cap-net-admin"]["outcome"], "failed")
            self.assertIn("needs CAP_NET_ADMIN", without["esp"]["text"])

    def test_when_the_files_are_init_s_then_handsets_with_and_without_IPsec_register_as_it_was_answered(self):
        with Network() as network:
            lab = FromInit(network)
            for answer, plain_registers in (("optional", True), ("required", False)):
                status, folder, told = lab.init(answer, "--yes", "--gm", GM, "--ipsec", answer)
                self.assertEqual(status, 0, told)
                daemons = list(lab.start(folder, "labhss", "scscf"))
                ready = lab.preflight(folder)
                self.assertEqual(ready.returncode, 0, ready.stdout)
                daemons += lab.start(folder, "pcscf")
                status, events = lab.register(folder)
                self.assertEqual(status, 0, events)
                self.assertIn("security_associations", [event["event"] for event in events])
                status, events = lab.register(folder, "--no-ipsec")
                self.assertEqual(status == 0, plain_registers, events)
                for daemon in reversed(daemons):
                    daemon.stop()


if __name__ == "__main__":
    unittest.main()
