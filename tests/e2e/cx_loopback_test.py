#!/usr/bin/python3
# runs: host
"""scscf on hosts without an address to announce over Diameter but loopback's: labhss and scscf in a network namespace
that has nothing but lo. Needs no privileges where users may make namespaces; skipped elsewhere.

    python3 tests/e2e/cx_loopback_test.py [-v]
"""
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]
from cx_programs import BIN, main  # noqa: E402

NAMESPACE = ["unshare", "--user", "--map-root-user", "--net", "--"]


@unittest.skipIf(subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0, "no user namespaces here")
class LoopbackOnly(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="loopback-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        host = subprocess.Popen([*NAMESPACE, "sleep", "infinity"])
        self.addCleanup(lambda: (host.kill(), host.wait()))
        self.inside = ["nsenter", "--preserve-credentials", "--user", "--net", f"--target={host.pid}", "--"]
        while pathlib.Path(f"/proc/{host.pid}/comm").read_text() != "sleep\n":  # until then it is not root there
            time.sleep(0.01)

    def ip(self, *args):
        subprocess.run([*self.inside, "ip", *args], check=True)

    def start(self, name, config):
        file, log = self.folder / f"{name}.yaml", self.folder / f"{name}.log"
        file.write_text(f"{config}\ncontrol: {{listen: 'unix:{self.folder}/{name}.sock'}}\n")
        with open(log, "wb") as output:
            program = subprocess.Popen([*self.inside, BIN / name, "--config", file], stdout=output, stderr=output)
        self.addCleanup(lambda: (program.kill(), program.wait()))
        return log

    def labhss(self, address):
        log = self.start("labhss", f"origin_host: hss.example\nlisten: '{address}'\nplmn: 001/01\n"
                                   f"state_file: {self.folder}/state.db\nsubscribers: []")
        self.wait_for(" serves ", log)

    def scscf(self, address):
        return self.start("scscf", "name: sip:scscf.example:6060\nhome_domain: example\nlisten: ['127.0.0.1:6060']\n"
                                   "cx: {origin_host: scscf.example, "
                                   f"peers: [{{host: hss.example, address: '{address}'}}]}}\nworkers: 1")

    def wait_for(self, text, log, seconds=8):
        end = time.monotonic() + seconds
        while text not in log.read_text():
            if time.monotonic() > end:
                self.fail("no %r in\n%s" % (text, log.read_text()))
            time.sleep(0.02)

    def test_an_hss_on_loopback(self):
        self.ip("link", "set", "lo", "up")
        self.labhss("127.0.0.1:3868")
        log = self.scscf("127.0.0.1:3868")
        self.wait_for("Diameter peer hss.example connected", log)
        self.wait_for(" is up on ", log)

    def test_an_hss_on_loopback_over_ipv6(self):
        self.ip("link", "set", "lo", "up")
        self.labhss("[::1]:3868")
        self.wait_for("Diameter peer hss.example connected", self.scscf("[::1]:3868"))

    def test_addresses_of_the_network_on_lo(self):
        self.ip("link", "set", "lo", "up")
        self.ip("address", "add", "192.0.2.1/32", "dev", "lo")
        self.labhss("192.0.2.1:3868")
        self.wait_for("Diameter peer hss.example connected", self.scscf("192.0.2.1:3868"))

    def test_no_way_to_the_hss_is_no_reason_not_to_start(self):
        self.ip("link", "set", "lo", "up")
        log = self.scscf("192.0.2.1:3868")
        self.wait_for("no way to 192.0.2.1:3868/tcp: 127.0.0.1 is announced over Diameter", log)
        self.wait_for("hss.example: cannot connect to 192.0.2.1:3868/tcp: Network is unreachable", log)
        self.wait_for(" is up on ", log)


if __name__ == "__main__":
    main()
