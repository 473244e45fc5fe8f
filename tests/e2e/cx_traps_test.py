#!/usr/bin/python3
# runs: host
"""Cx toward HSSs that misbehave: each trap of freeDiameter and of real HSSs that is known, one test each.

Drives cx_probe (our client) against bad_hss (scripted, no Diameter library) and good_hss (our server). What an HSS pushes is
in cx_pushes_test.py.

    python3 tests/e2e/cx_traps_test.py [-v] [Framework.test_...]
"""
import socket
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from cx_programs import CxTest, free_port, main  # noqa: E402


class Framework(CxTest):
    """What freeDiameter does to a program that embeds it."""

    def test_nagle_is_off_so_a_burst_after_idle_is_not_held_40_ms(self):
        probe = self.probe(self.good_hss())
        probe.ask("mar warm@example", "^mar answer")
        p50 = float(probe.ask("burst 5", r"^burst answers=5 .*p50=([\d.]+)").group(1))
        self.assertLess(p50, 35)  # 43 ms with Nagle, 1 ms without on an idle machine

    def test_an_answer_that_fails_parsing_is_malformed_and_does_not_hang(self):
        self.assertRegex(self.outcome_of("short-integer"), "^mar failure malformed: .*Result-Code is 3 bytes, 4 wanted")

    def test_an_avp_beyond_its_message_does_not_hang(self):
        self.assertRegex(self.outcome_of("broken-avp", reconnects=True), "^mar failure (malformed|undelivered|timeout)")

    def test_a_message_of_16_bytes_does_not_hang(self):
        self.assertRegex(self.outcome_of("short-message", reconnects=True), "^mar failure (malformed|undelivered|timeout)")

    def test_garbage_does_not_hang(self):
        self.assertRegex(self.outcome_of("garbage", reconnects=True), "^mar failure (malformed|undelivered|timeout)")

    def test_another_version_does_not_hang(self):
        self.assertRegex(self.outcome_of("bad-version", reconnects=True), "^mar failure (malformed|undelivered|timeout)")

    def test_an_answer_with_another_hop_by_hop_id_is_no_answer(self):
        self.assertRegex(self.outcome_of("other-hop"), "^mar failure timeout")

    def test_a_second_answer_is_dropped(self):
        self.assertRegex(self.outcome_of("double"), "^mar answer DIAMETER_SUCCESS")

    def test_an_unknown_avp_with_m_before_result_code_does_not_abort(self):
        self.assertRegex(self.outcome_of("unknown-m-first"), "^mar answer DIAMETER_SUCCESS")

    def test_a_short_integer_before_result_code_does_not_abort(self):
        self.assertRegex(self.outcome_of("short-first"), "^mar failure malformed: .*SIP-Number-Auth-Items is 3 bytes, 4 wanted")
        self.assertRegex(self.outcome_of("short-first-error"), "^mar failure malformed")

    def test_a_short_result_code_in_an_error_does_not_abort(self):
        self.assertRegex(self.outcome_of("short-error"), "^mar failure malformed")

    def test_a_short_experimental_result_code_is_malformed(self):
        self.assertRegex(self.outcome_of("short-experimental"), "^mar failure malformed: .*Experimental-Result-Code is 3 bytes")

    def test_an_answer_of_an_unknown_command_does_not_abort(self):
        self.assertRegex(self.outcome_of("unknown-command"), "^mar failure malformed")

    def test_1000_answers_with_changed_bytes_do_not_abort(self):
        hss = self.bad_hss("fuzz", code=7)
        probe = self.probe(hss, deadline=150, circuit="1000000:1000")
        for _ in range(5):
            probe.ask("load 200 20", "^load", 10)
            probe.ask("wait hss1.example open 5000", "^wait ok", 6)
        hss.tell("mode ok")
        probe.ask("wait hss1.example open 5000", "^wait ok", 6)
        probe.ask("mar u1@example", "^mar answer DIAMETER_SUCCESS")

    def test_pushes_with_changed_bytes_never_abort(self):
        for seed in (2, 3, 9, 10):  # with which freeDiameter ended itself at times
            hss = self.bad_hss("ok", code=seed)
            probe = self.probe(hss)
            for _ in range(100):
                hss.tell("push fuzz")
            hss.tell("push rtr")
            time.sleep(0.5)
            probe.ask("wait hss1.example open 8000", "^wait ok", 9)
            probe.ask("mar u1@example", "^mar answer DIAMETER_SUCCESS")
            self.check_ends_in_time(probe)

    def test_a_refused_request_whose_connection_is_gone_does_not_end_the_framework(self):
        # freeDiameter's own answer to such a request would find no connection, and it would shut itself down.
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        hss.expect("^connected")
        for _ in range(3):
            for _ in range(40):
                hss.tell("push rtr-other-application")
                hss.tell("push rtr-other-host")
            hss.tell("drop")
            hss.expect("^connected", 8)
            probe.ask("wait hss1.example open 8000", "^wait ok", 9)
            self.assertIsNone(probe.process.poll())
        probe.ask("mar u1@example", "^mar answer DIAMETER_SUCCESS")

    def test_an_answer_of_3000_avps_is_taken(self):
        self.assertRegex(self.outcome_of("many-avps"), "^mar answer DIAMETER_SUCCESS")

    def test_an_answer_over_64_KiB_costs_the_connection_and_no_more(self):
        self.assertRegex(self.outcome_of("huge", reconnects=True), "^mar failure undelivered")

    def test_groups_200_deep_do_not_break_it(self):
        self.assertRegex(self.outcome_of("deep"), "^mar (answer|failure)")

    def test_no_peer_is_told_at_once_and_many_requests_do_not_deadlock(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        hss.stop()
        probe.ask("wait hss1.example closed 3000", "^wait", 4)
        began = time.monotonic()
        probe.ask("load 300 300", "^load answers=0 failures=300")
        self.assertLess(time.monotonic() - began, 2)
        self.check_ends_in_time(probe)

    def test_hss_killed_with_490_in_flight_fails_all_at_once(self):
        hss = self.bad_hss("silent")
        probe = self.probe(hss, deadline=8000, circuit="100000:1000")
        probe.tell("load 490 490")
        for _ in range(490):
            hss.expect("^request")
        began = time.monotonic()
        hss.stop()
        probe.expect("^load answers=0 failures=490", 6)
        self.assertLess(time.monotonic() - began, 4)  # not the deadline of 8 s
        self.check_ends_in_time(probe)

    def test_hss_that_dies_at_a_request_does_not_kill_us_with_sigpipe(self):
        hss = self.bad_hss("die")
        probe = self.probe(hss)
        probe.ask("mar u1@example", "^mar failure (undelivered|timeout|no_peer)")
        probe.ask("load 50 10", "^load answers=0 failures=50", 10)
        self.assertIsNone(probe.process.poll())

    def test_hss_that_closes_at_a_request_is_undelivered_and_reconnected(self):
        self.assertRegex(self.outcome_of("close"), "^mar failure undelivered")

    def test_frozen_hss_at_light_load_times_out_at_our_deadline(self):
        hss = self.bad_hss("freeze")
        probe = self.probe(hss, deadline=600)
        took = float(probe.ask("mar u1@example", r"^mar failure timeout.*\(([\d.]+) ms").group(1))
        self.assertGreater(took, 590)
        self.assertLess(took, 900)
        self.check_ends_in_time(probe)

    def test_frozen_hss_under_load_holds_nothing_past_its_deadline(self):
        hss = self.bad_hss("freeze")
        probe = self.probe(hss, deadline=1000, circuit="1000000:1000")
        slowest = float(probe.ask("load 3000 3000", r"^load answers=0 failures=3000 .*max=([\d.]+) ms", 20).group(1))
        self.assertLess(slowest, 1600)
        self.check_ends_in_time(probe)

    def test_an_expired_request_is_not_sent_again_after_a_reconnect(self):
        hss = self.bad_hss("silent")
        probe = self.probe(hss, deadline=300)
        probe.ask("mar u1@example", "^mar failure timeout")
        hss.stop()
        again = self.bad_hss("ok", port=hss.port)
        again.expect("^connected", 8)
        self.assertFalse([l for l in again.drain(0.8) if l.startswith("request")])
        probe.ask("wait hss1.example open 5000", "^wait ok", 6)
        probe.ask("mar u2@example", "^mar answer")

    def test_framework_death_by_nul_in_session_id_is_noticed_and_ends_the_program(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss, unguarded=None)
        began = time.monotonic()
        hss.tell("push rtr-nul-session")
        probe.expect("^death", 4)
        self.assertEqual(probe.process.wait(2), 3)
        self.assertLess(time.monotonic() - began, 2)

    def test_nul_in_session_id_is_survived(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        hss.tell("push rtr-nul-session")
        hss.expect("^answer 304 result=2001")
        probe.ask("mar u1@example", "^mar answer")

    def test_a_second_core_in_the_process_is_refused(self):
        probe = self.probe(self.bad_hss("ok"))
        probe.ask("second", "^second refused: one Diameter core")

    def test_an_empty_identity_is_refused_with_a_reason(self):
        program = self.start("cx_probe", "--identity", "", "--realm", "example", "--peer", "h.example=127.0.0.1:3868")
        program.expect("^refused: Diameter identity")
        self.assertEqual(program.process.wait(2), 2)

    def test_a_watchdog_under_6_s_is_refused(self):
        program = self.start("cx_probe", "--identity", "s.example", "--realm", "example", "--watchdog", 5,
                             "--peer", "h.example=127.0.0.1:3868")
        program.expect("^refused: .*watchdog")

    def test_only_the_given_address_is_listened_on(self):
        hss = self.good_hss()
        with socket.create_connection(("127.0.0.1", hss.port), 2):
            pass
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", hss.port), 2)

    def test_a_server_that_ends_with_requests_in_hand_ends_cleanly(self):
        for _ in range(3):
            hss = self.good_hss()
            probe = self.probe(hss, deadline=500)
            probe.tell("load 2000 200")
            time.sleep(0.05)
            hss.tell("quit")
            self.assertEqual(hss.process.wait(4), 0)
            probe.stop()

    def test_a_port_in_use_is_refused(self):
        hss = self.good_hss()
        other = self.start("good_hss", "--identity", "hss2.example", "--realm", "example", "--port", hss.port)
        other.expect("^refused")

    def test_cea_with_64_origin_hosts_does_not_break_us(self):
        hss = self.bad_hss("cea-many-origin")
        probe = self.probe(hss, wait=False)
        hss.expect("^connected")
        time.sleep(0.5)
        self.assertIsNone(probe.process.poll())
        self.check_ends_in_time(probe)

    def test_cea_with_a_bad_vendor_specific_application_id_does_not_break_us(self):
        hss = self.bad_hss("cea-bad-vsai")
        probe = self.probe(hss, wait=False)
        hss.expect("^connected")
        time.sleep(0.5)
        self.assertIsNone(probe.process.poll())
        self.check_ends_in_time(probe)

    def test_cea_with_an_unknown_mandatory_avp_first_does_not_abort(self):
        hss = self.bad_hss("cea-unknown-m")
        probe = self.probe(hss, wait=False)
        hss.expect("^connected")
        time.sleep(0.3)
        self.assertIsNone(probe.process.poll())
        self.check_ends_in_time(probe)

    def test_cea_of_another_host_is_not_taken(self):
        hss = self.bad_hss("cea-other-origin")
        probe = self.probe(hss, wait=False)
        hss.expect("^connected")
        probe.ask("wait hss1.example open 700", "^wait failed")
        probe.ask("mar u1@example", "^mar failure no_peer")

    def test_cea_3010_is_not_taken_and_no_cea_neither(self):
        hss = self.bad_hss("cea-refuse")
        probe = self.probe(hss, wait=False)
        hss.expect("^connected")
        probe.ask("wait hss1.example open 500", "^wait failed")
        silent = self.bad_hss("no-cea")
        other = self.probe(silent, wait=False)
        silent.expect("^connected")
        other.ask("wait hss1.example open 500", "^wait failed")
        self.check_ends_in_time(other)

    def test_reconnect_after_the_hss_restarts(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        hss.stop()
        probe.ask("mar u1@example", "^mar failure")
        self.bad_hss("ok", port=hss.port)
        probe.ask("wait hss1.example open 8000", "^wait ok", 9)
        probe.ask("mar u1@example", "^mar answer")

    def test_a_full_queue_is_told_and_nothing_blocks(self):
        probe = self.probe(self.bad_hss("ok"), queue=1)
        found = probe.ask("load 500 500", r"^load answers=(\d+) failures=(\d+)")
        self.assertGreater(int(found.group(2)), 0)
        self.assertEqual(int(found.group(1)) + int(found.group(2)), 500)
        probe.ask("mar u1@example", "^mar answer")


class Answers(CxTest):
    """What HSSs answer."""

    def test_3004_is_undelivered(self):
        self.assertRegex(self.outcome_of("result", code=3004), "^mar failure undelivered: .*TOO_BUSY")

    def test_3006_names_it_a_redirect(self):
        self.assertRegex(self.outcome_of("result", code=3006), "^mar failure undelivered: .*REDIRECT")

    def test_5012_is_an_answer(self):
        self.assertRegex(self.outcome_of("result", code=5012), r"^mar answer DIAMETER_UNABLE_TO_COMPLY \(5012\)")

    def test_base_and_experimental_5001_are_told_apart(self):
        self.assertRegex(self.outcome_of("result", code=5001), r"^mar answer DIAMETER_AVP_UNSUPPORTED \(5001\)")
        self.assertRegex(self.outcome_of("experimental", code=5001),
                         r"^mar answer DIAMETER_ERROR_USER_UNKNOWN \(experimental 5001\)")

    def test_an_unknown_result_is_an_answer(self):
        self.assertRegex(self.outcome_of("unknown-result"), r"^mar answer unknown result \(5420\)")

    def test_no_result_is_malformed(self):
        self.assertRegex(self.outcome_of("no-result"), "^mar failure malformed: .*neither Result-Code")

    def test_experimental_result_without_vendor_does_not_hang(self):
        self.assertRegex(self.outcome_of("no-vendor", code=5001), "^mar (answer .*experimental 5001|failure malformed)")

    def test_a_vsai_without_vendor_does_not_hang(self):
        self.assertRegex(self.outcome_of("bad-vsai"), "^mar (answer|failure malformed)")

    def test_avps_without_m_flag_are_taken(self):
        self.assertRegex(self.outcome_of("no-m"), "^mar answer DIAMETER_SUCCESS .*vectors=1")

    def test_avps_in_reverse_order_are_taken(self):
        self.assertRegex(self.outcome_of("reversed"), "^mar answer DIAMETER_SUCCESS .*vectors=1")

    def test_an_unknown_avp_with_m_in_an_answer_is_ignored(self):
        self.assertRegex(self.outcome_of("unknown-m"), "^mar answer DIAMETER_SUCCESS")

    def test_a_vector_of_wrong_length_is_malformed_with_the_reason(self):
        self.assertRegex(self.outcome_of("bad-vector"),
                         "^mar failure malformed: .*SIP-Authenticate is 31 bytes, 32 wanted")

    def test_crlf_in_server_name_is_malformed(self):
        self.assertRegex(self.outcome_of("crlf", "uar u1@example"), "^uar failure malformed: .*Server-Name holds a control")

    def test_an_answer_of_another_command_is_malformed(self):
        self.assertRegex(self.outcome_of("other-command"), "^mar failure (malformed|timeout)")

    def test_another_application_id_in_the_answer_is_taken(self):
        self.assertRegex(self.outcome_of("other-application", "sar u1@example"), "^sar (answer|failure malformed)")

    def test_a_saa_without_user_data_is_an_answer(self):
        self.assertRegex(self.outcome_of("empty-data", "sar u1@example"), "^sar answer .*user_data=0")

    def test_all_four_requests_against_our_own_server(self):
        probe = self.probe(self.good_hss())
        probe.ask("uar u1@example", r"^uar answer .*\(experimental 2002\) .*server=sip:scscf")
        probe.ask("uar unknown@example", r"^uar answer DIAMETER_ERROR_USER_UNKNOWN \(experimental 5001\)")
        probe.ask("mar u1@example", "^mar answer DIAMETER_SUCCESS .*vectors=1")
        probe.ask("sar u1@example", "^sar answer DIAMETER_SUCCESS .*user_data=39")
        probe.ask("lir u1@example", r"^lir answer .*\(experimental 5003\)")

    def test_a_late_answer_is_dropped_and_counted(self):
        hss = self.bad_hss("late", delay=400)
        probe = self.probe(hss, deadline=200)
        probe.ask("mar u1@example", "^mar failure timeout")
        time.sleep(0.5)
        probe.ask("late", "^late 1")
        hss.tell("mode ok")
        probe.ask("mar u2@example", "^mar answer")


class SeveralHss(CxTest):
    """Affinity, failover and circuits."""

    def two(self, first="ok", second="ok", **options):
        a, b = self.bad_hss(first), self.bad_hss(second, host="hss2.example")
        return a, b, self.probe(a, b, **options)

    def test_a_user_stays_with_one_hss_and_users_are_spread(self):
        a, b, probe = self.two()
        hosts = {}
        for i in range(20):
            for _ in range(2):
                host = probe.ask("mar user%d@example" % i, r"^mar answer .* from (\S+)").group(1)
                hosts.setdefault(i, set()).add(host)
        self.assertTrue(all(len(h) == 1 for h in hosts.values()))
        self.assertEqual({h for s in hosts.values() for h in s}, {"hss1.example", "hss2.example"})

    def test_a_given_destination_host_is_kept(self):
        a, b, probe = self.two()
        for hss in (a, b):
            for i in range(3):
                probe.ask("sar user%d@example %s" % (i, hss.host), "^sar answer .* from %s" % hss.host)
                hss.expect("^request 301 T=0 dest=%s" % hss.host)

    def test_a_destination_host_behind_an_agent_is_kept(self):
        hss = self.bad_hss()
        probe = self.probe(hss)
        probe.ask("mar u1@example hidden.example", "^mar answer")
        hss.expect("^request 303 T=0 dest=hidden.example")

    def test_3004_goes_once_to_the_other_hss_with_the_t_flag(self):
        a, b, probe = self.two()
        a.tell("mode result 3004")
        probe.ask("mar u1@example hss1.example", "^mar answer DIAMETER_SUCCESS .* from hss2.example")
        a.expect("^request 303 T=0 dest=hss1.example")
        b.expect("^request 303 T=1 dest=hss2.example")

    def test_silence_goes_once_to_the_other_hss_within_the_deadline(self):
        a, b, probe = self.two("silent", deadline=1200)
        took = float(probe.ask("mar u1@example hss1.example", r"^mar answer .* from hss2.example .*\(([\d.]+) ms").group(1))
        self.assertGreater(took, 500)
        self.assertLess(took, 1100)
        b.expect("^request 303 T=1")

    def test_both_silent_is_one_timeout_at_the_deadline(self):
        a, b, probe = self.two("silent", "silent", deadline=800)
        took = float(probe.ask("mar u1@example", r"^mar failure timeout.*\(([\d.]+) ms").group(1))
        self.assertLess(took, 1100)
        self.assertGreater(took, 780)

    def test_an_hss_that_dies_in_flight_is_replaced_at_once(self):
        a, b, probe = self.two("die", deadline=4000)
        took = float(probe.ask("mar u1@example hss1.example", r"^mar answer .* from hss2.example .*\(([\d.]+) ms").group(1))
        self.assertLess(took, 1500)

    def test_5012_is_final_and_not_tried_elsewhere(self):
        a, b, probe = self.two()
        a.tell("mode result 5012")
        probe.ask("mar u1@example hss1.example", "^mar answer DIAMETER_UNABLE_TO_COMPLY")
        self.assertFalse([l for l in b.drain(0.3) if l.startswith("request")])

    def test_a_circuit_opens_after_failures_and_a_probe_closes_it(self):
        hss = self.bad_hss("silent")
        probe = self.probe(hss, deadline=150, circuit="3:700")
        for _ in range(3):
            probe.ask("mar u1@example", "^mar failure timeout")
        took = float(probe.ask("mar u1@example", r"^mar failure no_peer.*\(([\d.]+) ms").group(1))
        self.assertLess(took, 100)
        probe.ask("peers", "^peer hss1.example .* open circuit=open sent=3 answered=0 timeouts=3")
        time.sleep(0.8)
        probe.ask("mar u1@example", "^mar failure timeout")  # the probe: half-open
        probe.ask("mar u1@example", "^mar failure no_peer")
        hss.tell("mode ok")
        time.sleep(0.8)
        probe.ask("mar u1@example", "^mar answer")
        probe.ask("peers", "circuit=closed")

    def test_an_open_circuit_sends_the_user_to_the_other_hss_at_once(self):
        a, b, probe = self.two("silent", deadline=600, circuit="2:60000")
        for _ in range(2):
            probe.ask("mar u1@example hss1.example", "^mar answer .* from hss2.example")
        took = float(probe.ask("mar u1@example hss1.example", r"^mar answer .* from hss2.example .*\(([\d.]+) ms").group(1))
        self.assertLess(took, 200)
        b.drain(0.1)
        self.assertTrue(any("request 303 T=0 dest=hss2.example" in l for l in b.seen))

    def test_a_frozen_hss_does_not_stop_the_other(self):
        a, b, probe = self.two("freeze", deadline=1500, circuit="3:60000")
        probe.ask("mar u1@example hss1.example", "^mar answer .* from hss2.example")
        found = probe.ask("load 300 50", r"^load answers=(\d+) failures=(\d+)", 15)
        self.assertEqual(int(found.group(1)), 300)
        self.check_ends_in_time(probe)


if __name__ == "__main__":
    main()
