#!/usr/bin/python3
# runs: esp-kernel
# limit: 400
"""Registration through IPsec in every combination: IPv4 and IPv6, first REGISTER by UDP and TCP, protected requests by UDP
and TCP, each pair of algorithms. One core serves all; each case is a subscriber at an address of its own, so that one
capture of each wire can be judged afterwards, by tshark and, for AES-GMAC, by esp.py.

    ./tests/run e2e registration
"""
import itertools
import os
import shutil
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from esp import esp_packets, gmac, gmac_is_right  # noqa: E402
from network import Core, LabError, Network, Subscriber, parse_states, wait_until  # noqa: E402
from wire import read_capture  # noqa: E402

PAIRS = [f"{alg}/{ealg}" for alg in ("hmac-sha-1-96", "hmac-md5-96") for ealg in ("aes-cbc", "des-ede3-cbc", "null")]
PAIRS += ["aes-gmac/null", "null/aes-gcm"]
GRACE = 1  # seconds
ESP, TCP, UDP = 50, 6, 17


class Case:
    def __init__(self, number, family, first, protected, pair):
        self.number, self.family, self.first, self.protected, self.pair = number, family, first, protected, pair
        self.name = f"ip{family}_first_{first}_protected_{protected}_{pair}".replace("-", "_").replace("/", "_with_")
        self.subscriber = Subscriber(number)
        self.address = f"10.47.1.{number}" if family == 4 else f"fd00:47:1::{number:x}"
        self.pcscf = Core.GM[0 if family == 4 else 1]
        self.events, self.error = [], None

    def run(self, handset):
        options = ["--first", self.first, "--protected", self.protected, "--requests", self.protected, "--algorithms",
                   self.pair, "--subscribe", "--then", "deregister"]
        try:
            _, self.events = handset.run(*options, subscriber=self.subscriber, address=self.address, seconds=30)
        except LabError as error:
            self.error = str(error)

    def event(self, name):
        return next((event for event in self.events if event["event"] == name), None)


CASES = [Case(number, *what) for number, what in enumerate(
    itertools.product((4, 6), ("udp", "tcp"), ("udp", "tcp"), PAIRS), start=1)]


class Registration(unittest.TestCase):
    """The test methods are made below, one for each case."""

    @classmethod
    def setUpClass(cls):
        network = cls.enterClassContext(Network())
        core = Core(network, [case.subscriber for case in CASES], pcscf={
            "ipsec": {"algorithms": PAIRS, "grace": f"{GRACE}s"}})
        try:
            core.start()
            cls.run_cases(network, core)
        finally:
            cls.keep(network)

    @classmethod
    def run_cases(cls, network, core):
        keys = core.pcscf.watch_security_associations()
        captures = {name: network.folder / f"{name}.pcap" for name in ("access", "core", "hss")}
        dumps = [core.pcscf.capture("access", captures["access"]), core.pcscf.capture("core", captures["core"]),
                 core.hss.capture("core", captures["hss"])]
        handset = core.handset(1, addresses=len(CASES))
        for case in CASES:
            case.run(handset)
        cls.policies = core.policies()
        try:
            wait_until(lambda: not core.sas(), GRACE + 5, "")
        except LabError:
            pass
        cls.left = core.sas() + handset.host.security_associations()
        cls.registrations = core.imsctl("registrations", check=False)
        cls.xfrm_errors = core.pcscf.xfrm_errors()
        for program in (*dumps, keys):
            program.stop()
        cls.states = parse_states(keys.output())
        cls.packets = {name: read_capture(path, cls.states) for name, path in captures.items()}
        cls.gmac_packets = esp_packets(captures["access"])
        cls.logs = "".join(daemon.output() for daemon in (core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon))

    @classmethod
    def keep(cls, network):
        """Captures and logs, to look at afterwards."""
        folder = os.environ.get("LAPWING_TEST_RESULTS")
        if folder:
            target = Path(folder) / "registration"
            target.mkdir(exist_ok=True)
            for path in (*network.folder.glob("*.pcap"), *network.folder.glob("*.log")):
                shutil.copy(path, target)

    def judge(self, case):
        self.assertIsNone(case.error)
        self.assertEqual(case.event("challenged")["code"], 401)
        self.assertEqual(case.event("registered")["code"], 200)
        self.assertEqual(case.event("registered")["alg"], case.pair)
        self.assertEqual(case.event("subscribed")["code"], 200)
        notify = case.event("notify")
        self.assertTrue(notify["registrations"] and all(one.endswith("=active") for one in notify["registrations"]), notify)
        self.assertEqual(case.event("deregistered")["code"], 200)
        ends = {case.address, case.pcscf}
        self.assertEqual([sa for sa in self.left if {sa["source"], sa["destination"]} == ends], [])
        self.judge_wire(case, [p for p in self.packets["access"] if {p.source, p.destination} == ends])

    def judge_wire(self, case, packets):
        clear = [packet for packet in packets if packet.protocol in (TCP, UDP)]
        self.assertTrue(all(packet.protocol == (TCP if case.first == "tcp" else UDP) for packet in clear))
        challenges = [packet for packet in clear if any(line.startswith("SIP/2.0 401") for line, *_ in packet.sip)]
        self.assertEqual(len(challenges), 1)
        after = [packet for packet in packets if packet.time > challenges[0].time]
        for packet in after:
            # By TCP the 401 is acknowledged and its connection closed: segments without a byte of SIP.
            closing = case.first == "tcp" and packet.protocol == TCP and packet.tcp_bytes == 0 and \
                5060 in (packet.source_port, packet.destination_port)
            self.assertTrue(packet.protocol == ESP or closing, packet)
        protected = [packet for packet in after if packet.protocol == ESP and not packet.fragment]
        if case.pair == "aes-gmac/null":
            self.judge_gmac(case)
            return
        for packet in protected:
            self.assertTrue(packet.authenticated, packet)
            # Large requests toward the handset go by TCP in any case.
            if any(line.startswith("REGISTER") for line, *_ in packet.sip):
                self.assertIn(f":{case.protected}:", packet.layers)
        self.judge_inside([line for packet in protected for line, *_ in packet.sip])

    def judge_gmac(self, case):
        keys = {sa["spi"]: bytes.fromhex(sa["aead"][1][2:]) for sa in self.states
                if case.address in (sa["source"], sa["destination"])}
        protected = [packet for packet in self.gmac_packets if case.address in (packet.source, packet.destination)]
        text = b""
        for packet in protected:
            self.assertTrue(gmac_is_right(packet, keys[packet.spi]), packet)
            self.assertFalse(gmac_is_right(packet, bytes(20)))
            following, inner = packet.inner()
            self.assertIn(following, (TCP, UDP))
            if b"REGISTER sip:" in inner:
                self.assertEqual(following, TCP if case.protected == "tcp" else UDP)
            text += inner[(inner[12] >> 4) * 4 if following == TCP else 8:]
        self.judge_inside(text.decode().split("\r\n"))

    def judge_inside(self, lines):
        for begin in ("REGISTER sip:", "SIP/2.0 200", "SUBSCRIBE ", "NOTIFY "):
            self.assertTrue(any(line.startswith(begin) for line in lines), f"no {begin} inside ESP: {lines}")

    def test_when_all_is_over_then_nobody_is_registered_and_no_association_is_left(self):
        self.assertEqual(self.left, [])
        for daemon in ("pcscf", "scscf"):
            states = {one["impi"]: one["state"] for one in self.registrations.get(daemon, {}).get("registrations", [])}
            self.assertNotIn("registered", states.values())

    def test_when_all_wires_are_read_by_tshark_then_no_packet_is_malformed(self):
        for name, packets in self.packets.items():
            self.assertGreater(len(packets), len(CASES), name)
            for packet in packets:
                self.assertEqual(packet.faults, [], f"{name}: {packet}")

    def test_when_64_handsets_came_then_policies_are_those_of_two_addresses(self):
        self.assertEqual(self.policies % 2, 0)
        self.assertLessEqual(self.policies, 2 * 2 * 5)

    def test_when_nothing_is_wrong_then_the_kernel_counts_no_error(self):
        # XfrmOutNoStates: what was still to go to a handset after its associations ended, and did not go in clear.
        errors = {name for name in self.xfrm_errors if name not in ("XfrmAcquireError", "XfrmOutNoStates")}
        self.assertEqual(errors, set(), self.xfrm_errors)

    def test_when_the_daemons_log_then_no_key_is_in_it(self):
        for sa in self.states:
            for kind in ("auth", "enc", "aead"):
                key = sa.get(kind, ("", ""))[1][2:34]
                if key:
                    self.assertNotIn(key, self.logs.lower())
        for case in CASES:
            self.assertNotIn(case.subscriber.k, self.logs.lower())


class Gmac(unittest.TestCase):
    def test_when_nothing_is_authenticated_then_the_tag_is_that_of_gcm_test_case_1(self):
        self.assertEqual(gmac(bytes(16), bytes(12), b"").hex(), "58e2fccefa7e3061367f1d57a4e7455a")


for _case in CASES:
    setattr(Registration, f"test_{_case.name}", lambda self, case=_case: self.judge(case))

if __name__ == "__main__":
    unittest.main()
