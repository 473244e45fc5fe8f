#!/usr/bin/python3
# runs: host
"""labhss as a program: a walk through Cx and gRPC with labhss_walk, restarts, keys, the command line.

Loopback only, no privileges. Programs come from $LAPWING_BIN, else build/release/bin.

    python3 tests/e2e/labhss_test.py [-v] [LabHss.test_...]
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LAPWING_BIN", ROOT / "build" / "release" / "bin"))
DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
K, OPC, OP = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf", "cdc202d5123e20f62b6d676ac72cb318"
IMSI, MSISDN = "001010000000001", "15550100001"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class LabHss(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="labhss-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.port = free_port()
        self.config = self.folder / "labhss.yaml"
        self.log = self.folder / "log"
        self.write(f"  - {{imsi: '{IMSI}', k: {K}, op: {OP}, msisdn: '{MSISDN}'}}\n")

    def write(self, subscribers, extra=""):
        self.config.write_text(
            f"origin_host: hss.{DOMAIN}\nlisten: 127.0.0.1:{self.port}\nplmn: 001/01\n"
            f"state_file: {self.folder}/state.db\ncontrol: {{listen: 'unix:{self.folder}/sock'}}\n"
            f"log: {{level: debug}}\n{extra}subscribers:\n{subscribers}")

    def start(self):
        with open(self.log, "ab") as log:
            hss = subprocess.Popen([BIN / "labhss", "--config", self.config], stdout=log, stderr=log)
        self.addCleanup(lambda: (hss.poll() is None and hss.kill(), hss.wait()))
        end = time.monotonic() + 5
        while time.monotonic() < end and hss.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0 and (self.folder / "sock").exists():
                    return hss
            time.sleep(0.02)
        self.fail("labhss does not start: " + self.log.read_text())

    def walk(self):
        done = subprocess.run(
            [BIN / "labhss_walk", "--hss", f"hss.{DOMAIN}=127.0.0.1:{self.port}", "--control",
             f"unix:{self.folder}/sock", "--domain", DOMAIN, "--imsi", IMSI, "--msisdn", MSISDN, "--k", K, "--opc", OPC],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.log.read_text())
        return int(re.search(r"^seq (\d+)", done.stdout, re.M).group(1))

    def stop(self, hss):
        began = time.monotonic()
        hss.send_signal(signal.SIGTERM)
        self.assertEqual(hss.wait(5), 0)
        self.assertLess(time.monotonic() - began, 2)

    def check_config(self):
        return subprocess.run([BIN / "labhss", "--config", self.config, "--check"], capture_output=True, text=True)

    def test_when_an_s_cscf_walks_through_cx_then_every_answer_is_right(self):
        hss = self.start()
        self.walk()
        self.stop(hss)

    def test_when_it_is_restarted_then_sequence_numbers_go_on(self):
        hss = self.start()
        first = self.walk()
        self.stop(hss)
        hss = self.start()
        second = self.walk()
        self.assertGreater(second, first)
        self.assertLess(second, first + 2000)
        self.stop(hss)

    def test_when_it_is_killed_then_no_sequence_number_comes_again(self):
        hss = self.start()
        first = self.walk()
        hss.kill()
        hss.wait()
        self.start()
        self.assertGreater(self.walk(), first)

    def test_when_it_runs_then_no_key_is_in_its_output(self):
        hss = self.start()
        self.walk()
        self.stop(hss)
        output = self.log.read_bytes().lower()
        self.assertIn(b"mar for", output)
        for key in (K, OPC, OP):
            self.assertNotIn(key.encode(), output)
            self.assertNotIn(bytes.fromhex(key), output)

    def test_when_the_file_changes_then_sighup_takes_the_new_subscribers(self):
        self.write("  - {imsi: '001010000000009', k: %s, opc: %s, msisdn: '15550100009'}\n" % (K, OPC))
        hss = self.start()
        self.write(f"  - {{imsi: '{IMSI}', k: {K}, op: {OP}, msisdn: '{MSISDN}'}}\n")
        hss.send_signal(signal.SIGHUP)
        end = time.monotonic() + 5
        while "1 subscribers read" not in self.log.read_text() and time.monotonic() < end:
            time.sleep(0.02)
        self.walk()
        self.write("  - {imsi: 'x'}\n")
        hss.send_signal(signal.SIGHUP)
        end = time.monotonic() + 5
        while "the configuration stays as it was" not in self.log.read_text() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertIn("the configuration stays as it was", self.log.read_text())
        # The walk pushes a profile, for which the file is read again.
        self.write(f"  - {{imsi: '{IMSI}', k: {K}, op: {OP}, msisdn: '{MSISDN}'}}\n")
        self.walk()
        self.stop(hss)

    def test_when_the_file_is_wrong_then_check_names_lines_and_hides_keys(self):
        self.write(f"  - {{imsi: '{IMSI}', k: {K}, opc: {OPC}, op: {OP}, msisdn: '{MSISDN}'}}\n"
                   f"  - {{imsi: '26201', k: {K}, msisdn: '1'}}\n")
        done = self.check_config()
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"labhss.yaml:8: subscribers[0].op: subscriber {IMSI}: both opc and op are given", done.stderr)
        self.assertIn("labhss.yaml:9: subscribers[1].imsi", done.stderr)
        for key in (K, OPC, OP):
            self.assertNotIn(key[:8], done.stdout + done.stderr)

    def test_when_the_sample_is_checked_then_it_is_right(self):
        self.config = ROOT / "deploy" / "lab" / "labhss.yaml"
        self.assertEqual(self.check_config().returncode, 0)
        self.assertLess(len(self.config.read_text().splitlines()), 25)

    def test_when_the_port_or_the_state_file_is_taken_then_it_does_not_start(self):
        self.start()
        second = subprocess.run([BIN / "labhss", "--config", self.config], capture_output=True, text=True, timeout=10)
        self.assertEqual(second.returncode, 1)
        self.assertIn("state file", second.stderr)
        self.config.write_text(self.config.read_text().replace("state.db", "other.db").replace("/sock", "/other"))
        second = subprocess.run([BIN / "labhss", "--config", self.config], capture_output=True, text=True, timeout=10)
        self.assertEqual(second.returncode, 1)


if __name__ == "__main__":
    unittest.main()
