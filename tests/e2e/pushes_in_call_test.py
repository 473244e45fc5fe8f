#!/usr/bin/python3
# runs: esp-kernel
# limit: 400
"""What the HSS pushes while a user is in a call: an RTR of each reason, for all identities or one, and PPRs that change the
identities or the filter criteria, or cannot be read.

    ./tests/run e2e pushes_in_call
"""
import json
import signal
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, TIME_OUT, wait_until  # noqa: E402  (the first: it finds the lab's modules)
from application_server import ApplicationServer  # noqa: E402
from network import DOMAIN, Core  # noqa: E402
from pushing_relay import PORT, PushingRelay  # noqa: E402
from services_test import ifc  # noqa: E402

SERVER = "10.45.0.11"
SUCCESS, USER_UNKNOWN, NOT_SUPPORTED = (False, 2001), (True, 5001), (True, 5009)


def profile(impi, *identities):
    """User-Data; an identity that ends with "!" is barred, as is the one that a handset registers with."""
    listed = "".join(f"<PublicIdentity><BarringIndication>{int(one.endswith('!'))}</BarringIndication>"
                     f"<Identity>{one.rstrip('!')}</Identity></PublicIdentity>" for one in (f"sip:{impi}!", *identities))
    return f"<IMSSubscription><PrivateID>{impi}</PrivateID><ServiceProfile>{listed}</ServiceProfile></IMSSubscription>"


class PushesInCall(CallTest):
    XFRM_ERRORS = ("XfrmInNoStates",)  # handsets close connections whose associations the P-CSCF has ended
    SCSCF = {"cx": {"peers": [{"host": f"hss.{DOMAIN}", "address": f"{Core.HSS[0]}:{PORT}"}]}}

    @classmethod
    def prepare(cls):
        cls.relay = PushingRelay(cls.core.hss, Core.HSS[0], f"hss.{DOMAIN}", f"scscf.{DOMAIN}")
        cls.addClassCleanup(cls.relay.close)
        cls.server = ApplicationServer(cls.core, "tas", SERVER)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.server.got = []

    def in_call(self):
        """Two handsets that talk to each other. They hold calls by UPDATE: no ACK can come after the next change."""
        one, two = (self.phone(number, "--hold-with", "update") for number in (1, 2))
        self.talk(one, two)
        return one, two

    def terminate(self, phone, reason):
        reply = self.core.imsctl("terminate", phone.impu, "--reason", str(reason))["labhss"]
        self.assertEqual(reply["result"], "DIAMETER_SUCCESS (2001)")

    def change(self, phone, **keys):
        """labhss's file says so of the subscriber, to the end of the test, and the profile is pushed."""
        file = self.core.files["labhss"]
        before = file.read_text()
        lines = before.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("subscribers: "))
        listed = json.loads(lines[at].removeprefix("subscribers: "))
        next(one for one in listed if one["imsi"] == phone.subscriber.imsi).update(keys)
        lines[at] = "subscribers: " + json.dumps(listed)
        file.write_text("\n".join(lines) + "\n")
        self.addCleanup(self.change_back, file, before)
        reply = self.core.imsctl("push-profile", phone.impu)["labhss"]
        self.assertEqual(reply["result"], "DIAMETER_SUCCESS (2001)")

    def change_back(self, file, text):
        file.write_text(text)
        log = self.core.labhss_daemon.output
        before = log().count("subscribers read from")
        self.core.labhss_daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: log().count("subscribers read from") > before, 10, "labhss does not read its file")

    def assign_elsewhere(self, phone):
        """By an RTR; at the end of the test the handset comes again, so that it can leave."""
        self.terminate(phone, 1)
        self.addCleanup(self.come_again, phone)
        wait_until(lambda: self.registered_at("scscf", phone)["state"] == "deregistered", 5, "the S-CSCF still has it")

    def come_again(self, phone):
        phone.tell("register")
        self.assertEqual(phone.next("registered")["code"], 200)
        # As long as labue has the old set, it may answer by it.
        wait_until(lambda: len(phone.host.security_associations()) == 4, 10, "the handset keeps its old associations")

    def tel(self, phone):
        return f"tel:+{phone.subscriber.msisdn}"

    def registered_at(self, daemon, phone):
        return self.core.imsctl("show", phone.subscriber.imsi)[daemon]["registrations"][0]

    def news(self, phone):
        """NOTIFYs that say something new: that of the registration may come after that of the SUBSCRIBE."""
        before = phone.handset.events("notify")[0]["registrations"]
        return [told for told in phone.handset.events("notify") if told["registrations"] != before]

    def check_notify(self, phone, subscription, registrations, contact=None):
        """The handset's first NOTIFY with news says so: the start of Subscription-State, the state of each identity, and the
        event of its contact."""
        wait_until(lambda: self.news(phone), 20, "no NOTIFY")
        told = self.news(phone)[0]
        self.assertTrue(told["subscription_state"].startswith(subscription), told)
        self.assertEqual(told["registrations"], [f"{impu}={state}" for impu, state in registrations], told)
        if contact:
            self.assertEqual({one.rpartition("=")[2] for one in told["contacts"]}, {contact}, told)

    def check_released(self, one, two):
        """The network ended the call, with a BYE to each."""
        for phone in (one, two):
            ended = phone.next("call_ended")
            self.assertEqual((ended["by"], ended["code"]), ("them", 200), ended)
            self.assertEqual(ended["reason"], 'SIP;cause=480;text="Registration ended"')

    def check_ended(self, phone, why):
        """Neither daemon has the registration."""
        for daemon in ("scscf", "pcscf"):
            wait_until(lambda: self.registered_at(daemon, phone)["state"] == "deregistered", 5, f"{daemon} still has it")
        self.assertIn(why, self.registered_at("scscf", phone)["why"])

    def check_associations(self, expected):
        """Those of an ended registration have gone after the grace time, and no others."""
        wait_until(lambda: {sa["spi"] for sa in self.core.sas()} == expected, TIME_OUT + 5, "others stay, or too few")

    def spis(self, phone):
        agreed = phone.handset.events("security_associations")[-1]
        return {agreed[name] for name in ("spi_uc", "spi_us", "spi_pc", "spi_ps")}

    def check_goes_on(self, one, two):
        """The call: it is held and resumed, and ends as it should; the same two then call again."""
        for action, event in (("hold", "held"), ("resume", "resumed")):
            one.tell(action)
            self.assertEqual((one.next(event)["by"], two.next(event)["by"]), ("us", "them"))
        self.hang_up(two, one)
        self.talk(two, one)
        self.hang_up(one, two)

    # ---- RTR ----

    def test_when_an_rtr_ends_the_subscription_of_the_caller_then_the_call_ends_and_the_handset_is_rejected(self):
        one, two = self.in_call()
        self.terminate(one, 0)
        self.check_released(one, two)
        self.check_notify(one, "terminated;reason=rejected", [(one.impu, "terminated"), (self.tel(one), "terminated")],
                          "rejected")
        self.check_ended(one, "RTR, reason 0")
        self.check_associations(self.spis(two))

    def test_when_an_rtr_changes_the_server_of_the_callee_then_the_call_ends_and_the_handset_registers_anew(self):
        one, two = self.in_call()
        self.terminate(two, 2)
        self.check_released(one, two)
        self.check_notify(two, "terminated;reason=deactivated", [(two.impu, "terminated"), (self.tel(two), "terminated")],
                          "deactivated")
        self.check_ended(two, "RTR, reason 2")
        self.come_again(two)
        self.talk(one, two)
        self.hang_up(one, two)
        self.check_associations(self.spis(one) | self.spis(two))

    def test_when_an_rtr_says_that_another_server_has_the_user_then_the_data_go_silently_and_the_call_goes_on(self):
        one, two = self.in_call()
        self.assign_elsewhere(one)
        two.tell("hold")
        self.assertEqual(one.next("held")["by"], "them")
        self.hang_up(two, one)
        self.assertEqual(self.news(one), [])
        self.assertEqual({sa["spi"] for sa in self.core.sas()}, self.spis(one) | self.spis(two))

    def test_when_an_rtr_removes_the_server_of_unregistered_users_then_a_registered_one_and_its_call_stay(self):
        one, two = self.in_call()
        self.assertEqual(self.relay.terminate(one.subscriber.impi, 3, one.impu, self.tel(one)), SUCCESS)
        self.check_goes_on(one, two)
        self.assertEqual(self.registered_at("scscf", one)["state"], "registered")
        self.assertEqual(self.news(one), [])

    def test_when_an_rtr_lists_one_identity_then_its_whole_set_ends(self):
        one, two = self.in_call()
        self.assertEqual(self.relay.terminate(one.subscriber.impi, 0, self.tel(one)), SUCCESS)
        self.check_released(one, two)
        self.check_notify(one, "terminated;reason=rejected", [(one.impu, "terminated"), (self.tel(one), "terminated")],
                          "rejected")
        self.check_ended(one, "RTR, reason 0")
        self.check_associations(self.spis(two))

    def test_when_an_rtr_lists_an_identity_that_is_not_the_users_then_nothing_ends(self):
        one, two = self.in_call()
        self.assertEqual(self.relay.terminate(one.subscriber.impi, 0, two.impu), SUCCESS)
        self.assertEqual(self.relay.terminate(f"nobody@{DOMAIN}", 0), USER_UNKNOWN)
        self.check_goes_on(one, two)

    # ---- PPR ----

    def test_when_a_ppr_adds_an_identity_then_the_handset_is_told_and_called_by_it(self):
        one, two = self.in_call()
        new = f"sip:office@{DOMAIN}"
        self.change(two, impus=[two.impu, self.tel(two), new])
        self.check_notify(two, "active", [(two.impu, "active"), (self.tel(two), "active"), (new, "active")])
        self.check_goes_on(one, two)
        self.talk(one, two, target=new)
        self.hang_up(one, two)

    def test_when_a_ppr_takes_an_identity_away_then_the_handset_is_told_and_the_call_goes_on(self):
        one, two = self.in_call()
        self.change(two, impus=[two.impu])
        self.check_goes_on(one, two)
        wait_until(lambda: f"{self.tel(two)}=terminated" in [one for told in self.news(two) for one in told["registrations"]],
                   10, lambda: f"no NOTIFY says that it has gone: {self.news(two)}")
        self.assertIn(f"{two.impu}=active", self.news(two)[-1]["registrations"])

    def test_when_a_ppr_bars_an_identity_then_the_handset_is_not_told_of_it_and_the_call_goes_on(self):
        one, two = self.in_call()
        pushed = profile(two.subscriber.impi, two.impu, self.tel(two) + "!")
        self.assertEqual(self.relay.push_profile(two.subscriber.impi, pushed), SUCCESS)
        self.check_notify(two, "active", [(two.impu, "active")])
        self.check_goes_on(one, two)
        one.tell(f"call:{self.tel(two)}")
        self.assertEqual(one.next("call_failed")["code"], 404)

    def test_when_a_ppr_brings_filter_criteria_then_they_hold_for_the_next_call_and_not_for_this_one(self):
        one, two = self.in_call()
        self.change(one, profile={"ifc": [ifc(10, SERVER, "<Method>INVITE</Method>", "<SessionCase>0</SessionCase>")]})
        one.tell("hold")
        self.assertEqual(two.next("held")["by"], "them")
        self.hang_up(two, one)
        self.assertEqual(self.server.got, [])
        self.talk(one, two)
        self.hang_up(one, two)
        self.assertEqual(len(self.server.requests("INVITE")), 1)

    def test_when_a_ppr_cannot_be_read_then_it_is_refused_and_the_old_profile_stays(self):
        one, two = self.in_call()
        impi, good = one.subscriber.impi, profile(one.subscriber.impi, one.impu)
        for broken in ("no XML", good[:-1], good.replace(one.impu, ""), good.replace("IMSSubscription", "Other")):
            with self.subTest(broken):
                self.assertEqual(self.relay.push_profile(impi, broken), NOT_SUPPORTED)
        self.assertEqual(self.relay.push_profile(f"nobody@{DOMAIN}", good), USER_UNKNOWN)
        self.assertEqual(self.registered_at("scscf", one)["impus"], [one.impu, self.tel(one)])
        self.assertEqual(self.news(one), [])
        self.check_goes_on(one, two)


if __name__ == "__main__":
    unittest.main()
