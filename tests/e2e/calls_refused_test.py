#!/usr/bin/python3
# runs: esp-kernel
# limit: 450
"""Calls that do not come about: cancelled, busy, rejected, not answered, to nobody.

    ./tests/run e2e calls_refused
"""
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, TIME_OUT, TRANSPORTS  # noqa: E402


class CallsRefused(CallTest):
    HANDSETS = 3

    def fails(self, one, target, code, seconds=5):
        one.tell(f"call:{target}")
        one.next("call_out")
        failed = one.next("call_failed", seconds)
        self.assertEqual(failed["code"], code, failed)
        return failed

    def then_it_still_works(self, one, two):
        self.talk(one, two)
        self.hang_up(one, two)

    def cancel_while_ringing(self, family, transport):
        one = self.phone(1, *TRANSPORTS[transport], family=family)
        two = self.phone(2, *TRANSPORTS[transport], "--answer", "never", family=family)
        self.dial(one, two)
        one.next("ringing")
        one.tell("hangup")
        given_up, missed = one.next("call_ended"), two.next("call_ended")
        self.assertEqual((given_up["by"], given_up["code"]), ("us", 487))
        self.assertEqual((missed["by"], missed["code"]), ("them", 487))
        self.assertIn("User ends call", missed["reason"])
        self.assertEqual(one.unread("answered") + two.unread("answered"), [])

    def test_when_the_caller_gives_up_at_any_moment_then_both_ends_are_free_again(self):
        one, two = self.phone(1), self.phone(2, "--answer", "manual")
        for milliseconds in (0, 3, 6, 10, 15, 20, 30, 40, 60, 80):
            with self.subTest(after=milliseconds):
                one.tell(f"call:{two.impu}")
                one.next("call_out")
                time.sleep(milliseconds / 1000)  # the moment is what is tested
                one.tell("hangup")
                self.assertEqual(one.next("call_ended")["code"], 487)
                if two.unread("call_in"):
                    two.next("call_in")
                    self.assertEqual(two.next("call_ended")["by"], "them")
        self.dial(one, two)
        two.next("ringing")
        two.tell("answer")
        for phone in (one, two):
            phone.next("media")
        self.hang_up(two, one)

    def test_when_the_caller_gives_up_as_the_callee_answers_then_neither_end_keeps_the_call(self):
        one, two = self.phone(1), self.phone(2, "--answer", "manual")
        for first, second in ((one, two), (two, one)) * 3:
            self.dial(one, two)
            one.next("ringing")
            for phone in (first, second):
                phone.tell("hangup" if phone is one else "answer")
            one.next("call_ended")
            two.next("call_ended")

    def test_when_the_callee_is_busy_then_the_caller_gets_486(self):
        one, two = self.phone(1), self.phone(2, "--answer", "busy")
        self.fails(one, two.impu, 486)

    def test_when_the_callee_talks_already_then_a_third_gets_486_and_the_call_stands(self):
        one, two, three = self.phone(1), self.phone(2), self.phone(3)
        self.talk(one, two)
        self.fails(three, two.impu, 486)
        self.hang_up(one, two)

    def test_when_the_callee_declines_then_the_caller_gets_603(self):
        one, two = self.phone(1), self.phone(2, "--answer", "manual")
        self.dial(one, two)
        two.next("ringing")
        two.tell("reject")
        self.assertEqual(one.next("call_failed")["code"], 603)
        self.assertEqual(two.next("call_ended")["code"], 603)

    def test_when_the_callee_was_never_registered_then_the_caller_gets_480(self):
        one = self.phone(1)
        self.fails(one, self.handsets[2].subscriber.impu, 480)

    def test_when_the_callee_has_left_then_the_caller_gets_480(self):
        one, two = self.phone(1), self.phone(2)
        two.tell("deregister")
        two.next("deregistered")
        self.fails(one, two.impu, 480)
        two.tell("register")
        two.next("registered")
        self.then_it_still_works(one, two)

    def test_when_nobody_has_the_number_then_the_caller_gets_404(self):
        one = self.phone(1)
        for target in ("tel:+15559999999", one.impu.replace("+1555", "+1666"), "sip:alice@example.org"):
            with self.subTest(target):
                self.fails(one, target, 404)

    def test_when_the_callee_is_gone_without_a_word_then_the_caller_gets_408_in_time(self):
        one, two = self.phone(1), self.phone(2)
        two.handset.program.stop(signal.SIGKILL)
        began = time.monotonic()
        self.fails(one, two.impu, 408, TIME_OUT + 5)
        self.assertLess(time.monotonic() - began, TIME_OUT + 3)
        self.forget(two)
        self.then_it_still_works(one, self.phone(2))

    def test_when_the_session_would_be_too_brief_then_the_caller_asks_for_longer(self):
        one, two = self.phone(1, "--session-expires", "30"), self.phone(2)
        self.then_it_still_works(one, two)


for _family, _transport in ((4, "udp"), (6, "large"), (6, "tcp")):
    setattr(CallsRefused, f"test_cancel_ip{_family}_{_transport}",
            lambda self, family=_family, transport=_transport: self.cancel_while_ringing(family, transport))

if __name__ == "__main__":
    unittest.main()
