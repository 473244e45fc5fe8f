#!/usr/bin/python3
# runs: esp-kernel
# limit: 450
"""What happens to calls: hold, new security associations, forking, ends of every kind, the session timer.

    ./tests/run e2e calls_changes
"""
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, TIME_OUT, TRANSPORTS, wait_until  # noqa: E402

REFRESH = 45  # seconds: half of the shortest session timer


class CallsChanges(CallTest):
    HANDSETS = 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A call that lasts, for the last test: its session timer runs while the others are made.
        cls.lasting = []
        for number in (4, 5):
            handset = cls.handsets[number - 1]
            handset.start("--subscribe", "--t1", "100ms", "--ring", "0.1", "--session-expires", "90", "--no-media")
            handset.wait_for("notify")
            cls.lasting.append(handset)
        cls.lasting[0].tell(f"call:{cls.lasting[1].subscriber.impu}")
        cls.lasting[0].wait_for("answered")
        cls.began = time.monotonic()
        cls.CALLS_LEFT = 1

    def hold_and_resume(self, one, two):
        for action, event in (("hold", "held"), ("resume", "resumed")):
            one.tell(action)
            self.assertEqual(one.next(event)["by"], "us")
            self.assertEqual(two.next(event)["by"], "them")

    def hold_test(self, how, family, transport):
        one, two = (self.phone(number, "--hold-with", how, *TRANSPORTS[transport], family=family) for number in (1, 2))
        self.talk(one, two)
        self.hold_and_resume(one, two)
        self.hold_and_resume(two, one)
        self.hang_up(two, one)

    def test_when_both_hold_at_once_then_both_changes_are_made_in_turn(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        for phone in (one, two):
            self.delay(phone)
        for phone in (one, two):
            phone.tell("hold")
        for phone in (one, two):
            self.assertEqual({phone.next("held", 40)["by"], phone.next("held", 40)["by"]}, {"us", "them"})
        self.hang_up(one, two)

    def reregister(self, phone):
        old = {sa["spi"] for sa in self.core.sas()}
        phone.tell("reregister")
        new = phone.next("security_associations")
        self.assertEqual(phone.next("registered")["code"], 200)
        made = {new[name] for name in ("spi_uc", "spi_us", "spi_pc", "spi_ps")}
        self.assertEqual(made & old, set())
        self.assertLessEqual(made, {sa["spi"] for sa in self.core.sas()})

    def call_during_registration(self, who, how, transport):
        phones = [self.phone(number, "--hold-with", how, *TRANSPORTS[transport]) for number in (1, 2)]
        one, two = phones
        self.talk(one, two)
        for number in who:
            self.reregister(phones[number])
        # The network may be the first to use the new associations, or the handset.
        self.hold_and_resume(one, two)
        self.hold_and_resume(two, one)
        self.hang_up(two, one)
        self.talk(two, one)
        self.hang_up(two, one)

    def test_when_the_caller_registers_anew_in_mid_call_then_the_call_goes_on_over_the_new_associations(self):
        self.call_during_registration([0], "invite", "large")

    def test_when_the_callee_registers_anew_in_mid_call_then_the_call_goes_on_over_the_new_associations(self):
        self.call_during_registration([1], "update", "udp")

    def test_when_both_register_anew_in_mid_call_then_the_call_goes_on_over_the_new_associations(self):
        self.call_during_registration([0, 1], "invite", "tcp")

    def test_when_the_callee_registers_anew_before_the_call_then_it_rings_over_the_new_associations(self):
        one, two = self.phone(1), self.phone(2)
        for _ in range(3):  # client ports come round
            self.reregister(two)
            self.talk(one, two)
            self.hang_up(one, two)

    def test_when_the_old_associations_have_ended_then_the_call_goes_on(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        for phone in (one, two):
            self.reregister(phone)
            phone.tell(f"message:{phone.impu}:now the network uses the new ones")
            phone.next("message")
        wait_until(lambda: len(self.core.sas()) == 4 * 4, TIME_OUT + 10, "the old associations live on")
        self.hold_and_resume(two, one)
        self.hang_up(two, one)

    def test_when_both_hang_up_at_once_then_both_ends_are_free(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        for phone in (one, two):
            self.delay(phone)
        for phone in (one, two):
            phone.tell("hangup")
        for phone in (one, two):
            ended = phone.next("call_ended")
            self.assertEqual((ended["by"], ended["code"]), ("us", 200), "the BYEs have not crossed")
        self.talk(one, two)
        self.hang_up(one, two)

    def delay(self, phone, milliseconds=150):
        """What the handset sends takes so long, to the end of the test."""
        phone.host.run("/sbin/tc", "qdisc", "add", "dev", "radio", "root", "netem", "delay", f"{milliseconds}ms")
        self.addCleanup(phone.host.run, "/sbin/tc", "qdisc", "del", "dev", "radio", "root")

    def test_when_the_callee_vanishes_in_mid_call_then_the_callers_bye_ends_in_time(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        two.handset.program.stop(signal.SIGKILL)
        began = time.monotonic()
        one.tell("hangup")
        self.assertEqual(one.next("call_ended", TIME_OUT + 5)["by"], "us")
        self.assertLess(time.monotonic() - began, TIME_OUT + 3)
        self.forget(two)
        two = self.phone(2)
        self.talk(one, two)
        self.hang_up(one, two)

    def test_when_the_caller_vanishes_while_it_rings_then_the_callee_is_free_again(self):
        one, two = self.phone(1), self.phone(2, "--answer", "manual")
        self.dial(one, two)
        two.next("ringing")
        one.handset.program.stop(signal.SIGKILL)
        two.tell("answer")
        two.next("answered")
        self.assertEqual(two.next("call_ended", 2 * TIME_OUT + 5)["by"], "us")  # no ACK comes
        self.forget(one)
        one = self.phone(1)
        self.talk(two, one)
        self.hang_up(one, two)

    def test_when_a_party_leaves_in_mid_call_then_the_network_ends_the_call(self):
        for leaves in (0, 1):
            with self.subTest(leaves=leaves):
                phones = [self.phone(1), self.phone(2)]
                self.talk(*phones)
                phones[leaves].tell("deregister")
                phones[leaves].next("deregistered")
                ended = phones[1 - leaves].next("call_ended")
                self.assertEqual((ended["by"], ended["code"]), ("them", 200))
                self.assertIn("Registration ended", ended["reason"])
                self.doCleanups()

    def two_devices(self, *options):
        """The caller, and two handsets of one user."""
        one = self.phone(1)
        user = self.handsets[1].subscriber
        devices = [self.phone(2, *options, "--imei", "350000000000021", subscriber=user),
                   self.phone(3, *options, "--imei", "350000000000039", subscriber=user)]
        for device in devices:
            device.impu = user.impu
        return one, devices

    def test_when_a_user_has_two_devices_then_both_ring_and_the_other_hears_who_answered(self):
        one, devices = self.two_devices("--answer", "manual")
        for answers in (0, 1):
            with self.subTest(answers=answers):
                taker, other = devices[answers], devices[1 - answers]
                call_id = self.dial(one, taker)
                self.assertEqual(other.next("call_in")["call_id"], call_id)
                for device in devices:
                    device.next("ringing")
                one.next("ringing")
                taker.tell("answer")
                missed = other.next("call_ended")
                self.assertEqual((missed["by"], missed["code"]), ("them", 487))
                self.assertIn("Call completed elsewhere", missed["reason"])
                one.next("answered")
                for phone in (one, taker):
                    phone.next("media")
                self.hang_up(taker if answers else one, one if answers else taker)
                taker.next("answered")

    def test_when_both_devices_are_declined_or_given_up_then_the_caller_hears_it_once(self):
        one, devices = self.two_devices("--answer", "manual")
        self.dial(one, devices[0])
        for device in devices:
            device.next("ringing")
        devices[0].tell("reject:486")
        devices[0].next("call_ended")
        self.assertEqual(one.unread("call_failed"), [])  # the other still rings
        devices[1].tell("reject:486")
        self.assertEqual(one.next("call_failed")["code"], 486)
        self.dial(one, devices[0])
        for device in devices:
            device.next("ringing")
        devices[1].tell("reject:603")  # for all
        self.assertEqual(one.next("call_failed")["code"], 603)
        self.assertEqual(devices[0].next("call_ended")["by"], "them")

    def test_when_half_of_the_session_timer_has_passed_then_it_is_refreshed(self):
        one, two = self.lasting
        refreshed = one.wait_for("refreshed", seconds=max(1, REFRESH + 10 - (time.monotonic() - self.began)))
        self.assertEqual(refreshed["seconds"], 90)
        self.assertTrue(one.program.running() and two.program.running())
        self.assertEqual(one.events("call_ended") + two.events("call_ended"), [])

    @classmethod
    def tearDownClass(cls):
        one, two = cls.lasting
        one.tell("hangup")
        two.wait_for("call_ended")
        cls.CALLS_LEFT = 0
        for handset in cls.lasting:
            handset.tell("quit")
            handset.program.wait(TIME_OUT)
        super().tearDownClass()


for _how, _family, _transport in (("invite", 4, "udp"), ("invite", 6, "tcp"), ("update", 4, "tcp"), ("update", 6, "large")):
    setattr(CallsChanges, f"test_hold_with_{_how}_ip{_family}_{_transport}",
            lambda self, how=_how, family=_family, transport=_transport: self.hold_test(how, family, transport))

if __name__ == "__main__":
    unittest.main()
