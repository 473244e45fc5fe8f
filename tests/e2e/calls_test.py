#!/usr/bin/python3
# runs: esp-kernel
# limit: 450
"""Calls and messages between handsets, through IPsec on both sides: IPv4 and IPv6, every transport, both directions, by
every kind of address.

    ./tests/run e2e calls_test
"""
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, TRANSPORTS  # noqa: E402


class Calls(CallTest):
    HANDSETS = 4

    def call_both_ways(self, family, transport):
        one, two = (self.phone(number, *TRANSPORTS[transport], family=family) for number in (1, 2))
        self.talk(one, two)
        self.hang_up(one, two)
        self.talk(two, one)
        self.hang_up(one, two)  # by the callee

    def test_when_one_handset_has_ipv4_and_the_other_ipv6_then_calls_come_about_both_ways(self):
        one, two = self.phone(1, "--no-media"), self.phone(2, "--no-media", family=6)
        for caller, callee in ((one, two), (two, one)):
            self.talk(caller, callee, media=False)
            self.hang_up(caller, callee, media=False)

    def test_when_preconditions_are_off_at_one_end_then_the_call_comes_about_without(self):
        one, two = self.phone(1), self.phone(2, "--no-preconditions")
        for caller, callee in ((one, two), (two, one)):
            self.talk(caller, callee, precondition="no")
            self.hang_up(caller, callee)

    def test_when_a_number_is_called_then_its_owner_rings(self):
        one, two = self.phone(1), self.phone(2)
        number = two.subscriber.msisdn
        for target in (f"tel:+{number}", f"+{number}", f"tel:+1-555-000-{number[-4:]}",
                       f"sip:+{number}@{two.impu.split('@')[1]};user=phone", f"tel:{number[1:]};phone-context=+1"):
            with self.subTest(target):
                self.talk(one, two, target)
                self.hang_up(one, two)

    def test_when_two_pairs_call_at_once_then_both_calls_stand(self):
        one, two, three, four = (self.phone(number) for number in range(1, 5))
        one.tell(f"call:{two.impu}")
        three.tell(f"call:{four.impu}")
        ids = []
        for phone in (one, two, three, four):
            ids.append(phone.next("answered")["call_id"])
            phone.next("media")
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(ids[2], ids[3])
        self.assertNotEqual(ids[0], ids[2])
        self.hang_up(one, two)
        self.hang_up(four, three)

    def test_when_handsets_write_to_each_other_then_the_messages_arrive(self):
        one, two = self.phone(1), self.phone(2, family=6)
        texts = {one: "How do you do? \u00e4\u4f60\u597d", two: "Fine: " + 900 * "."}
        for sender, receiver in ((one, two), (two, one)):
            sender.tell(f"message:{receiver.impu}:{texts[sender]}")
            self.assertEqual(sender.next("message_sent")["code"], 200)
            message = receiver.next("message")
            self.assertEqual((message["from"], message["text"]), (sender.impu, texts[sender]))

    def test_when_handsets_write_during_their_call_then_the_message_arrives_and_the_call_stands(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        two.tell(f"message:{one.impu}:I hear you")
        self.assertEqual(one.next("message")["text"], "I hear you")
        self.hang_up(one, two)


for _family in (4, 6):
    for _transport in TRANSPORTS:
        setattr(Calls, f"test_ip{_family}_{_transport}",
                lambda self, family=_family, transport=_transport: self.call_both_ways(family, transport))

if __name__ == "__main__":
    unittest.main()
