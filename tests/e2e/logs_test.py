#!/usr/bin/python3
# runs: host
# limit: 120
"""The daemons' logs: JSON lines, the journal's priorities, the limit under a burst, `imsctl debug` of one subscriber among
others, and that no key is in any of it.

    ./tests/run e2e logs
"""
import json
import os
import re
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import BIN, Core, DiagnosisTest, PLAIN  # noqa: E402  (the first: it finds the lab's modules)
from network import inside  # noqa: E402

LIMIT = 5  # lines a second


class Logs(DiagnosisTest):
    SUBSCRIBERS, HANDSETS = 12, 1
    SCSCF = {"log": {"level": "info", "format": "json"}, "registrar": {"accept_unprotected_aka": True}}
    PCSCF = {"log": {"level": "debug", "lines_per_second": LIMIT}, "ipsec": {"policy": "off"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # It is not ready to the tests before it has said so.
        file = cls.core.files["scscf"]
        file.write_text(file.read_text().replace('"level": "info"', '"level": "warn"'))
        cls.core.imsctl_text("reload")

    def log(self, daemon):
        return getattr(self.core, f"{daemon}_daemon").output()

    def json_lines(self):
        """Of the S-CSCF; each of them is an object."""
        lines = [json.loads(line) for line in self.log("scscf").splitlines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertEqual(line["program"], "scscf")
        return lines

    def debug(self, *args, code=0):
        done = subprocess.run([BIN / "imsctl", "--config", self.core.files["imsctl"], "debug", *args], text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def ended(self, subscriber):
        """Of a debugging: when its last lines are written."""
        self.core.pcscf_daemon.wait_for_line(f"{subscriber.imsi}: is no longer debugged")
        self.core.scscf_daemon.wait_for_line(f'"is no longer debugged.*"debugged":"{subscriber.imsi}"')

    def test_when_one_is_debugged_then_all_about_it_is_logged_and_nothing_of_another(self):
        one, other = self.someone(), self.someone()
        listed = self.debug(one.imsi, "--for", "5m")
        self.assertEqual(sorted(row.split()[0] for row in listed.splitlines()[1:]), ["pcscf", "scscf"])
        self.register(one, *PLAIN)
        self.register(other, *PLAIN)
        self.debug(one.imsi, "--off")
        self.ended(one)
        end = len(self.log("pcscf")), len(self.log("scscf"))
        self.register(one, *PLAIN)
        self.assertNotIn(" debug " + one.imsi, self.log("pcscf")[end[0]:])
        self.assertNotIn(one.imsi, self.log("scscf")[end[1]:])

        # The S-CSCF, whose level is warn, as JSON.
        about = [line for line in self.json_lines() if line.get("debugged") == one.imsi]
        self.assertNotIn(other.imsi, self.log("scscf"))
        messages = [line for line in about if "full" in line]
        names = [re.match(r"SIP/2.0 \d+|\S+ ?\d*", line["full"])[0].strip() for line in messages]
        self.assertEqual(names[:12], ["REGISTER", "UAR", "UAA 2001", "MAR", "MAA 2001", "SIP/2.0 401", "REGISTER", "UAR", "UAA 2002",
                                      "SAR", "SAA 2001", "SIP/2.0 200"])
        first = messages[0]
        self.assertEqual((first["direction"], first["carrier"], first["local"], first["remote"]),
                         ("received", "udp", f"{Core.SCSCF[0]}:6060", f"{Core.PCSCF[0]}:5060"))
        self.assertIn("\r\nCall-ID: ", first["full"])
        events = [line for line in about if "kind" in line]
        self.assertEqual([line["kind"] for line in events][:2], ["register.challenged", "register.accepted"])
        self.assertEqual((events[0]["impi"], events[0]["level"]), (one.impi, "debug"))
        self.assertLess(events[0]["time"], events[1]["time"])

        # The P-CSCF as text.
        lines = [line for line in self.log("pcscf").splitlines() if f" pcscf debug {one.imsi}: " in line]
        self.assertRegex(lines[0], rf"^\S+ pcscf debug {one.imsi}: received by udp, {Core.GM[0]}:5060 <- {self.address(one)}:5060: "
                                   rf"REGISTER sip:\S+ SIP/2.0, Call-ID: \S+, CSeq: \d+ REGISTER, From: <sip:{one.imsi}@\S+, To: ")
        self.assertIn(f" debug {one.imsi}: register.accepted {one.impi}: ", "\n".join(lines))
        for line in lines:
            self.assertNotIn(other.imsi, line)

        # The keys were in what the S-CSCF sent.
        logs = (self.log("pcscf") + self.log("scscf")).lower()
        self.assertIn('ck=\\"****', logs)
        for key in self.keys_on_the_wire():
            self.assertNotIn(key.hex(), logs)

    def test_when_its_time_is_over_then_it_ends_by_itself(self):
        one = self.someone()
        self.debug(one.imsi, "--for", "1s")
        self.ended(one)
        self.assertIn(f" pcscf info {one.imsi}: is no longer debugged: the time is over", self.log("pcscf"))
        self.assertIn("is not debugged", self.debug(one.imsi, "--off", code=1))
        self.assertIn("Nobody is debugged", self.debug(code=1))

    def test_when_a_burst_comes_then_the_limit_holds_and_says_so_and_debugging_goes_on(self):
        one = self.someone()
        self.debug(one.imsi)
        self.addCleanup(self.debug, one.imsi, "--off")
        before = self.log("pcscf").count("malformed message from")
        with inside(self.hosts[0].host.namespace):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            for number in range(3000):
                sender.sendto(f"REGISTER nonsense {number}\r\n\r\n".encode(), (Core.GM[0], 5060))
        told = self.core.pcscf_daemon.wait_for_line(
            rf"pcscf warning ([\d,]+) lines left out: more than {LIMIT} a second \(log.lines_per_second\)$")
        self.assertGreater(int(told[1].replace(",", "")), 100)
        self.register(one, *PLAIN)
        self.core.pcscf_daemon.wait_for_line(rf" debug {one.imsi}: register.accepted ")
        self.assertLess(self.log("pcscf").count("malformed message from") - before, 10 * LIMIT + 30 * LIMIT)

    def test_when_systemd_has_started_it_then_lines_have_the_journals_priorities(self):
        folder = self.network.folder
        config = (self.core.files["labhss"].read_text().replace(str(self.core.control["labhss"]), f"unix:{folder}/second.sock")
                  .replace(f"{Core.HSS[0]}:3868", f"{Core.HSS[0]}:3869").replace("labhss.db", "second.db"))
        log, file = folder / "journal.log", folder / "second.yaml"
        log.touch()
        file.write_text(config + 'log: {format: json}\n')
        os.environ["JOURNAL_STREAM"] = f"{log.stat().st_dev}:{log.stat().st_ino}"
        self.addCleanup(os.environ.pop, "JOURNAL_STREAM")
        daemon = self.core.hss.start("labhss", "--config", file, name="second", log=log)
        self.addCleanup(daemon.stop)
        daemon.wait_for_line(" serves ")
        self.assertEqual(json.loads(daemon.wait_for_line(r"^<6>(\{.* serves .*)$")[1])["level"], "info")
        file.write_text(config + 'log: {level: warn}\n')
        # It keeps no messages.
        refused = subprocess.run([BIN / "imsctl", "--scscf", f"unix:{folder}/second.sock", "debug", "1"], text=True, capture_output=True)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("set trace.megabytes", refused.stderr)
        second = ("--labhss", f"unix:{folder}/second.sock")
        told = subprocess.run([BIN / "imsctl", *second, "reload"], text=True, capture_output=True, check=True).stdout
        self.assertIn("changed: subscribers, log.level, log.format", told)
        file.write_text("nonsense: 1\n")
        subprocess.run([BIN / "imsctl", *second, "reload"], capture_output=True)
        daemon.wait_for_line(r"^<4>warning the configuration stays as it was$")
        daemon.stop()
        self.assertNotIn("SIGTERM", daemon.output())


if __name__ == "__main__":
    unittest.main()
