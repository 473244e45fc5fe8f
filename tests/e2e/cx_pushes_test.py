#!/usr/bin/python3
# runs: host
"""What an HSS pushes over Cx (RTR, PPR), right and wrong: each is answered, and none costs the connection that can be answered.

    python3 tests/e2e/cx_pushes_test.py [-v] [Pushes.test_...]
"""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from cx_programs import CxTest, main  # noqa: E402


class Pushes(CxTest):
    """RTR and PPR, right and wrong."""

    def answer_to(self, name, **options):
        hss = self.bad_hss("ok")
        probe = self.probe(hss, **options)
        hss.tell("push " + name)
        found = hss.expect(r"^answer (\d+) result=(\d+) failed=(\d+) E=(\d)")
        probe.ask("mar u1@example", "^mar answer")  # still alive
        return tuple(map(int, found.groups()))

    def test_rtr_reaches_the_worker_and_is_answered(self):
        self.assertEqual(self.answer_to("rtr"), (304, 2001, 0, 0))

    def test_ppr_reaches_the_worker_and_is_answered_with_an_experimental_result(self):
        self.assertEqual(self.answer_to("ppr")[:2], (305, 5009))

    def test_rtr_with_an_empty_user_name_gets_5004(self):
        self.assertEqual(self.answer_to("rtr-empty-user"), (304, 5004, 1, 0))

    def test_rtr_without_user_name_gets_5005(self):
        self.assertEqual(self.answer_to("rtr-no-user"), (304, 5005, 1, 0))

    def test_rtr_without_reason_gets_5005(self):
        self.assertEqual(self.answer_to("rtr-no-reason"), (304, 5005, 615, 0))

    def test_rtr_with_an_unknown_mandatory_avp_gets_5001(self):
        self.assertEqual(self.answer_to("rtr-unknown-m"), (304, 5001, 9999, 0))

    def test_rtr_with_a_reason_of_2_bytes_gets_5014(self):
        self.assertEqual(self.answer_to("rtr-short-reason")[:2], (304, 5014))

    def test_rtr_of_an_unknown_application_gets_3007_with_the_e_flag(self):
        self.assertEqual(self.answer_to("rtr-other-application"), (304, 3007, 0, 1))

    def test_rtr_to_another_host_gets_3002_with_the_e_flag(self):
        self.assertEqual(self.answer_to("rtr-other-host"), (304, 3002, 0, 1))

    def test_rtr_with_an_avp_beyond_the_message_gets_5014_and_keeps_the_connection(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        hss.tell("push rtr-broken-avp")
        hss.expect("^answer 304 result=5014")
        self.assertNotIn("disconnected", hss.seen)
        probe.ask("mar u1@example", "^mar answer")

    def stays(self, name, seconds=0.3):
        """The answer to a push that must not cost the connection, now or at our next tick."""
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        found = hss.ask("push " + name, r"^answer (\d+) result=(\d+) failed=(\d+) E=(\d)")
        self.assertNotIn("disconnected", hss.drain(seconds))
        probe.ask("mar u1@example", "^mar answer DIAMETER_SUCCESS")
        self.assertNotIn("disconnected", hss.seen)
        return tuple(map(int, found.groups()))

    def test_an_avp_beyond_a_message_of_application_0_keeps_the_connection(self):
        self.assertEqual(self.stays("rtr-broken-of-0")[1] // 1000, 3)  # application 0 has no RTR

    def test_an_empty_number_gets_5014_and_keeps_the_connection(self):
        self.assertEqual(self.stays("rtr-empty-state"), (304, 5014, 277, 0))

    def test_an_empty_number_that_cx_does_not_know_gets_5014_and_keeps_the_connection(self):
        self.assertEqual(self.stays("rtr-empty-binding"), (304, 5014, 270, 0))

    def test_an_empty_number_in_a_watchdog_gets_5014_and_keeps_the_connection(self):
        self.assertEqual(self.stays("dwr-empty-state"), (280, 5014, 278, 0))

    def test_a_broken_proxy_info_gets_5004_and_keeps_the_connection(self):
        self.assertEqual(self.stays("rtr-proxy-info"), (304, 5004, 279, 0))
        self.assertEqual(self.stays("rtr-proxy-info-local")[:2], (304, 5004))
        self.assertEqual(self.stays("rtr-proxy-info-empty"), (304, 2001, 0, 0))  # not broken, but it cannot be copied

    def test_an_avp_that_comes_too_often_gets_5009_and_keeps_the_connection(self):
        self.assertEqual(self.stays("rtr-two-applications")[:2], (304, 5009))

    def test_what_cannot_be_read_at_all_closes_the_connection_which_comes_back(self):
        for name in ("rtr-bad-version", "rtr-short-length", "rtr-stub"):
            hss = self.bad_hss("ok")
            probe = self.probe(hss)
            hss.ask("push " + name, "^disconnected")
            hss.expect("^connected", 8)
            probe.ask("wait hss1.example open 8000", "^wait ok", 9)
            probe.ask("mar u1@example", "^mar answer DIAMETER_SUCCESS")

    def test_a_request_that_a_cscf_does_not_serve_gets_3001_with_the_e_flag(self):
        self.assertEqual(self.answer_to("mar"), (303, 3001, 0, 1))

    def test_a_push_that_takes_too_long_gets_5012(self):
        self.assertEqual(self.answer_to("rtr", push_delay=5000, push_deadline=200)[:2], (304, 5012))

    def test_a_push_storm_is_answered_and_bounded(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss, push_delay=300)
        for _ in range(1500):
            hss.tell("push rtr")
        results = [hss.expect(r"^answer 304 result=(\d+)").group(1) for _ in range(1500)]
        self.assertTrue(set(results) <= {"2001", "3004"})
        probe.ask("mar u1@example", "^mar answer")

    def test_our_own_server_sends_rtr_and_ppr_and_gets_the_answers(self):
        hss = self.good_hss()
        probe = self.probe(hss)
        hss.ask("rtr scscf.example u1@example", r"^rtr answer DIAMETER_SUCCESS \(2001\) from scscf.example")
        probe.expect("^RTR u1@example reason=2 from hss1.example")
        hss.ask("ppr scscf.example u1@example", r"^ppr answer .*\(experimental 5009\) from scscf.example")
        hss.ask("rtr nobody.example u1@example", "^rtr failure: .*UNABLE_TO_DELIVER")


if __name__ == "__main__":
    main()
