#!/usr/bin/python3
# runs: esp-kernel
# limit: 400
"""Messages between handsets, through IPsec on both sides: MESSAGE by every transport, SMS over IP with a receiver who is
away or has no memory; and what the operator has of them and of calls: events, gauges, imsctl calls and hangup, call
records.

    ./tests/run e2e messages
"""
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import BIN, Core, LabError, Network, Subscriber, wait_until  # noqa: E402

# Every octet of UTF-8 but those that end a line, in an order of no meaning.
EVERY_OCTET = "".join(map(chr, itertools.chain(range(1, 10), range(14, 0x200), range(0x7fe0, 0x8020), (0x1f600,))))
LONG_UCS2 = "Привет, как дела? Это длинное сообщение без латиницы, семьдесят букв!"
LONG_GSM7 = "The quick brown fox jumps over the lazy dog, {[~€]} äöüß ΔΦΓ " * 2 + "01234567890123456789012345"  # 160 septets
TRANSPORTS = {"udp": ("--first", "udp", "--protected", "udp", "--requests", "udp"),
              "tcp": ("--first", "tcp", "--protected", "tcp", "--requests", "tcp")}


class Phone:
    """A handset that runs. Its events are read one after the other."""

    def __init__(self, handset):
        self.handset, self.read = handset, {}
        self.subscriber, self.tell = handset.subscriber, handset.tell
        self.impu, self.number = handset.subscriber.impu, f"+{handset.subscriber.msisdn}"

    def next(self, name, seconds=20):
        count = self.read.get(name, 0) + 1
        event = self.handset.wait_for(name, count, seconds)
        self.read[name] = count
        return event

    def unread(self, name):
        return self.handset.events(name)[self.read.get(name, 0):]


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.records = cls.network.folder / "calls.jsonl"
        cls.core = Core(cls.network, [Subscriber(number) for number in (1, 2, 3)],
                        scscf={"short_messages": {"role": "on"}, "calls": {"records": str(cls.records)}})
        cls.addClassCleanup(cls.keep)
        cls.core.start()
        cls.handsets = {number: cls.core.handset(number) for number in (1, 2, 3)}

    @classmethod
    def keep(cls):
        """Events and logs, to look at afterwards."""
        folder = os.environ.get("LAPWING_TEST_RESULTS")
        if folder:
            target = Path(folder) / "messages"
            target.mkdir(exist_ok=True)
            for kind in ("log", "events", "jsonl"):
                for path in cls.network.folder.glob(f"*.{kind}"):
                    shutil.copy(path, target)

    def phone(self, number, *options, family=4):
        """The handset, registered; it leaves at the end of the test."""
        handset = self.handsets[number]
        handset.start("--subscribe", *options, address=handset.address if family == 4 else handset.address6)
        self.addCleanup(self.leave, handset)
        phone = Phone(handset)
        phone.next("notify")
        return phone

    def leave(self, handset):
        if not handset.program.running():
            return
        handset.tell("quit")
        try:
            handset.program.wait(10)
        except LabError:
            handset.program.stop(signal.SIGKILL)
            raise

    def watch(self):
        """The events of `imsctl watch` from now on: a function that returns those that came."""
        path = self.network.folder / "watch.jsonl"
        with open(path, "wb") as out:
            watching = subprocess.Popen([BIN / "imsctl", "--config", self.core.files["imsctl"], "--json", "watch"],
                                        stdout=out, stderr=subprocess.DEVNULL)
        self.addCleanup(watching.wait)
        self.addCleanup(watching.terminate)
        return lambda: [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def gauge(self, name):
        gauges = self.core.imsctl("status")["scscf"]["gauges"]
        return next(int(one.get("value", 0)) for one in gauges if one["name"] == name)

    def wait_for_gauge(self, name, value):
        wait_until(lambda: self.gauge(name) == value, 10, lambda: f"{name} is {self.gauge(name)}, not {value}")

    def submitted(self, phone, number, text):
        phone.tell(f"sms:{number}:{text}")
        self.assertEqual(phone.next("sms_sent")["code"], 202)
        self.assertEqual(phone.next("sms_report")["result"], "ack")

    def received(self, phone, originator, text):
        sms = phone.next("sms")
        self.assertEqual((sms["originator"], sms["text"]), (originator, text))

    # ---- MESSAGE ----

    def message_both_ways(self, family, transport):
        one = self.phone(1, *TRANSPORTS[transport], family=family)
        two = self.phone(2, *TRANSPORTS[transport], family=family)
        for sender, receiver in ((one, two), (two, one)):
            for target in (receiver.impu, f"tel:{receiver.number}"):
                text = f"{EVERY_OCTET} to {target}"
                sender.tell(f"message:{target}:{text}")
                self.assertEqual(sender.next("message_sent")["code"], 200)
                came = receiver.next("message")
                self.assertEqual(came["text"], text)
                self.assertIn(came["from"], (sender.impu, f"tel:{sender.number}"))

    def test_message_by_udp(self):
        self.message_both_ways(4, "udp")

    def test_message_by_tcp(self):
        self.message_both_ways(4, "tcp")

    def test_message_by_udp_over_ipv6(self):
        self.message_both_ways(6, "udp")

    def test_message_by_tcp_over_ipv6(self):
        self.message_both_ways(6, "tcp")

    def test_message_to_somebody_who_is_away(self):
        one = self.phone(1)
        one.tell(f"message:tel:+{Subscriber(2).msisdn}:hello")
        self.assertEqual(one.next("message_failed")["code"], 480)
        one.tell("message:tel:+15559999999:hello")
        self.assertEqual(one.next("message_failed")["code"], 404)

    # ---- SMS ----

    def sms_between(self, family, transport):
        one = self.phone(1, *TRANSPORTS[transport], family=family)
        two = self.phone(2, *TRANSPORTS[transport], family=family)
        for text in ("Hello", LONG_GSM7, LONG_UCS2, "漢字 and 😀"):
            self.submitted(one, two.number, text)
            self.received(two, one.number, text)
        self.submitted(two, one.number, "Hello yourself")
        self.received(one, two.number, "Hello yourself")
        self.submitted(one, one.number, "note to myself")
        self.received(one, one.number, "note to myself")
        self.wait_for_gauge("short_messages", 0)

    def test_sms_by_udp(self):
        self.sms_between(4, "udp")

    def test_sms_by_tcp_over_ipv6(self):
        self.sms_between(6, "tcp")

    def test_sms_to_somebody_who_is_away_and_comes_back(self):
        one = self.phone(1)
        texts = ["first", "second", LONG_UCS2]
        for text in texts:
            self.submitted(one, f"+{Subscriber(2).msisdn}", text)
        self.wait_for_gauge("short_messages", 3)
        two = self.phone(2)
        for text in texts:
            self.received(two, one.number, text)
        self.wait_for_gauge("short_messages", 0)

    def test_sms_to_a_full_memory(self):
        one, two = self.phone(1), self.phone(2)
        two.tell("memory-full")
        self.submitted(one, two.number, "too much")
        self.assertEqual(two.next("sms_refused")["cause"], 22)
        self.submitted(one, two.number, "more")
        self.wait_for_gauge("short_messages", 2)
        self.assertEqual(two.unread("sms"), [])
        two.tell("memory-available")
        self.assertEqual(two.next("sms_report")["result"], "ack")
        self.received(two, one.number, "too much")
        self.received(two, one.number, "more")
        self.wait_for_gauge("short_messages", 0)
        self.assertEqual(two.unread("sms_refused"), [])

    def test_sms_to_nobody(self):
        one = self.phone(1)
        one.tell("sms:+15559999999:hello")
        report = one.next("sms_report")
        self.assertEqual((report["result"], report["cause"]), ("error", 1))

    def test_sms_is_told_to_those_who_watch(self):
        events = self.watch()
        one = self.phone(1)
        for _ in range(10):  # until it listens
            one.tell("reregister")
            one.next("registered")
            if events():
                break
        self.submitted(one, f"+{Subscriber(2).msisdn}", "hello")
        two = self.phone(2)
        self.received(two, one.number, "hello")
        two.tell("memory-full")
        self.submitted(one, two.number, "again")
        two.next("sms_refused")
        one.tell("sms:+15559999999:hello")
        one.next("sms_report")

        def kinds():
            return [event["kind"] for event in events() if event["kind"].startswith("sms.")]
        expected = ["sms.submitted", "sms.delivered", "sms.submitted", "sms.not_delivered", "sms.refused"]
        wait_until(lambda: sorted(kinds()) == sorted(expected), 10, lambda: f"events: {kinds()}")
        delivered = next(event for event in events() if event["kind"] == "sms.delivered")
        self.assertEqual((delivered["program"], delivered["impi"]), ("scscf", two.subscriber.impi))
        self.assertEqual(delivered["text"], f"from {one.number}: delivered")
        two.tell("memory-available")
        self.received(two, one.number, "again")
        self.wait_for_gauge("short_messages", 0)

    # ---- Calls, as the operator sees them ----

    def call(self, one, two):
        """Its Call-ID, when it rings."""
        one.tell(f"dial:{two.impu}")
        call_id = one.next("call_out")["call_id"]
        two.next("call_in")
        one.next("ringing")
        return call_id

    def answered(self, one, two):
        call_id = self.call(one, two)
        two.tell("answer")
        for phone in (one, two):
            phone.next("answered")
        return call_id

    def calls(self):
        return self.core.imsctl("calls", check=False)["scscf"].get("calls", [])

    def test_calls_and_hangup(self):
        self.assertEqual(self.calls(), [])
        one, two = self.phone(1, "--no-media"), self.phone(2, "--answer", "manual", "--no-media")
        call_id = self.call(one, two)
        [call] = self.calls()
        self.assertEqual((call["state"], call["callId"]), ("ringing", call_id))
        two.tell("answer")
        one.next("answered")
        wait_until(lambda: self.calls()[0]["state"] == "answered", 5, "the call is not answered")
        [call] = self.calls()
        self.assertEqual((call["caller"], call["callee"]), (one.impu, two.impu))
        self.assertEqual((call["callerImpi"], call["calleeImpi"]), (one.subscriber.impi, two.subscriber.impi))
        self.assertIn("AMR-WB/16000", call["media"])
        self.assertTrue(call["icid"] and call["answered"] and call["lastMessage"])
        table = self.core.imsctl_text("calls", two.number)
        self.assertRegex(table, rf"(?m)^CALL .*ICID$\n{call['id']} +\{one.number} +\{two.number} +answered ")
        self.assertEqual(self.core.imsctl_text("calls", "+15559999999", check=False), "No calls.\n")
        self.assertEqual(self.core.imsctl_text("hangup", call["id"]), f"Ended: {one.impu} with {two.impu}\n")
        for phone in (one, two):
            self.assertEqual(phone.next("call_ended")["by"], "them")
        wait_until(lambda: not self.calls(), 10, lambda: f"left: {self.calls()}")
        with self.assertRaisesRegex(LabError, "exit 1: .*has no call"):
            self.core.imsctl_text("hangup", call["id"])
        # By the user: all its calls. One that rings is cancelled.
        self.call(one, two)
        self.assertEqual(self.core.imsctl_text("hangup", one.subscriber.imsi), f"Ended: {one.impu} with {two.impu}\n")
        one.next("call_failed")
        wait_until(lambda: not self.calls(), 10, lambda: f"left: {self.calls()}")

    def test_call_records(self):
        one, two = self.phone(1, "--no-media"), self.phone(2, "--answer", "manual", "--no-media")
        before = len(self.lines())
        ids = [self.answered(one, two)]
        one.tell("hangup")
        one.next("call_ended")
        ids.append(self.call(one, two))
        two.tell("reject:486")
        one.next("call_failed")
        ids.append(self.call(one, two))
        one.tell("hangup")
        one.next("call_ended")
        lines = wait_until(lambda: len(self.lines()) >= before + 3 and self.lines()[before:], 10,
                           lambda: f"records: {self.lines()[before:]}")
        self.assertEqual([line["call_id"] for line in lines], ids)
        self.assertEqual([line["code"] for line in lines], [200, 486, 487])
        self.assertEqual(["answer" in line for line in lines], [True, False, False])
        self.assertGreater(lines[0]["seconds"], 0)
        for line in lines:
            self.assertEqual((line["caller"], line["callee"]), (one.impu, two.impu))
            self.assertLessEqual(line["start"], line["end"])
            self.assertTrue(line["icid"] and line["reason"], line)

    def lines(self):
        text = self.records.read_text() if self.records.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


if __name__ == "__main__":
    unittest.main()
