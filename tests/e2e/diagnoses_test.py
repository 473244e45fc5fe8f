#!/usr/bin/python3
# runs: host
# limit: 450
"""`imsctl explain` names what is wrong: faults of handsets without IPsec, of the HSS, of the daemons, and of calls. Those of
IPsec are in diagnoses_ipsec_test.py.

    ./tests/run e2e diagnoses
"""
import json
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from diagnoses import (BIN, Core, DiagnosisTest, PLAIN, Subscriber, TIME_OUT,  # noqa: E402  (the first: it finds the modules)
                       wait_until)
from network import DOMAIN  # noqa: E402
from plain_handset import PlainHandset, sip_text  # noqa: E402
from pushing_relay import MAR, PORT, SAR, UAR, PushingRelay, Refuse, Replace, Swallow  # noqa: E402
from scripted_hss import avp  # noqa: E402


class All(unittest.TestCase):
    def test_there_is_one_test_for_each_diagnosis(self):
        listed = json.loads(subprocess.run([BIN / "imsctl", "--json", "diagnoses"], text=True, check=True,
                                           capture_output=True).stdout)["diagnoses"]
        codes = sorted(one["code"] for one in listed)
        tests = sorted(name.replace("_", "-") for path in Path(__file__).parent.glob("diagnoses*_test.py")
                       for name in re.findall(r"def test_(\w+)\(self\)", path.read_text())
                       if not name.startswith("there_is_one"))
        self.assertEqual(tests, codes)
        self.assertGreaterEqual(len(codes), 30)
        for one in listed:
            self.assertTrue(one["title"] and one["seen"] and one["advice"], one)


class Diagnoses(DiagnosisTest):
    HANDSETS = 3
    SCSCF = {"registrar": {"accept_unprotected_aka": True}, "calls": {"session_expires": "0s", "longest": "60s"},
             "services": {"answer_within": "1s"}, "short_messages": {"role": "on"},
             "cx": {"deadline": "1s", "reconnect": "1s",
                    "peers": [{"host": f"hss.{DOMAIN}", "address": f"{Core.HSS[0]}:{PORT}"}]}}
    PCSCF = {"ipsec": {"policy": "off"}}

    @classmethod
    def prepare(cls):
        cls.relay = PushingRelay(cls.core.hss, Core.HSS[0], f"hss.{DOMAIN}", f"scscf.{DOMAIN}")
        cls.addClassCleanup(cls.relay.close)

    def register(self, subscriber, *options, **how):
        return super().register(subscriber, *PLAIN, *options, **how)

    def stay(self, subscriber, *options, **how):
        return super().stay(subscriber, *PLAIN, *options, **how)

    def raw_register(self, subscriber, *headers, address=None):
        """The answer to a handset that does not come again. address: what it thinks it has."""
        handset = PlainHandset(self.hosts[0].host, self.address(subscriber), Core.GM[0])
        address, identity = address or handset.address, f"sip:{subscriber.imsi}@{DOMAIN}"
        with handset.udp(5060) as socket:
            return handset.exchange_udp(socket, 5060, sip_text(
                f"REGISTER sip:{DOMAIN} SIP/2.0", f"Via: SIP/2.0/UDP {address}:5060;branch=z9hG4bK{subscriber.imsi};rport",
                "Max-Forwards: 70", f"From: <{identity}>;tag=n", f"To: <{identity}>", f"Call-ID: raw-{subscriber.imsi}",
                "CSeq: 1 REGISTER", f"Contact: <sip:{address}:5060>", f'Authorization: Digest username="{subscriber.impi}",'
                f'realm="{DOMAIN}",uri="sip:{DOMAIN}",nonce="",response=""', *headers))

    def refused_by_hss(self, command, fault, code):
        one = self.someone()
        self.relay.faults[command, one.impi] = fault
        self.assertNotEqual(self.register(one)[0], 0)
        told = self.fails(one.imsi, code)
        del self.relay.faults[command, one.impi]
        self.assertEqual(self.register(one)[0], 0)  # and then nothing of it is left
        self.assertNotIn(code, [finding["code"] for finding in self.explain(one.imsi).get("findings", [])])
        return told

    # ---- Nothing comes, or the answer is wrong ----

    def test_no_packet(self):
        told = self.fails("001019999999999", "no-packet")
        self.assertEqual(told["missing"], "a REGISTER of the handset")

    def test_wrong_response(self):
        one = self.someone()
        self.register(one, "--misbehave", "wrong-res")
        self.fails(one.imsi, "wrong-response")
        self.fails(one.impi, "wrong-response")

    def test_mac_failure(self):
        one = self.someone()
        self.register(one, "--misbehave", "bad-mac")
        self.fails(one.imsi, "mac-failure")

    def test_sqn_loop(self):
        one = self.someone()
        self.register(one, "--misbehave", "always-stale")
        self.fails(one.imsi, "sqn-loop")

    # ---- Domain, time, life ----

    def test_foreign_domain(self):
        one = self.someone()
        self.register(one, "--domain", "ims.mnc002.mcc001.3gppnetwork.org")
        told = self.fails(one.imsi, "foreign-domain")
        self.assertIn(DOMAIN, told["findings"][0]["text"])

    def test_interval_too_brief(self):
        one = self.someone()
        answer = self.raw_register(one, "Expires: 1")
        self.assertEqual((answer.code, answer.header("Min-Expires")), (423, "2"))
        self.fails(one.imsi, "interval-too-brief")

    def test_expired(self):
        one = self.someone()
        handset = self.stay(one, "--expires", "3")
        handset.program.stop(signal.SIGKILL)
        self.fails(one.imsi, "expired", seconds=40)

    def test_left(self):
        one = self.someone()
        self.register(one, "--then", "deregister")
        self.fails(one.imsi, "left")

    def test_ended_by_network(self):
        one = self.someone()
        self.stay(one, "--subscribe")
        self.relay.terminate(one.impi, 0)
        told = self.fails(one.imsi, "ended-by-network")
        self.assertIn("RTR", json.dumps(told["findings"]))

    def test_draining(self):
        one = self.someone()
        self.core.imsctl("drain", "--no-wait")
        self.addCleanup(self.core.imsctl, "drain", "--resume")
        self.register(one, "--expect", "503")
        self.fails(one.imsi, "draining")

    def test_nat(self):
        one = self.someone()
        self.raw_register(one, address="192.168.1.7")
        told = self.named(one.imsi, "nat")
        self.assertIn("192.168.1.7", told["findings"][0]["text"])

    # ---- The core and the HSS ----

    def test_core_silent(self):
        one = self.someone()
        self.core.scscf_daemon.process.send_signal(signal.SIGSTOP)
        try:
            self.register(one)
        finally:
            self.core.scscf_daemon.process.send_signal(signal.SIGCONT)
        self.fails(one.imsi, "core-silent")

    def test_hss_not_connected(self):
        one = self.someone()
        self.relay.cut()
        try:
            wait_until(lambda: self.register(one)[1][-1]["event"] != "registered", 10, "still registered")
            self.fails(one.imsi, "hss-not-connected")
        finally:
            self.relay.again()
            wait_until(lambda: self.core.imsctl("hss")["scscf"]["peers"][0]["state"] == "open", 30, "no HSS")

    def test_hss_silent(self):
        self.refused_by_hss(MAR, Swallow(), "hss-silent")

    def test_hss_user_unknown(self):
        stranger = Subscriber(99)
        self.assertEqual(self.raw_register(stranger).code, 403)
        self.fails(stranger.imsi, "hss-user-unknown")

    def test_hss_identities_differ(self):
        self.refused_by_hss(UAR, Refuse(5002), "hss-identities-differ")

    def test_hss_not_registered(self):
        self.refused_by_hss(UAR, Refuse(5003), "hss-not-registered")

    def test_hss_roaming_refused(self):
        self.refused_by_hss(UAR, Refuse(5004), "hss-roaming-refused")

    def test_hss_barred(self):
        one = self.someone()
        self.core.imsctl("hss", "subscriber", one.imsi, "--bar")
        self.register(one)
        self.fails(one.imsi, "hss-barred")

    def test_hss_scheme_refused(self):
        self.refused_by_hss(MAR, Refuse(5006), "hss-scheme-refused")

    def test_hss_error(self):
        told = self.refused_by_hss(SAR, Refuse(5012, experimental=False), "hss-error")
        self.assertIn("5012", told["findings"][0]["text"])

    def test_no_vector(self):
        self.refused_by_hss(MAR, Replace({612: b""}), "no-vector")

    def test_profile_unreadable(self):
        self.refused_by_hss(SAR, Replace({606: b"<IMSSubscription><PrivateID>"}), "profile-unreadable")

    def test_profile_without_identity(self):
        profile = (f"<IMSSubscription><PrivateID>x@{DOMAIN}</PrivateID><ServiceProfile><PublicIdentity><Identity>sip:x@{DOMAIN}"
                   "</Identity></PublicIdentity></ServiceProfile></IMSSubscription>")
        self.refused_by_hss(SAR, Replace({606: profile.encode()}), "profile-without-identity")

    def test_no_fitting_server(self):
        named = avp(602, b"sip:other.example:6060", 10415)
        self.refused_by_hss(UAR, Refuse(2002, more=named), "no-fitting-server")

    def test_forgotten_by_scscf(self):
        one = self.someone()
        self.stay(one)
        self.core.scscf_daemon.stop(signal.SIGKILL)
        self.core.start_daemon("scscf")
        self.core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")
        self.named(one.imsi, "forgotten-by-scscf", seconds=25)

    def test_forgotten_by_pcscf(self):
        one = self.someone()
        self.stay(one)
        self.core.pcscf_daemon.stop(signal.SIGKILL)
        self.core.start_daemon("pcscf")
        self.named(one.imsi, "forgotten-by-pcscf", seconds=25)

    # ---- Registered, and yet ----

    def test_no_tel_identity(self):
        one = self.someone()
        self.core.imsctl("hss", "subscriber", one.imsi, "--remove-impu", f"tel:+{one.msisdn}")
        self.stay(one, "--subscribe")
        told = self.named(one.imsi, "no-tel-identity")
        self.assertTrue(told["registered"])

    def test_no_reg_subscription(self):
        one = self.someone()
        self.stay(one)
        told = self.named(one.imsi, "no-reg-subscription", seconds=25)
        self.assertTrue(told["registered"])
        self.assertIn("SUBSCRIBE", told["missing"])

    def test_notify_unanswered(self):
        one = self.someone()
        handset = self.stay(one, "--subscribe")
        handset.wait_for("notify")
        handset.program.stop(signal.SIGKILL)
        self.core.imsctl("hss", "subscriber", one.imsi, "--add-impu", f"sip:more@{DOMAIN}", "--push")
        self.named(one.imsi, "notify-unanswered", seconds=TIME_OUT + 10)

    def test_service_failed(self):
        one = self.someone()
        criterion = self.network.folder / "ifc.xml"
        criterion.write_text(
            "<InitialFilterCriteria><Priority>1</Priority><TriggerPoint><ConditionTypeCNF>0</ConditionTypeCNF><SPT>"
            "<ConditionNegated>0</ConditionNegated><Group>0</Group><Method>REGISTER</Method></SPT></TriggerPoint>"
            "<ApplicationServer><ServerName>sip:10.45.0.99:5060</ServerName><DefaultHandling>0</DefaultHandling>"
            "</ApplicationServer></InitialFilterCriteria>")
        self.core.imsctl("hss", "subscriber", one.imsi, "--ifc", str(criterion))
        self.stay(one, "--subscribe")
        told = self.named(one.imsi, "service-failed", seconds=TIME_OUT + 10)
        self.assertTrue(told["registered"])

    # ---- Calls and messages ----

    def call(self, target, *options):
        """From a new handset on the third host: the caller."""
        one = self.someone()
        handset = self.stay(one, "--subscribe", *options, host=3)
        handset.wait_for("notify")
        handset.tell(f"call:{target}")
        return one, handset

    def callee(self, *options):
        one = self.someone()
        handset = self.stay(one, "--subscribe", *options, host=2)
        handset.wait_for("notify")
        return one, handset

    def test_callee_unknown(self):
        one, _ = self.call("tel:+15559999999")
        self.named(one.imsi, "callee-unknown")

    def test_callee_not_registered(self):
        one, _ = self.call(self.someone().impu)
        self.named(one.imsi, "callee-not-registered")

    def test_callee_silent(self):
        two, handset = self.callee()
        handset.program.stop(signal.SIGKILL)
        one, _ = self.call(two.impu)
        self.named(one.imsi, "callee-silent", seconds=TIME_OUT + 10)

    def test_callee_busy(self):
        two, _ = self.callee("--answer", "busy")
        one, _ = self.call(two.impu)
        self.named(one.imsi, "callee-busy")
        self.named(two.imsi, "callee-busy")

    def test_callee_declined(self):
        two, _ = self.callee("--answer", "reject:603")
        one, _ = self.call(two.impu)
        self.named(one.imsi, "callee-declined")

    def test_media_refused(self):
        two, _ = self.callee("--answer", "reject:488")
        one, _ = self.call(two.impu)
        self.named(one.imsi, "media-refused")

    def test_session_expired(self):
        two, handset = self.callee("--session-expires", "0")
        one, caller = self.call(two.impu, "--session-expires", "0")
        caller.wait_for("answered")
        for phone in (caller, handset):
            phone.program.stop(signal.SIGKILL)
        self.named(one.imsi, "session-expired", seconds=80)

    def test_sms_not_taken(self):
        one = self.someone()
        two, handset = self.callee()
        handset.program.stop(signal.SIGKILL)
        sender = self.stay(one, "--subscribe", host=3)
        sender.wait_for("notify")
        sender.tell(f"sms:+{two.msisdn}:hello")
        self.named(two.imsi, "sms-not-taken", seconds=TIME_OUT + 15)


if __name__ == "__main__":
    unittest.main()
