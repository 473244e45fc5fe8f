#!/usr/bin/python3
# runs: host
# limit: 100
"""`imsctl init`: its files as they are start every daemon, and a handset without IPsec registers.

With IPsec: preflight_ipsec_test.py.

    ./tests/run e2e init
"""
import json
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import BIN, Network  # noqa: E402

GM, HANDSET = "10.46.0.1", "10.46.0.11"
READY = {"labhss": " serves ", "scscf": " is up ", "pcscf": " is up: "}


class FromInit:
    """One host with all daemons, from the files of `imsctl init`, and one handset beside it."""

    def __init__(self, network):
        self.network = network
        self.host, self.phone = network.host("core"), network.host("phone")
        network.cable(self.host, "access", self.phone, "radio")
        self.host.ip(f"addr add {GM}/24 dev access")
        self.phone.ip(f"addr add {HANDSET}/24 dev radio")

    def init(self, name, *options, answers=None):
        """The folder with its files, and what it printed."""
        folder = self.network.folder / name
        log = self.network.folder / f"{name}.init"
        feed = self.network.folder / f"{name}.answers"
        feed.write_text(answers or "")
        with open(feed) as stdin:
            wizard = self.host.start("imsctl", "init", "--directory", folder, *options, name=f"init-{name}", log=log,
                                     stdin=stdin)
        status = wizard.wait()
        return status, folder, log.read_text()

    def start(self, folder, *names):
        for name in names:
            daemon = self.host.start(name, "--config", folder / f"{name}.yaml", name=f"{name}-{folder.name}")
            daemon.wait_for_line(READY[name])
            if name == "scscf":
                daemon.wait_for_line(r"Diameter peer \S+ connected")
            yield daemon

    def preflight(self, folder):
        return self.host.run(BIN / "imsctl", "preflight", "--pcscf-config", folder / "pcscf.yaml", "--scscf-config",
                             folder / "scscf.yaml", check=False)

    def register(self, folder, *options):
        imsi = re.search(r'imsi: "(\d+)"', (folder / "labhss.yaml").read_text())[1]
        done = self.phone.run(BIN / "labue", "register", "--pcscf", f"{GM}:5060", "--imsi", imsi, "--subscribers",
                              folder / "labhss.yaml", "--address", HANDSET, "--json", *options, check=False)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def imsctl(self, folder, *args):
        return self.host.run(BIN / "imsctl", "--config", folder / "imsctl.yaml", *args).stdout


class Init(unittest.TestCase):
    def setUp(self):
        self.lab = FromInit(self.enterContext(Network()))

    def test_when_files_are_made_then_the_daemons_start_from_them_and_a_handset_registers(self):
        status, folder, told = self.lab.init("lab", "--yes", "--gm", GM, "--ipsec", "off")
        self.assertEqual(status, 0, told)
        self.assertIn(f"labhss --config {folder}/labhss.yaml &", told)
        for name in READY:
            text = (folder / f"{name}.yaml").read_text()
            self.assertLessEqual(text.count("\n"), 20)
            self.assertIn(": ok", self.lab.host.run(BIN / name, "--config", folder / f"{name}.yaml", "--check").stdout)
        # As the output says: the HSS, then preflight, then the rest.
        daemons = list(self.lab.start(folder, "labhss"))
        ready = self.lab.preflight(folder)
        self.assertEqual(ready.returncode, 0, ready.stdout)
        daemons += self.lab.start(folder, "scscf", "pcscf")
        status, events = self.lab.register(folder, "--no-ipsec")
        self.assertEqual(status, 0, events)
        self.assertIn("registered", [event["event"] for event in events])
        self.assertIn("001010000000001", self.lab.imsctl(folder, "registrations"))
        self.assertEqual(self.lab.preflight(folder).returncode, 0, "all run, and nothing is in the way")
        for daemon in daemons:
            self.assertEqual(daemon.stop(), 0)
        keys = re.findall(r'(?:k|opc): "([0-9a-f]{32})"', (folder / "labhss.yaml").read_text())
        self.assertEqual(len(keys), 2)
        for log in self.lab.network.folder.glob("*.log"):
            for key in keys:
                self.assertNotIn(key, log.read_text() + told)

    def test_when_questions_are_answered_then_wrong_ones_are_asked_again_and_the_usual_gm_is_this_host_s(self):
        status, folder, told = self.lab.init("asked", answers="1/1\n262/42\n\n\n10.45.0.2 hss.example.org\n\n")
        self.assertEqual(status, 0, told)
        self.assertIn("Not right: write MCC/MNC", told)
        self.assertIn(f"[{GM}]", told)
        self.assertIn(f"{GM}:5060", (folder / "pcscf.yaml").read_text())
        self.assertIn("ims.mnc042.mcc262.3gppnetwork.org", (folder / "scscf.yaml").read_text())
        self.assertFalse((folder / "labhss.yaml").exists())
        # The HSS is behind no route here: preflight says so.
        self.assertIn("no route to 10.45.0.2", self.lab.preflight(folder).stdout)
        status, _, told = self.lab.init("asked", "--yes")
        self.assertEqual(status, 1)
        self.assertIn(f"{folder}/pcscf.yaml exists", told)


if __name__ == "__main__":
    unittest.main()
