#!/usr/bin/python3
# runs: esp-kernel
"""No key leaves: what the daemons print at debug level, what imsctl shows, and what goes to the handset hold none of those in
use. The keys are computed here (Milenage, TS 35.206), and compared with what the kernel was given.

    ./tests/run e2e secrets
"""
import base64
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from esp import aes_block  # noqa: E402
from network import Core, Network, Subscriber, parse_states  # noqa: E402

DEBUG = {"log": {"level": "debug"}}


def milenage(k, opc, rand):
    """{name: bytes} of RES, CK and IK."""
    def xor(one, other):
        return bytes(a ^ b for a, b in zip(one, other))

    temp = aes_block(k, xor(rand, opc))

    def out(rotation, constant):
        mixed = xor(temp, opc)
        turned = mixed[rotation:] + mixed[:rotation]
        return xor(aes_block(k, xor(turned, bytes(15) + bytes([constant]))), opc)
    return {"RES": out(0, 1)[8:], "CK": out(4, 2), "IK": out(8, 4)}


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        network = cls.enterClassContext(Network())
        cls.subscriber = Subscriber(1)
        # Without encryption, so that everything on the wire can be read.
        core = Core(network, [cls.subscriber], hss=DEBUG, scscf=DEBUG,
                    pcscf={**DEBUG, "ipsec": {"algorithms": ["hmac-sha-1-96/null", "hmac-sha-1-96/aes-cbc"]}})
        core.start()
        phone = core.handset(1)
        wire = network.folder / "access.pcap"
        keys, dump = core.pcscf.watch_security_associations(), core.pcscf.capture("access", wire)
        phone.start("--subscribe", "--algorithms", "hmac-sha-1-96/null")
        phone.wait_for("notify")
        cls.shown = "".join(core.imsctl_text(*args, check=False) for args in (
            ("registrations",), ("show", cls.subscriber.imsi), ("sa",), ("hss",), ("status",), ("subscribers",),
            ("--json", "show", cls.subscriber.imsi), ("--json", "sa"), ("--json", "subscribers")))
        phone.tell("reregister")
        phone.wait_for("registered", 2)
        phone.tell("deregister")
        phone.wait_for("deregistered")
        for program in (dump, keys, phone.program, core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon):
            program.stop()
        cls.wire = wire.read_bytes()
        cls.logs = {daemon.name: daemon.output() for daemon in (core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon)}
        cls.handset = str(phone.events()) + phone.program.output()
        cls.states = parse_states(keys.output())
        nonces = {base64.b64decode(nonce) for nonce in re.findall(rb'nonce="([A-Za-z0-9+/=]{40,})"', cls.wire)}
        k, opc = bytes.fromhex(cls.subscriber.k), bytes.fromhex(cls.subscriber.opc)
        cls.vectors = [milenage(k, opc, nonce[:16]) for nonce in nonces]
        cls.secrets = {"K": k, "OPc": opc}
        for number, vector in enumerate(cls.vectors):
            cls.secrets.update({f"{name} {number}": value for name, value in vector.items()})

    def assert_none_in(self, data, what):
        for name, secret in self.secrets.items():
            texts = (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"="))
            for text in texts:
                self.assertNotIn(text, data, f"{name} is in {what}")

    def test_when_the_vector_is_computed_then_ik_is_what_the_kernel_got(self):
        self.assertTrue(self.vectors)
        given = {sa["auth"][1][2:34] for sa in self.states if "auth" in sa}
        self.assertTrue(given)
        self.assertLessEqual(given, {vector["IK"].hex() for vector in self.vectors})

    def test_when_daemons_log_at_debug_level_then_no_key_is_in_it(self):
        for name, text in self.logs.items():
            self.assertGreater(len(text), 100, name)
            self.assert_none_in(text.encode(), f"the output of {name}")

    def test_when_the_operator_looks_then_no_key_is_shown(self):
        self.assertIn(self.subscriber.imsi, self.shown)
        self.assert_none_in(self.shown.encode(), "the output of imsctl")

    def test_when_sip_goes_to_the_handset_then_no_key_is_in_it(self):
        self.assertIn(b"SIP/2.0 401", self.wire)
        self.assertIn(b"NOTIFY sip:", self.wire)
        self.assert_none_in(self.wire, "what passed between handset and P-CSCF")
        self.assertIsNone(re.search(rb'[,;]\s*[ci]k="?[0-9a-fA-F]{32}', self.wire))

    def test_when_the_handset_tells_events_then_no_key_is_in_it(self):
        self.assert_none_in(self.handset.encode(), "the output of labue")


class Milenage(unittest.TestCase):
    def test_when_test_set_1_of_ts_35_207_is_computed_then_the_values_are_its(self):
        found = milenage(bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf"),
                         bytes.fromhex("23553cbe9637a89d218ae64dae47bf35"))
        self.assertEqual(found["RES"].hex(), "a54211d5e3ba50bf")
        self.assertEqual(found["CK"].hex(), "b40ba9a3c58b2a05bbf0d987b21bf8cb")
        self.assertEqual(found["IK"].hex(), "f769bcd751044604127672711c6d3441")


if __name__ == "__main__":
    unittest.main()
