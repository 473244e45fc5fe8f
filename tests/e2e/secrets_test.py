#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""No key leaves: what the daemons print at debug level, what imsctl shows and watches, and what goes to handsets hold none of
those in use, in no spelling. The keys are computed here (aka.py) from the RAND of each challenge on the wire, and compared with
what the kernel was given. Handsets register, register again, leave, answer wrongly, out of sequence, not at all, and send
nonsense. The core's own side is left out: there the 401 carries CK and IK by TS 24.229 section 5.4.1.2.1.

    ./tests/run e2e secrets
"""
import base64
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from aka import Vector, aes  # noqa: E402
from network import BIN, DOMAIN, Core, Network, Subscriber, parse_states, wait_until  # noqa: E402
from plain_handset import PlainHandset, sip_text  # noqa: E402

AWAIT_AUTH = 2
DEBUG = {"log": {"level": "debug"}}
GOOD, WRONG_RES, STALE, REFUSING, NO_ANSWER, NO_VERIFY, MALFORMED = (Subscriber(number) for number in range(1, 8))
SUBSCRIBERS = (GOOD, WRONG_RES, STALE, REFUSING, NO_ANSWER, NO_VERIFY, MALFORMED)
MISBEHAVIOUR = {WRONG_RES: "wrong-res", STALE: "stale-sqn", REFUSING: "bad-mac", NO_ANSWER: "no-answer", NO_VERIFY: "no-verify"}


def spellings(secret):
    """The bytes themselves, hexadecimal, and base64 wherever in a longer text the secret begins."""
    texts = {secret, secret.hex().encode(), secret.hex().upper().encode(), secret.hex(":").encode(), secret.hex(" ").encode()}
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(secret)) // 6  # characters of nothing but the secret
        encoded = base64.b64encode(bytes(before) + secret)[first:last]
        texts |= {encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")}
    return texts


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = network = cls.enterClassContext(Network())
        # Without encryption, so that everything on the wire can be read.
        cls.core = core = Core(network, SUBSCRIBERS, hss=DEBUG, scscf={**DEBUG, "registrar": {
            "await_auth": f"{AWAIT_AUTH}s", "reauthenticate_after": "0s"}}, pcscf={
                **DEBUG, "ipsec": {"algorithms": ["hmac-sha-1-96/null"], "await_auth": f"{AWAIT_AUTH}s"}})
        core.start()
        cls.handset = core.handset(1, addresses=len(SUBSCRIBERS))
        wire = network.folder / "access.pcap"
        keys, dump = core.pcscf.watch_security_associations(), core.pcscf.capture("access", wire)
        watches = [core.pcscf.start("imsctl", "--config", core.files["imsctl"], *options, "watch", name=f"watch{len(options)}")
                   for options in ((), ("--json",))]
        cls.told = ""
        cls.good_handset()
        for subscriber, name in MISBEHAVIOUR.items():
            _, events = cls.handset.run("--misbehave", name, "--algorithms", "hmac-sha-1-96/null", subscriber=subscriber,
                                        address=f"10.47.1.{subscriber.number}", check=False)
            cls.told += str(events)
        cls.nonsense()
        wait_until(lambda: '"challenge unanswered"' in core.imsctl_text("--json", "show", NO_ANSWER.imsi, check=False),
                   AWAIT_AUTH + 5, "the challenge is not given up")
        cls.look()
        for program in (dump, keys, *watches, core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon):
            program.stop()
        cls.watched = [watch.output() for watch in watches]
        cls.wire = wire.read_bytes()
        cls.logs = {daemon.name: daemon.output() for daemon in (core.pcscf_daemon, core.scscf_daemon, core.labhss_daemon)}
        cls.states = parse_states(keys.output())
        cls.compute()

    @classmethod
    def good_handset(cls):
        phone = cls.handset
        phone.start("--subscribe", "--algorithms", "hmac-sha-1-96/null")
        phone.wait_for("notify")
        cls.shown = ""
        cls.look()
        phone.tell("reregister")
        phone.wait_for("registered", 2)
        cls.core.imsctl_text("push-profile", GOOD.imsi, check=False)
        phone.tell("deregister")
        phone.wait_for("deregistered")
        phone.program.stop()
        cls.told += str(phone.events()) + phone.program.output()

    @classmethod
    def look(cls):
        """Everything that imsctl can show."""
        for command in (("registrations",), ("sa",), ("esp-keys",), ("hss",), ("status",), ("subscribers",),
                        *(("show", subscriber.imsi) for subscriber in SUBSCRIBERS)):
            for options in ((), ("--json",)):
                done = subprocess.run([BIN / "imsctl", "--config", cls.core.files["imsctl"], *options, *command],
                                      capture_output=True, text=True, timeout=30)
                cls.shown += done.stdout + done.stderr

    @classmethod
    def nonsense(cls):
        phone = PlainHandset(cls.handset.host, f"10.47.1.{MALFORMED.number}", Core.GM[0])
        head = [f"REGISTER sip:{DOMAIN} SIP/2.0", f"Via: SIP/2.0/UDP {phone.address}:5060;branch=z9hG4bK%d", "Max-Forwards: 70",
                f"From: <sip:{MALFORMED.imsi}@{DOMAIN}>;tag=m", f"To: <sip:{MALFORMED.imsi}@{DOMAIN}>", "Call-ID: m%d",
                "CSeq: 1 REGISTER", f"Contact: <sip:{phone.address}>", "Require: sec-agree", "Proxy-Require: sec-agree"]
        client = "Security-Client: ipsec-3gpp;spi-c=30001;spi-s=30002;port-c=6301;port-s=6300;alg=hmac-sha-1-96;ealg=null"
        digest = f'Authorization: Digest username="{MALFORMED.impi}",realm="{DOMAIN}",uri="sip:{DOMAIN}",nonce="",response=""'
        tails = [[client, digest], [client, digest + ',auts="x"'], [client, "Authorization: Digest"],
                 ["Security-Client: ipsec-3gpp;alg=?", digest], [client, digest + ',ck="00",ik="00"'], [client, digest, "CSeq: x"]]
        with phone.udp(5060) as clear:
            for number, tail in enumerate(tails):
                message = sip_text(*(line.replace("%d", str(number)) for line in head), *tail)
                phone.exchange_udp(clear, 5060, message, seconds=1)
                clear.sendto(message[:len(message) // 2], (Core.GM[0], 5060))

    @classmethod
    def compute(cls):
        nonces = {base64.b64decode(nonce) for nonce in re.findall(rb'nonce="([A-Za-z0-9+/=]{40,})"', cls.wire)}
        cls.secrets, cls.integrity_keys = {}, set()
        for subscriber in SUBSCRIBERS:
            k, opc = bytes.fromhex(subscriber.k), bytes.fromhex(subscriber.opc)
            cls.secrets.update({f"K of {subscriber.imsi}": k, "OPc": opc})
            for nonce in nonces:
                vector = Vector(k, opc, nonce[:16])
                cls.integrity_keys.add(vector.ik.hex())
                cls.secrets.update({f"{name} of {subscriber.imsi} for RAND {nonce[:4].hex()}": value for name, value in (
                    ("RES", vector.res), ("CK", vector.ck), ("IK", vector.ik))})
        cls.nonces = nonces

    def found_in(self, data):
        return [name for name, secret in self.secrets.items() if any(text in data for text in spellings(secret))]

    def test_when_vectors_are_computed_then_integrity_keys_are_what_the_kernel_got(self):
        given = {sa["auth"][1][2:34] for sa in self.states if "auth" in sa}
        # Registered, twice; wrong RES; stale, twice; refusing; no answer; no Security-Verify; nonsense, at least once.
        self.assertGreaterEqual(len(self.nonces), 9)
        self.assertGreaterEqual(len(given), 9)
        self.assertLessEqual(given, self.integrity_keys)

    def test_when_a_key_is_planted_then_it_is_found(self):
        logs = "".join(self.logs.values()).encode()
        for name in ("OPc", f"K of {GOOD.imsi}", next(name for name in self.secrets if name.startswith("RES"))):
            secret = self.secrets[name]
            for planted in (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret),
                            base64.b64encode(b"a" + secret + b"z"), base64.b64encode(b"ab" + secret + b"yz")):
                with self.subTest(name=name, planted=planted):
                    self.assertIn(name, self.found_in(logs + b"x" + planted + b"x" + logs))
        # The capture can be read: the kernel's own view of it would hold the keys.
        self.assertTrue(self.found_in(str(self.states).encode()))

    def test_when_daemons_log_at_debug_level_then_no_key_is_in_it(self):
        for name, text in self.logs.items():
            self.assertGreater(len(text), 100, name)
            self.assertEqual(self.found_in(text.encode()), [], name)

    def test_when_the_operator_looks_then_no_key_is_shown(self):
        for subscriber in SUBSCRIBERS:
            self.assertIn(subscriber.imsi, self.shown)
        self.assertIn('"saSets"', self.shown)
        self.assertEqual(self.found_in(self.shown.encode()), [])

    def test_when_the_operator_watches_then_no_key_is_in_the_events(self):
        for watched in self.watched:
            self.assertIn("register.accepted", watched)
            self.assertEqual(self.found_in(watched.encode()), [])

    def test_when_sip_goes_to_handsets_then_no_key_is_in_it(self):
        for text in (b"SIP/2.0 401", b"SIP/2.0 200", b"SIP/2.0 403", b"SIP/2.0 400", b"NOTIFY sip:", b"Security-Server:"):
            self.assertIn(text, self.wire)
        self.assertEqual(self.found_in(self.wire), [])
        for answer in re.findall(rb"WWW-Authenticate:[^\r]*", self.wire):
            self.assertNotRegex(answer, rb"(?i)[,;\s][ci]k\s*=")

    def test_when_handsets_tell_events_then_no_key_is_in_them(self):
        self.assertIn("registered", self.told)
        self.assertEqual(self.found_in(self.told.encode()), [])


class Aka(unittest.TestCase):
    def test_when_the_example_of_fips_197_is_enciphered_then_the_block_is_its(self):
        self.assertEqual(aes(bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")).hex(),
                         "69c4e0d86a7b0430d8cdb78070b4c55a")

    def test_when_test_set_1_of_ts_35_207_is_computed_then_the_values_are_its(self):
        found = Vector(*map(bytes.fromhex, ("465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf",
                                            "23553cbe9637a89d218ae64dae47bf35")))
        self.assertEqual(found.res.hex(), "a54211d5e3ba50bf")
        self.assertEqual(found.ck.hex(), "b40ba9a3c58b2a05bbf0d987b21bf8cb")
        self.assertEqual(found.ik.hex(), "f769bcd751044604127672711c6d3441")


if __name__ == "__main__":
    unittest.main()
