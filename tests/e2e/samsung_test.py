#!/usr/bin/python3
# runs: esp-kernel
# limit: 120
"""The captured registration of a Samsung tablet, payload by payload, against the real daemons: REGISTER over UDP, its answer over
TCP inside ESP, SUBSCRIBE over UDP inside ESP, NOTIFY. The HSS repeats the captured answers, so that vector, keys and digest
are those of the capture; handset and P-CSCF have its addresses, ports and algorithm.

Two things cannot be as captured, and are rewritten in what the handset sends: the SPIs of Security-Verify, since that P-CSCF
chose 100 and 101 and ours never goes below 256; nothing else.

The captured data is not part of the project: LAPWING_HANDSET_DATA names its folder.
"""
import os
import re
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from network import DOMAIN, Core, Network, wait_until  # noqa: E402
from plain_handset import PlainHandset, Response, mechanism, read_sip, sip_text  # noqa: E402
from scripted_hss import ScriptedHss, avps  # noqa: E402

DATA = Path(os.environ.get("LAPWING_HANDSET_DATA", ROOT.parent / "shared/data/handset"))
UE, PCSCF = "192.168.101.5", "10.4.128.21"
IMSI = "001011234567893"
UAR, SAR, MAR = 300, 301, 303
SIP_AUTH_DATA_ITEM, INTEGRITY_KEY = 612, 626  # AVPs
FIRST_SPI = 25000


@unittest.skipUnless(DATA.is_dir(), "the captured handset data is not here: set LAPWING_HANDSET_DATA")
class Samsung(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        network = cls.enterClassContext(Network())
        cls.core = core = Core(network, [], scscf={"registrar": {"qop": "auth,auth-int"}}, pcscf={
            "gm": {"listen": [f"{PCSCF}:5060"], "protected_server_port": 6100, "protected_client_ports": [5100, 5101, 5102]},
            "ipsec": {"algorithms": ["hmac-md5-96/null"], "spi_min": FIRST_SPI, "spi_max": FIRST_SPI + 99}})
        core.pcscf.ip(f"addr add {PCSCF}/32 dev access", "route add 192.168.101.0/24 via 10.46.0.254")
        core.pgw.ip(f"route add {PCSCF}/32 via {Core.GM[0]} dev core")
        host = core.handset(1).host
        host.ip(f"addr add {UE}/32 dev radio")
        core.pgw.ip(f"route add {UE}/32 dev handset1")
        answers = {command: (DATA / f"cx/samsung-{name}.diameter").read_bytes()
                   for command, name in ((UAR, "uaa"), (MAR, "maa"), (SAR, "saa"))}
        cls.ik = cls.integrity_key(answers[MAR])
        cls.hss = cls.enterClassContext(ScriptedHss(core.hss, Core.HSS[0], f"hss.{DOMAIN}", DOMAIN, answers))
        core.start_daemon("scscf")
        core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")
        core.start_daemon("pcscf")
        cls.phone = PlainHandset(host, UE, PCSCF)
        cls.addClassCleanup(cls.phone.remove)
        cls.register()
        cls.subscribe()
        cls.sas = core.sas()
        cls.shown = core.imsctl("show", IMSI, check=False)

    @staticmethod
    def integrity_key(answer):
        """Of the captured vector, in hexadecimal."""
        item = next(value for code, _, _, value in avps(answer[20:]) if code == SIP_AUTH_DATA_ITEM)
        return next(value for code, _, _, value in avps(item) if code == INTEGRITY_KEY).hex()

    @classmethod
    def captured(cls, name):
        return (DATA / f"{name}.sip").read_bytes()

    @classmethod
    def with_our_spis(cls, payload):
        """The captured Security-Verify with the SPIs that our P-CSCF chose."""
        new, count = re.subn(rb"(Security-Verify:[^\r]*)spi-c=100;spi-s=101", lambda match: match[1] + (
            b"spi-c=%d;spi-s=%d" % (cls.theirs["spi-c"], cls.theirs["spi-s"])), payload)
        assert count == 1
        return new

    @classmethod
    def register(cls):
        phone, first = cls.phone, cls.captured("samsung-register-1-initial-udp")
        with phone.udp(5060) as clear:
            cls.challenge = phone.exchange_udp(clear, 5060, first)
        cls.theirs = cls.challenge.mechanism()
        phone.install(mechanism(Response(first.decode()).header("Security-Client")), cls.theirs, ("hmac(md5)", cls.ik))
        cls.connection = phone.connect(6301, 6100)
        cls.addClassCleanup(cls.connection.close)
        cls.connection.sendall(cls.with_our_spis(cls.captured("samsung-register-2-protected-tcp-esp")))
        cls.accepted = read_sip(cls.connection)

    @classmethod
    def subscribe(cls):
        """The 200 comes by UDP to port-us; the NOTIFY there, too, or over a connection to it when it is long."""
        phone, cls.notify = cls.phone, None
        listener = phone.listen(6300)

        def accept():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                cls.notify = read_sip(connection, lambda message: message.first.startswith("NOTIFY"))
                connection.sendall(cls.ok(cls.notify))
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        with phone.udp(6301) as client, phone.udp(6300) as server, listener:
            client.sendto(cls.with_our_spis(cls.captured("samsung-subscribe-reg-udp-esp")), (PCSCF, 6100))
            seen = []

            def wanted(message):
                seen.append(message)
                return message.first.startswith("NOTIFY")
            notify = phone.receive_udp([server], 3, wanted)
            if notify:
                cls.notify = notify
                client.sendto(cls.ok(notify), (PCSCF, 6100))
                wait_until(lambda: not cls.in_progress(), 3, "the NOTIFY goes on")
        cls.subscribed = next((message for message in seen if message.code >= 200), None)

    @classmethod
    def in_progress(cls):
        status = cls.core.imsctl("status", check=False)["scscf"]
        return {gauge["name"]: int(gauge["value"]) for gauge in status["gauges"]}["client_transactions"]

    @staticmethod
    def ok(request):
        return sip_text("SIP/2.0 200 OK", *(line for line in request.lines if line.partition(":")[0] in
                                            ("Via", "From", "To", "Call-ID", "CSeq")))

    def test_when_the_first_register_comes_then_the_challenge_is_the_captured_one_without_keys(self):
        captured = Response(self.captured("samsung-401-1-to-ue-security-server").decode())
        self.assertEqual(self.challenge.code, 401)
        for name in ("nonce", "realm", "algorithm"):
            self.assertEqual(self.challenge.parameter("WWW-Authenticate", name), captured.parameter("WWW-Authenticate", name))
        self.assertIn('qop="auth,auth-int"', self.challenge.header("WWW-Authenticate"))
        self.assertNotRegex(self.challenge.text, r"(?i)[ ,;](ck|ik)=")
        self.assertNotIn(self.ik, self.challenge.text)

    def test_when_security_server_is_sent_then_ports_and_algorithm_are_the_captured_ones(self):
        captured = Response(self.captured("samsung-401-1-to-ue-security-server").decode())
        own = re.sub(r"spi-([cs])=\d+", r"spi-\1=", self.challenge.header("Security-Server"))
        self.assertEqual(sorted(own.split(";")), sorted(re.sub(r"spi-([cs])=\d+", r"spi-\1=",
                                                               captured.header("Security-Server")).split(";")))
        self.assertIn(self.theirs["spi-c"], range(FIRST_SPI, FIRST_SPI + 100))

    def test_when_the_captured_answer_comes_over_tcp_in_esp_then_200(self):
        self.assertEqual(self.accepted.code, 200, self.accepted.text)
        self.assertIn("<tel:0398765432100>", ",".join(self.accepted.headers("P-Associated-URI")))
        self.assertNotIn(f"<sip:{IMSI}@", ",".join(self.accepted.headers("P-Associated-URI")))  # barred
        self.assertTrue(self.accepted.header("Service-Route"))
        self.assertIn(f"sip:{UE}:6300", self.accepted.header("Contact"))

    def test_when_the_captured_subscribe_comes_then_200_and_notify(self):
        self.assertIsNotNone(self.subscribed, "no answer to SUBSCRIBE")
        self.assertEqual(self.subscribed.code, 200, self.subscribed.text)
        self.assertEqual(self.subscribed.source, (PCSCF, 5100))
        self.assertIsNotNone(self.notify, "no NOTIFY")
        self.assertEqual(self.notify.header("Event"), "reg")
        self.assertRegex(self.notify.header("Subscription-State"), "^active")
        self.assertIn('aor="tel:0398765432100"', self.notify.body)
        self.assertIn(f"sip:{UE}:6300", self.notify.body)

    def test_when_it_is_registered_then_the_hss_was_asked_as_in_the_capture(self):
        self.assertEqual(self.hss.asked, [UAR, MAR, UAR, SAR])

    def test_when_it_is_registered_then_the_kernel_has_the_captured_key_and_imsctl_shows_it(self):
        self.assertEqual(len(self.sas), 4)
        self.assertEqual({sa["auth"] for sa in self.sas}, {("hmac(md5)", f"0x{self.ik}")})
        self.assertTrue(all(25656 <= sa["spi"] <= 25657 for sa in self.sas if sa["destination"] == UE))
        for daemon in ("pcscf", "scscf"):
            one = self.shown[daemon]["registrations"][0]
            self.assertEqual((one["state"], one["userAgent"]), ("registered", "SM-T515-TB4 Samsung IMS 6.0"))


if __name__ == "__main__":
    unittest.main()
