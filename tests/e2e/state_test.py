#!/usr/bin/python3
# runs: esp-kernel
# limit: 400
"""S-CSCF and P-CSCF are killed and started again: registrations, subscriptions, short messages and security associations are
there as before, handsets call without registering again, and a damaged state file is set aside.

    ./tests/run e2e state
"""
import signal
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, wait_until  # noqa: E402


class State(CallTest):
    HANDSETS = 3
    SCSCF = {"state_file": "@folder@/scscf.db", "short_messages": {"role": "on"}}
    PCSCF = {"state_file": "@folder@/pcscf.db"}

    def restart(self, how=signal.SIGKILL, between=None):
        self.core.scscf_daemon.process.send_signal(how)
        self.core.scscf_daemon.wait()
        if between:
            between()
        self.core.start_daemon("scscf")
        self.core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")

    def restart_pcscf(self, how=signal.SIGKILL, between=None):
        self.core.pcscf_daemon.process.send_signal(how)
        self.core.pcscf_daemon.wait()
        if between:
            between()
        self.core.start_daemon("pcscf")

    def check_call_after(self, one, two):
        """Both ways, over the security associations that they have."""
        for caller, callee in ((one, two), (two, one)):
            self.talk(caller, callee)
            self.hang_up(callee, caller)
        for phone in (one, two):
            self.assertEqual(phone.unread("registered"), [])

    def test_when_the_pcscf_is_killed_then_it_adopts_the_security_associations_and_handsets_call(self):
        one, two = self.phone(1), self.phone(2)
        before = self.core.sas()
        self.assertEqual(len(before), 8)
        self.restart_pcscf()
        self.assertIn("2 handsets with 2 security association sets", self.core.pcscf_daemon.output())
        self.assertEqual({sa["spi"] for sa in self.core.sas()}, {sa["spi"] for sa in before})
        self.assertEqual([sa["auth"] for sa in self.core.sas()], [sa["auth"] for sa in before])
        self.check_call_after(one, two)

    def test_when_the_pcscf_is_stopped_and_started_then_the_handset_registers_again_over_what_it_has(self):
        one, two = self.phone(1), self.phone(2, "--protected", "tcp")
        self.restart_pcscf(signal.SIGTERM)
        self.assertEqual(len(self.core.sas()), 8)
        one.tell("reregister")
        one.next("security_associations")
        self.assertEqual(one.next("registered")["code"], 200)
        self.talk(one, two)
        self.hang_up(one, two)

    def test_when_both_are_killed_then_handsets_call_without_registering_again(self):
        one, two = self.phone(1), self.phone(2)
        self.restart_pcscf(between=self.restart)
        self.check_call_after(one, two)

    def test_when_the_pcscf_is_killed_then_it_hears_of_the_end_of_a_registration_all_the_same(self):
        one = self.phone(1)

        def watchers():
            events = self.core.imsctl("show", one.impu)["scscf"]["events"]
            return sum(event["kind"] == "subscribe.accepted" for event in events)
        wait_until(lambda: watchers() >= 2, 10, "handset and P-CSCF did not subscribe")
        before = watchers()
        self.restart_pcscf()
        # It subscribes anew within five seconds.
        wait_until(lambda: watchers() > before, 20, "the P-CSCF did not subscribe again")
        self.core.imsctl("deregister", one.impu)
        wait_until(lambda: self.gauge("pcscf", "registrations") in (None, 0), 10, "the P-CSCF still has it")

    def test_when_a_challenge_was_open_then_its_associations_are_removed(self):
        self.handsets[2].start("--misbehave", "no-answer")
        wait_until(lambda: len(self.core.sas()) == 4, 20, "no temporary set")
        self.restart_pcscf()
        self.assertEqual(self.core.sas(), [])
        self.handsets[2].program.stop(signal.SIGKILL)
        self.forget(self.handsets[2])

    def test_when_the_kernel_has_forgotten_everything_then_the_pcscf_says_so_and_the_handset_registers_anew(self):
        one = self.phone(1)

        def reboot():
            self.core.pcscf.run("/sbin/ip", "xfrm", "state", "flush")
            self.core.pcscf.run("/sbin/ip", "xfrm", "policy", "flush")
        self.restart_pcscf(between=reboot)
        self.assertIn("does not have the security associations of 1 handsets", self.core.pcscf_daemon.output())
        shown = self.core.imsctl("show", one.impu)["pcscf"]["registrations"][0]
        self.assertEqual(shown["state"], "expired")
        self.assertIn("the kernel does not have its security associations", shown["why"])
        one.handset.program.stop(signal.SIGKILL)
        one.handset.host.run("/sbin/ip", "xfrm", "state", "flush")
        one.handset.host.run("/sbin/ip", "xfrm", "policy", "flush")
        self.phone(1)
        self.assertEqual(set(self.registered()), {one.subscriber.impi})

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
        while told["subscription_state"].startswith("active"):  # of the registration, when it came after its SUBSCRIBE
            told = one.next("notify")
        self.assertIn("terminated;reason=deactivated", told["subscription_state"])

    def test_when_the_scscf_is_killed_then_a_short_message_waits_for_its_receiver_all_the_same(self):
        one = self.phone(1)
        one.tell(f"sms:+{self.handsets[2].subscriber.msisdn}:still here")
        self.assertEqual(one.next("sms_report")["result"], "ack")
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
