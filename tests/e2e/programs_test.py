#!/usr/bin/python3
# runs: host
# limit: 60
"""The example for programs: it lists registrations and follows events by gRPC.

    ./tests/run e2e programs
"""
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import ROOT, DiagnosisTest, PLAIN, wait_until  # noqa: E402  (the first: it finds the lab's modules)

EXAMPLE = ROOT / "examples/python/registrations"


class Programs(DiagnosisTest):
    SUBSCRIBERS, HANDSETS = 3, 1
    SCSCF = {"registrar": {"accept_unprotected_aka": True}}
    PCSCF = {"ipsec": {"policy": "off"}}

    def test_when_asked_then_it_lists_who_is_registered(self):
        one = self.someone()
        self.register(one, *PLAIN)
        for daemon in ("pcscf", "scscf"):
            listed = subprocess.run([EXAMPLE, self.core.control[daemon]], text=True, capture_output=True, check=True).stdout
            row = next(line.split("\t") for line in listed.splitlines() if line.startswith(one.impi))
            self.assertEqual(row[1:3], ["registered", f"sip:{self.address(one)}:5060"])
            self.assertIn(one.impu, row[3])

    def test_when_following_then_events_come_with_their_diagnosis(self):
        one = self.someone()
        log = self.network.folder / "follow.log"
        with open(log, "wb") as out:
            follow = subprocess.Popen([EXAMPLE, self.core.control["scscf"], "--follow"], stdout=out, stderr=out)
        self.addCleanup(lambda: (follow.terminate(), follow.wait(10)))
        wait_until(lambda: self.register(one, *PLAIN, "--misbehave", "wrong-res") and "wrong-response" in log.read_text(), 20,
                   lambda: log.read_text())
        row = next(line.split("\t") for line in log.read_text().splitlines() if "wrong-response" in line)
        self.assertEqual(row[1:4], ["register.rejected", one.impi, "wrong-response"])

    def test_when_nobody_listens_then_it_says_so(self):
        failed = subprocess.run([EXAMPLE, "unix:/run/lapwing/nobody.sock"], text=True, capture_output=True)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("unix:/run/lapwing/nobody.sock: ", failed.stderr)


if __name__ == "__main__":
    unittest.main()
