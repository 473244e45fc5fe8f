#!/usr/bin/python3
# runs: host
# limit: 120
"""`imsctl trace` and `imsctl capture`: the ladder of a registration and a call, kept and shown again, as a picture, followed
live, and as a file that tshark decodes; no key is in any of them. And `imsctl top`.

    ./tests/run e2e trace
"""
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import BIN, DiagnosisTest, PLAIN, wait_until  # noqa: E402  (the first: it finds the lab's modules)

REGISTRATION = ["REGISTER", "REGISTER", "UAR", "UAA 2001", "MAR", "MAA 2001", "401 Unauthorized (REGISTER)",
                "401 Unauthorized (REGISTER)", "REGISTER", "REGISTER", "UAR", "UAA 2002", "SAR", "SAA 2001", "200 OK (REGISTER)",
                "200 OK (REGISTER)"]


class Trace(DiagnosisTest):
    SUBSCRIBERS = 6
    SCSCF = {"registrar": {"accept_unprotected_aka": True}}
    PCSCF = {"ipsec": {"policy": "off"}}

    def text(self, *args):
        return self.core.imsctl_text("trace", *args)

    def file(self, name):
        return str(self.network.folder / name)

    def test_when_a_handset_registers_then_its_ladder_shows_each_message_once(self):
        one, other = self.someone(), self.someone()
        self.register(other, *PLAIN)
        self.register(one, *PLAIN)
        lines = self.text(one.imsi).splitlines()
        self.assertEqual(lines[0].split(), ["UE", self.address(one), "P-CSCF", "S-CSCF", "HSS"])
        labels = [line[14:].replace("│", " ").replace("─", " ").replace("▶", " ").replace("◀", " ").strip()
                  for line in lines[1:]]
        self.assertEqual(labels[:len(REGISTRATION)], REGISTRATION)
        self.assertNotIn(self.address(other), "\n".join(lines))
        for identity in (one.impi, f"sip:{one.imsi}@{one.impi.partition('@')[2]}"):
            self.assertEqual(self.text(identity).splitlines()[1], lines[1])

    def test_when_kept_then_it_is_shown_again_without_daemons_and_as_a_picture(self):
        one = self.someone()
        self.register(one, *PLAIN)
        saved, svg, html = self.file("trace.jsonl"), self.file("trace.svg"), self.file("trace.html")
        shown = self.text(one.imsi, "--save", saved, "--svg", svg, "--html", html)
        again = subprocess.run([BIN / "imsctl", "trace", "--from", saved], text=True, capture_output=True, check=True).stdout
        self.assertEqual(again, shown)
        picture = xml.etree.ElementTree.parse(svg)
        words = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("401 Unauthorized (REGISTER)", words)
        page = Path(html).read_text()
        self.assertIn("<svg", page)
        self.assertIn("WWW-Authenticate: Digest", page)

    def test_when_followed_then_arrows_come_as_messages_do(self):
        one = self.someone()
        log = self.network.folder / "follow.log"
        with open(log, "wb") as out:
            follow = subprocess.Popen([BIN / "imsctl", "--config", self.core.files["imsctl"], "trace", "--follow"], stdout=out)
        self.addCleanup(lambda: (follow.terminate(), follow.wait(10)))
        time.sleep(0.5)
        self.register(one, *PLAIN)
        wait_until(lambda: "200 OK (REGISTER)" in log.read_text() and self.address(one) in log.read_text(), 10,
                   lambda: log.read_text())

    def test_when_the_screen_is_shown_then_there_are_counts_rates_and_events(self):
        one = self.someone()
        top = subprocess.Popen([BIN / "imsctl", "--config", self.core.files["imsctl"], "top", "--count", "3", "--interval", "700ms"],
                               stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        self.register(one, *PLAIN)
        shown = top.communicate(timeout=20)[0]
        self.assertEqual(top.returncode, 0)
        for words in (f"P-CSCF {self.core.control['pcscf']}", "registrations ", "requests ", "/s)", "open", "Last events",
                      "register.accepted"):
            self.assertIn(words, shown)

    def test_when_captured_then_tshark_decodes_SIP_and_Cx_and_there_is_no_key(self):
        one = self.someone()
        self.register(one, *PLAIN)
        path = self.file("capture.pcapng")
        self.core.imsctl_text("capture", one.imsi, "--output", path)
        fields = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "sip.Method", "-e", "sip.Status-Code", "-e",
                                 "diameter.cmd.code", "-e", "_ws.malformed"], text=True, capture_output=True, check=True).stdout
        rows = [row.split("\t") for row in fields.splitlines()]
        self.assertGreaterEqual([row[0] for row in rows].count("REGISTER"), 4)
        self.assertGreaterEqual([row[1] for row in rows].count("401"), 2)
        self.assertEqual({row[2] for row in rows} - {""}, {"300", "301", "303"})
        self.assertEqual({row[3] for row in rows if len(row) > 3} - {""}, set())
        everything = Path(path).read_bytes() + self.text("--full", "--save", self.file("all.jsonl")).encode()
        everything += Path(self.file("all.jsonl")).read_bytes()
        # The keys of the challenges that were sent, as the HSS gave them.
        for keys in self.keys_on_the_wire():
            self.assertNotIn(keys.hex().encode(), everything.lower())
            self.assertNotIn(keys, everything)


if __name__ == "__main__":
    unittest.main()
