#!/usr/bin/python3
# runs: esp-kernel
# limit: 150
"""Handsets that do something wrong, against the real core: what each is answered, what imsctl says of it, that nothing of it
stays in the kernel, and that a correct handset with the same SIM at the same address registers right after.

    ./tests/run e2e misbehaviour
"""
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from network import DOMAIN, Core, LabError, Network, Subscriber, wait_until  # noqa: E402
from plain_handset import PlainHandset, mechanism, sip_text  # noqa: E402

AWAIT_AUTH, GRACE = 4, 1  # seconds
VICTIM = Subscriber(90)   # whom the spoofing handsets claim to be
NO_PACKET = "no ESP packet came after the 401"
NO_ANSWER = "the 401 was sent and no answer came"


class Case:
    """name: of --misbehave; code: the last answer (0: none); states and words of `why`: at the P-CSCF and the S-CSCF."""

    def __init__(self, name, code, pcscf, scscf):
        self.name, self.code = name, code
        self.expected = {"pcscf": pcscf, "scscf": scscf}
        self.shown, self.events, self.correct = {}, [], None

    def prepare(self, number):
        self.subscriber, self.address = Subscriber(number), f"10.47.1.{number}"

    def misbehave(self, handset):
        options = ["--misbehave", self.name, "--t1", "50ms", "--expect", str(self.code)]
        if self.name.startswith("spoof"):
            options += ["--spoof-imsi", VICTIM.imsi]
        self.status, self.events = handset.run(*options, subscriber=self.subscriber, address=self.address, check=False)

    def behave(self, handset):
        self.correct = handset.run("--then", "deregister", subscriber=self.subscriber, address=self.address, check=False)

    def event(self, name):
        return next((event for event in self.events if event["event"] == name), None)


REGISTERED = ("registered", "")
UNANSWERED = ("challenge unanswered", NO_ANSWER)
CASES = [
    Case("no-answer", 401, ("challenge unanswered", NO_PACKET), UNANSWERED),
    Case("wrong-res", 403, ("rejected", "403 Forbidden"), ("rejected", "the response is wrong: the SIM's K or OPc differs")),
    Case("stale-sqn", 200, REGISTERED, REGISTERED),
    Case("always-stale", 403, ("rejected", "403 Forbidden"), ("rejected", "wrong sequence number again and again")),
    Case("bad-mac", 403, ("rejected", "403 Forbidden"), ("rejected", "the SIM did not accept the network (MAC failure)")),
    Case("no-client", 494, ("rejected", "Security-Client is missing"), None),
    Case("wrong-client", 494, ("rejected", "Security-Client differs from that of the first"), UNANSWERED),
    Case("no-verify", 400, ("rejected", "Security-Verify is missing"), UNANSWERED),
    Case("wrong-verify", 494, ("rejected", "Security-Verify differs from the Security-Server"), UNANSWERED),
    Case("wrong-port", 0, ("challenge unanswered", "sent from another port than agreed"), UNANSWERED),
    Case("spoof-answer", 403, ("rejected", "belongs to another private identity"), UNANSWERED),
    Case("spoof", 403, REGISTERED, REGISTERED),
    Case("clear-text", 0, REGISTERED, REGISTERED),
    Case("unprotected", 200, REGISTERED, REGISTERED),
]


class Misbehaviour(unittest.TestCase):
    """The test methods for the cases are made below."""

    @classmethod
    def setUpClass(cls):
        for number, case in enumerate(CASES, start=1):
            case.prepare(number)
        cls.wrong_keys = Subscriber(80)
        network = cls.enterClassContext(Network())
        core = Core(network, [*(case.subscriber for case in CASES), cls.wrong_keys, VICTIM],
                    pcscf={"ipsec": {"await_auth": f"{AWAIT_AUTH}s", "grace": f"{GRACE}s"}},
                    scscf={"registrar": {"await_auth": f"{AWAIT_AUTH}s"}})
        core.start()
        cls.core = core
        handset = core.handset(1, addresses=99)
        for case in CASES:
            errors = core.pcscf.xfrm_errors()
            case.misbehave(handset)
            case.counted = {name: count - errors.get(name, 0) for name, count in core.pcscf.xfrm_errors().items()}
        cls.answer_with_wrong_keys(handset)
        wait_until(lambda: not cls.challenged(), AWAIT_AUTH + 5, lambda: f"still challenged: {cls.challenged()}")
        for case in CASES:
            case.shown = core.imsctl("show", case.subscriber.imsi, check=False)
            case.text = core.imsctl_text("show", case.subscriber.imsi, check=False)
        cls.wrong_keys_shown = core.imsctl("show", cls.wrong_keys.imsi, check=False)
        cls.sas_before = core.sas()
        for case in CASES:
            case.behave(handset)
        try:
            wait_until(lambda: not core.sas(), GRACE + 6, "")  # 5 s after a failure (the last answer's repetitions)
        except LabError:
            pass
        cls.left, cls.orphans = core.sas(), core.imsctl("sa", check=False)["pcscf"].get("orphans")
        cls.left_in_handset = handset.host.security_associations()

    @classmethod
    def challenged(cls):
        return [f"{daemon}: {one['impi']}" for daemon in ("pcscf", "scscf")
                for one in cls.core.imsctl("registrations", check=False)[daemon].get("registrations", [])
                if one["state"] == "challenged"]

    @classmethod
    def answer_with_wrong_keys(cls, handset):
        """A handset that does not check the network's MAC, and whose SIM gives other keys than the HSS has."""
        phone = PlainHandset(handset.host, "10.47.1.80", Core.GM[0])
        offer = "ipsec-3gpp;prot=esp;mod=trans;spi-c=40001;spi-s=40002;port-c=6301;port-s=6300;alg=hmac-sha-1-96;ealg=null"

        def register(number, port):
            return sip_text(
                f"REGISTER sip:{DOMAIN} SIP/2.0", f"Via: SIP/2.0/UDP {phone.address}:{port};branch=z9hG4bKwk{number};rport",
                "Max-Forwards: 70", f"From: <sip:{cls.wrong_keys.imsi}@{DOMAIN}>;tag=a", "Call-ID: wrong-keys",
                f"To: <sip:{cls.wrong_keys.imsi}@{DOMAIN}>", f"CSeq: {number} REGISTER",
                f"Contact: <sip:{phone.address}:{port}>", "Require: sec-agree", "Proxy-Require: sec-agree",
                f"Security-Client: {offer}", f'Authorization: Digest username="{cls.wrong_keys.impi}",realm="{DOMAIN}",'
                f'uri="sip:{DOMAIN}",nonce="",response=""')

        with phone.udp(5060) as clear, phone.udp(6301) as client:
            cls.wrong_keys_challenge = phone.exchange_udp(clear, 5060, register(1, 5060))
            theirs = cls.wrong_keys_challenge.mechanism()
            phone.install(mechanism(offer), theirs, ("hmac(sha1)", "00" * 20))
            cls.wrong_keys_answer = phone.exchange_udp(client, theirs["port-s"], register(2, 6300), seconds=1)
        phone.remove()

    def registration(self, shown, daemon):
        found = shown.get(daemon, {}).get("registrations", [])
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def judge(self, case):
        self.assertEqual(case.status, 0, case.events)
        for daemon, expected in case.expected.items():
            one = self.registration(case.shown, daemon)
            if expected is None:
                self.assertIsNone(one)
                continue
            state, words = expected
            self.assertEqual(one["state"], state, one)
            self.assertIn(words, one["why"])
            self.assertTrue(one["why"] or state == "registered")
            self.assertIn(words, case.text)
        status, events = case.correct
        self.assertEqual(status, 0, events)
        self.assertIn("registered", [event["event"] for event in events])

    def test_when_attempts_ended_then_the_kernel_has_only_associations_of_the_registered(self):
        registered = [case.address for case in CASES if case.expected["pcscf"] is REGISTERED]
        self.assertEqual(len(self.sas_before), 4 * len(registered), self.sas_before)
        for sa in self.sas_before:
            self.assertTrue(sa["source"] in registered or sa["destination"] in registered, sa)

    def test_when_all_left_then_the_kernel_has_no_association(self):
        self.assertEqual(self.left, [])
        self.assertEqual(self.orphans, 0)
        self.assertEqual(self.left_in_handset, [])

    def test_when_a_handset_resynchronises_then_it_is_challenged_anew_and_registered(self):
        case = next(case for case in CASES if case.name == "stale-sqn")
        self.assertEqual([event["event"] for event in case.events],
                         ["challenged", "resynchronising", "challenged", "security_associations", "registered"])
        always = next(case for case in CASES if case.name == "always-stale")
        self.assertEqual([event["event"] for event in always.events].count("challenged"), 3)

    def test_when_a_handset_spoofs_then_the_victim_is_not_registered(self):
        shown = self.core.imsctl("show", VICTIM.imsi, check=False)
        for daemon in ("pcscf", "scscf"):
            self.assertEqual(shown.get(daemon, {}).get("registrations", []), [], shown)

    def test_when_clear_text_comes_to_the_protected_port_then_the_kernel_drops_it(self):
        case = next(case for case in CASES if case.name == "clear-text")
        self.assertIsNotNone(case.event("clear_text_sent"))
        self.assertGreater(case.counted.get("XfrmInTmplMismatch", 0), 0, case.counted)

    def test_when_the_port_is_wrong_then_the_kernel_drops_it(self):
        case = next(case for case in CASES if case.name == "wrong-port")
        self.assertGreater(case.counted.get("XfrmInStateMismatch", 0) + case.counted.get("XfrmInTmplMismatch", 0), 0,
                           case.counted)

    def test_when_an_unprotected_register_comes_then_the_registration_it_replaces_is_not_ended_by_it(self):
        case = next(case for case in CASES if case.name == "unprotected")
        kinds = [event["kind"] for event in case.shown["pcscf"]["events"]]
        self.assertNotIn("register.ended", kinds)

    def test_when_the_handset_has_other_keys_then_no_answer_and_the_cause_is_named(self):
        self.assertEqual(self.wrong_keys_challenge.code, 401)
        self.assertIsNone(self.wrong_keys_answer)
        one = self.registration(self.wrong_keys_shown, "pcscf")
        self.assertEqual(one["state"], "challenge unanswered")
        self.assertIn("failed the integrity check", one["why"])
        self.assertIn("K or OPc differs", one["why"])


for _case in CASES:
    setattr(Misbehaviour, f"test_when_{_case.name.replace('-', '_')}_then_answer_state_and_cause_are_right",
            lambda self, case=_case: self.judge(case))

if __name__ == "__main__":
    unittest.main()
