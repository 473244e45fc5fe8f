#!/usr/bin/python3
# runs: esp-kernel
# limit: 450
"""`imsctl esp-keys`: refused until ipsec.export_keys is switched on; then tshark deciphers every ESP packet of the registrations
with the file that it wrote, and finds every ICV good. Each export is told to watchers and to the log, the keys are not.

    ./tests/run e2e esp_keys
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from network import BIN, Core, Network, Subscriber  # noqa: E402
from secrets_test import spellings  # noqa: E402
from wire import read_capture  # noqa: E402

ESP = 50
GMAC = "aes-gmac/null"  # Wireshark 4.0 does not have it
CASES = [(4, "hmac-sha-1-96/aes-cbc"), (4, "hmac-md5-96/null"), (6, "hmac-sha-1-96/aes-cbc"), (4, "hmac-md5-96/des-ede3-cbc"),
         (4, "null/aes-gcm"), (6, "hmac-md5-96/null"), (4, GMAC)]
DEBUG = {"log": {"level": "debug"}}
SWITCH = "ipsec.export_keys"


class Case:
    def __init__(self, number, family, pair):
        self.family, self.pair, self.subscriber = family, pair, Subscriber(number)
        self.address = f"10.47.1.{number}" if family == 4 else f"fd00:47:1::{number:x}"
        self.keys, self.kernel, self.saved, self.shown = {}, {}, None, ""  # keys by SPI


class EspKeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = network = cls.enterClassContext(Network())
        cls.cases = [Case(number, *case) for number, case in enumerate(CASES, start=1)]
        cls.core = core = Core(network, [case.subscriber for case in cls.cases], hss=DEBUG, scscf=DEBUG, pcscf={
            **DEBUG, "state_file": "@folder@/pcscf.db", "ipsec": {"algorithms": sorted({pair for _, pair in CASES}), "grace": "1s"}})
        core.start()
        cls.addClassCleanup(cls.keep)
        cls.watches = [core.pcscf.start("imsctl", "--config", core.files["imsctl"], *options, "watch", name=f"watch{len(options)}")
                       for options in ((), ("--json",))]
        cls.captures = {name: network.folder / f"{name}.pcap" for name in ("access", "core")}
        dumps = [core.pcscf.capture(name, path) for name, path in cls.captures.items()]
        cls.handset = core.handset(1, addresses=len(CASES))
        cls.file = network.folder / "wireshark" / "esp_sa"
        cls.file.parent.mkdir()
        cls.file.write_text("# This was here before.\n")
        cls.file.chmod(0o644)
        cls.refused = []
        for case in cls.cases:
            cls.run_case(case)
        cls.switch(False)
        cls.refused.append(cls.imsctl("esp-keys"))
        cls.exported = network.folder / "exported.pcapng"
        core.imsctl_text("capture", "--output", str(cls.exported))
        for dump in dumps:
            dump.stop()
        cls.text = cls.file.read_text()
        cls.packets = {name: read_capture(path, cls.text) for name, path in cls.captures.items()}
        cls.logs = {daemon.name: daemon.output() for daemon in (core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon)}
        for watch in cls.watches:
            watch.stop()
        cls.watched = [watch.output() for watch in cls.watches]
        cls.restart()

    @classmethod
    def keep(cls):
        """Captures and logs, to look at afterwards."""
        folder = os.environ.get("LAPWING_TEST_RESULTS")
        if folder:
            target = Path(folder) / cls.__name__
            target.mkdir(exist_ok=True)
            for path in (*cls.network.folder.glob("*.pcap*"), *cls.network.folder.glob("*.log"), cls.file):
                shutil.copy(path, target)

    @classmethod
    def run_case(cls, case):
        phone, core, imsi = cls.handset, cls.core, case.subscriber.imsi
        phone.start("--subscribe", "--algorithms", case.pair, subscriber=case.subscriber, address=case.address)
        phone.wait_for("notify")
        if not cls.refused:
            cls.refused.append(cls.imsctl("esp-keys", imsi))
            cls.switch(True)
        case.saved = cls.imsctl("esp-keys", imsi, "--save", cls.file)
        case.mode = cls.file.stat().st_mode & 0o777
        case.keys = {sa["spi"]: sa for sa in core.imsctl("esp-keys", imsi)["pcscf"]["sas"]}
        case.kernel = {sa["spi"]: sa for sa in core.sas() if case.address in (sa["source"], sa["destination"])}
        case.shown = core.imsctl_text("show", imsi)
        phone.tell("quit")
        phone.program.wait(20)

    @classmethod
    def restart(cls):
        """The P-CSCF, while a handset is registered."""
        cls.switch(True)
        cls.handset.start("--subscribe", subscriber=cls.cases[0].subscriber, address=cls.cases[0].address)
        cls.handset.wait_for("notify")
        cls.core.pcscf_daemon.stop()
        cls.core.start_daemon("pcscf", 60)
        cls.adopted = cls.imsctl("esp-keys")

    @classmethod
    def switch(cls, on):
        path = cls.core.files["pcscf"]
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("ipsec: "):
                lines[number] = f"ipsec: {json.dumps({**json.loads(line[7:]), 'export_keys': on})}"
        path.write_text("\n".join(lines) + "\n")
        changed = cls.core.imsctl("reload")["pcscf"].get("changed", [])
        if changed != [SWITCH]:
            raise AssertionError(f"not {SWITCH}, but {changed} has changed")

    @classmethod
    def imsctl(cls, *words):
        return subprocess.run([BIN / "imsctl", "--config", cls.core.files["imsctl"], *words], text=True, capture_output=True,
                              timeout=30)

    def all_keys(self):
        return {base64.b64decode(sa[kind]) for case in self.cases for sa in case.keys.values()
                for kind in ("integrityKey", "encryptionKey")} - {b""}

    # ---- The switch ----

    def test_when_it_is_off_then_keys_are_refused_and_it_says_what_to_set(self):
        self.assertEqual(len(self.refused), 2)
        for done in self.refused:
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("set export_keys: true under ipsec:", done.stderr)
            self.assertIn("imsctl reload", done.stderr)

    def test_when_keys_are_given_then_they_are_the_kernel_s(self):
        for case in self.cases:
            with self.subTest(pair=case.pair, family=case.family):
                self.assertEqual(len(case.keys), 4)
                self.assertEqual(case.keys.keys(), case.kernel.keys())
                for spi, sa in case.keys.items():
                    kernel = case.kernel[spi]
                    self.assertEqual((sa["source"], sa["destination"]), (kernel["source"], kernel["destination"]))
                    given = {base64.b64decode(sa[kind]).hex() for kind in ("integrityKey", "encryptionKey")} - {""}
                    has = {kernel[kind][1][2:] for kind in ("auth", "enc", "aead") if kind in kernel} - {""}
                    self.assertEqual(given, has)

    def test_when_saved_then_the_file_is_private_and_has_all_registrations(self):
        for case in self.cases:
            self.assertEqual(case.mode, 0o600)
            gmac = case.pair == GMAC
            self.assertEqual(case.saved.returncode, 1 if gmac else 0, case.saved)
            self.assertEqual("cannot decipher aes-gmac/null" in case.saved.stderr, gmac)
        lines = self.text.splitlines()
        self.assertEqual(len([line for line in lines if line.startswith('"IPv')]), 4 * (len(CASES) - 1))
        self.assertIn("# This was here before.", lines)

    def test_when_associations_are_of_before_a_restart_then_it_says_that_only_the_kernel_knows_their_keys(self):
        self.assertEqual((self.adopted.returncode, self.adopted.stdout), (1, ""))
        self.assertIn("the keys of 4 security associations are known to the kernel alone", self.adopted.stderr)

    # ---- Wireshark ----

    def test_when_tshark_has_the_file_then_every_ESP_packet_is_deciphered_and_its_ICV_is_good(self):
        for case in self.cases:
            packets = [packet for packet in self.packets["access"] if case.address in (packet.source, packet.destination)]
            protected = [packet for packet in packets if packet.protocol == ESP and not packet.fragment]
            self.assertGreater(len(protected), 8, case.pair)
            if case.pair == GMAC:
                self.assertEqual([packet.sip for packet in protected if packet.sip], [])
                continue
            with self.subTest(pair=case.pair, family=case.family):
                for packet in protected:
                    self.assertTrue(packet.authenticated, packet)
                    self.assertRegex(packet.layers, ":esp:(ip:|ipv6:)?(tcp|udp)")
                lines = [line for packet in protected for line, *_ in packet.sip]
                for begin in ("REGISTER sip:", "SIP/2.0 200", "SUBSCRIBE ", "NOTIFY "):
                    self.assertTrue(any(line.startswith(begin) for line in lines), f"no {begin} inside ESP: {lines}")

    def test_when_tshark_lacks_the_file_then_it_deciphers_nothing(self):
        for packet in read_capture(self.captures["access"]):
            if packet.protocol == ESP:
                self.assertFalse(packet.authenticated or packet.sip, packet)

    def test_when_tshark_is_called_as_the_help_says_then_SIP_is_shown(self):
        done = self.imsctl("esp-keys", "--help")
        command = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("tshark "))
        command = [str(self.captures["access"]) if word == "CAPTURE" else word for word in command]
        shown = subprocess.run([*command, "-Y", "esp && sip.Method == REGISTER"], text=True, capture_output=True, check=True, env={
            **os.environ, "WIRESHARK_CONFIG_DIR": str(self.file.parent)}).stdout
        self.assertGreaterEqual(len(shown.splitlines()), len(CASES) - 1, shown)

    def test_when_captures_are_opened_then_no_packet_is_malformed(self):
        for name, packets in self.packets.items():
            self.assertGreater(len(packets), len(CASES), name)
            for packet in packets:
                self.assertEqual(packet.faults, [], f"{name}: {packet}")
        done = subprocess.run(["tshark", "-r", self.exported, "-T", "fields", "-e", "sip.Method", "-e", "_ws.malformed"],
                              text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [row.split("\t") for row in done.stdout.splitlines()]
        self.assertGreaterEqual([row[0] for row in rows].count("REGISTER"), 4 * len(CASES))
        self.assertEqual({row[1] for row in rows if len(row) > 1} - {""}, set())

    # ---- Who is told ----

    def test_when_keys_are_given_then_watchers_the_story_and_the_log_tell_it_without_a_key(self):
        said = "the keys of 4 security associations were given out, for Wireshark"
        for case in self.cases:
            self.assertIn(said, case.shown)
            for text in (*self.watched, self.logs["pcscf"]):
                # --save, and once as JSON.
                lines = [line for line in text.splitlines() if "audit" in line and said in line and case.subscriber.imsi in line]
                self.assertEqual(len(lines), 2, text[-2000:])
        self.assertIn('"kind":"audit"', self.watched[1].replace(" ", ""))

    def test_when_keys_are_given_then_they_are_in_no_log_no_event_and_no_capture_of_messages(self):
        keys = self.all_keys()
        self.assertGreaterEqual(len(keys), len(CASES))
        everything = {**self.logs, "watch": self.watched[0], "watch --json": self.watched[1],
                      "show": "".join(case.shown for case in self.cases)}
        # They would be found.
        self.assertTrue(any(text in self.text.encode() for key in keys for text in spellings(key)))
        for name, text in everything.items():
            self.assertGreater(len(text), 100, name)
            for key in keys:
                # CK and IK without what Annex I adds to them.
                self.assertFalse(any(one in text.encode() for one in spellings(key[:16])), name)
        for key in keys:
            self.assertFalse(any(one in self.exported.read_bytes() for one in spellings(key[:16])))


if __name__ == "__main__":
    unittest.main()
