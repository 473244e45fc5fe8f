#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""The S-CSCF is killed and started again: registrations, subscriptions and short messages are there as before, handsets call
without registering again, and a damaged state file is set aside.

    ./tests/run e2e state
"""
import signal
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest  # noqa: E402


class State(CallTest):
    HANDSETS = 3
    SCSCF = {"state_file": "@folder@/scscf.db", "short_messages": {"role": "on"}}

    def restart(self, how=signal.SIGKILL, between=None):
        self.core.scscf_daemon.process.send_signal(how)
        self.core.scscf_daemon.wait()
        if between:
            between()
        self.core.start_daemon("scscf")
        self.core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")

    def registered(self):
        entries = self.core.imsctl("registrations")["scscf"]["registrations"]
        return {entry["impi"]: entry for entry in entries if entry["state"] == "registered"}

    def test_when_the_scscf_is_killed_then_handsets_call_without_registering_again(self):
        one, two = self.phone(1), self.phone(2)
        before = self.registered()
        self.restart()
        self.assertEqual(set(before), {one.subscriber.impi, two.subscriber.impi})
        after = self.registered()
        for impi, entry in before.items():
            for key in ("contact", "impus", "barredImpus", "instance", "pcscf", "userAgent"):
                self.assertEqual(after[impi][key], entry[key], key)
            self.assertEqual(after[impi]["since"][:19], entry["since"][:19])
        self.talk(one, two)
        self.hang_up(two, one)
        for phone in (one, two):
            self.assertEqual(phone.unread("registered"), [])

    def test_when_the_scscf_is_stopped_and_started_then_a_registration_is_refreshed_without_a_challenge_of_its_own(self):
        one = self.phone(1)
        self.restart(signal.SIGTERM)
        one.tell("reregister")
        one.next("security_associations")
        self.assertEqual(one.next("registered")["code"], 200)

    def test_when_the_scscf_is_killed_then_the_subscription_goes_on_and_tells_of_the_end(self):
        one = self.phone(1)
        self.restart()
        self.core.imsctl("deregister", one.impu)
        told = one.next("notify")
        self.assertTrue(told["subscription_state"].startswith("terminated"), told)

    def test_when_the_scscf_is_killed_then_a_short_message_waits_for_its_receiver_all_the_same(self):
        one = self.phone(1)
        one.tell(f"sms:+{self.handsets[2].subscriber.msisdn}:still here")
        one.next("sms_sent")
        self.restart()
        three = self.phone(3)
        self.assertEqual(three.next("sms")["text"], "still here")

    def test_when_the_state_file_is_damaged_then_the_scscf_starts_without_it_and_says_so(self):
        one = self.phone(1)
        file = self.network.folder / "scscf.db"

        def damage():
            for part in ("-wal", "-shm"):
                Path(f"{file}{part}").unlink(missing_ok=True)
            file.write_bytes(b"\x55" * 20_000)
        self.restart(between=damage)
        self.assertIn("is damaged: it is kept as", self.core.scscf_daemon.output())
        self.assertEqual(self.registered(), {})
        aside = [path for path in self.network.folder.glob("scscf.db.damaged-*")]
        self.assertEqual(len(aside), 1)
        # The handset registers anew, as it would after a refused re-registration.
        one.handset.program.stop(signal.SIGKILL)
        self.forget(one.handset)
        self.phone(1)
        self.assertEqual(set(self.registered()), {one.subscriber.impi})


if __name__ == "__main__":
    unittest.main()
