#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""Application servers, by the initial filter criteria in the users' profiles: calls pass through those of the caller and
then those of the callee, go on without one that is silent where its criterion says so, and each registration is told to
them; an application server makes requests in a user's name.

    ./tests/run e2e services
"""
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, wait_until  # noqa: E402  (the first: it finds the lab's modules)
from application_server import ApplicationServer  # noqa: E402

CALLER, CALLEE, STRICT = "10.45.0.11", "10.45.0.12", "10.45.0.13"


def spt(condition):
    return f"<SPT><ConditionNegated>0</ConditionNegated><Group>0</Group>{condition}</SPT>"


def ifc(priority, address, *conditions, handling=0, more=""):
    spts = "".join(map(spt, conditions))
    return (f"<InitialFilterCriteria><Priority>{priority}</Priority><TriggerPoint><ConditionTypeCNF>0</ConditionTypeCNF>"
            f"{spts}</TriggerPoint><ApplicationServer><ServerName>sip:{address}:5060</ServerName>"
            f"<DefaultHandling>{handling}</DefaultHandling>{more}</ApplicationServer></InitialFilterCriteria>")


class Services(CallTest):
    HANDSETS = 3
    SCSCF = {"services": {"answer_within": "1s"}}
    HSS = {"profile": {"ifc": [
        ifc(10, CALLER, "<Method>INVITE</Method>", "<SessionCase>0</SessionCase>"),
        ifc(20, CALLEE, "<Method>INVITE</Method>", "<SessionCase>1</SessionCase>"),
        ifc(30, STRICT, "<Method>MESSAGE</Method>", "<SessionCase>0</SessionCase>", handling=1),
        ifc(40, CALLER, "<Method>REGISTER</Method>",
            more="<ServiceInfo>lab</ServiceInfo><Extension><IncludeRegisterRequest/><IncludeRegisterResponse/></Extension>"),
    ]}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.caller_as, cls.callee_as, cls.strict_as = (
            ApplicationServer(cls.core, name, address)
            for name, address in (("tas1", CALLER), ("tas2", CALLEE), ("tas3", STRICT)))
        for server in (cls.caller_as, cls.callee_as, cls.strict_as):
            cls.addClassCleanup(server.close)

    def setUp(self):
        for server in (self.caller_as, self.callee_as, self.strict_as):
            server.mode, server.got, server.answers = "proxy", [], []

    def test_when_both_parties_have_servers_then_the_call_passes_through_them_in_order(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        self.assertEqual(len(self.core.imsctl("calls")["scscf"]["calls"]), 1)
        self.hang_up(one, two)
        (first,), (second,) = self.caller_as.requests("INVITE"), self.callee_as.requests("INVITE")
        self.assertEqual(first.header("P-Served-User"), f"<{one.impu}>;sescase=orig;regstate=reg")
        self.assertEqual(second.header("P-Served-User"), f"<{two.impu}>;sescase=term;regstate=reg")
        self.assertEqual(first.header("Call-ID"), second.header("Call-ID"))
        # The second had it from the first: there are more hops behind it.
        self.assertGreater(len(second.headers("Via")), len(first.headers("Via")))
        for method in ("PRACK", "UPDATE", "ACK", "BYE"):
            self.assertEqual(len(self.caller_as.requests(method)), len(self.callee_as.requests(method)), method)
            self.assertGreaterEqual(len(self.caller_as.requests(method)), 1, method)

    def test_when_the_caller_has_gone_then_the_network_ends_the_call_through_the_servers(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        self.core.imsctl("hangup", one.impu)
        for phone in (one, two):
            self.assertEqual(phone.next("call_ended")["by"], "them")
        wait_until(lambda: self.caller_as.requests("BYE"), 5, "the application server saw no BYE")

    def test_when_a_server_is_silent_and_the_session_shall_continue_then_the_call_goes_on_without_it(self):
        one, two = self.phone(1), self.phone(2)
        self.caller_as.mode = "silent"
        self.talk(one, two)
        self.hang_up(one, two)
        self.assertEqual(len(self.callee_as.requests("BYE")), 1)
        shown = self.core.imsctl("show", one.impu)["scscf"]["events"]
        self.assertTrue([event for event in shown if event["kind"] == "service.failed"], shown)

    def test_when_a_server_is_silent_and_the_session_shall_end_then_the_sender_gets_504(self):
        one, two = self.phone(1), self.phone(2)
        self.strict_as.mode = "silent"
        one.tell(f"message:{two.impu}:hello")
        self.assertEqual(one.next("message_failed")["code"], 504)
        self.assertEqual(two.unread("message"), [])

    def test_when_a_server_refuses_then_the_caller_gets_its_answer(self):
        one, two = self.phone(1), self.phone(2)
        self.callee_as.mode = 486
        one.tell(f"call:{two.impu}")
        self.assertEqual(one.next("call_failed")["code"], 486)
        self.assertEqual(two.unread("call_in"), [])

    def test_when_the_server_of_the_callee_diverts_then_the_other_user_rings(self):
        one, two, three = self.phone(1), self.phone(2), self.phone(3)
        self.callee_as.mode = ("divert", three.impu)
        one.tell(f"call:{two.impu}")
        three.next("call_in")
        for phone in (one, three):
            phone.next("answered")
        self.assertEqual(two.unread("call_in"), [])
        self.hang_up(one, three, media=False)

    def test_when_a_server_writes_in_a_users_name_then_the_message_arrives_from_the_user(self):
        one, two = self.phone(1), self.phone(2)
        self.callee_as.send_message(one.impu, two.impu)
        self.assertEqual(two.next("message")["text"], "hello")
        wait_until(lambda: self.callee_as.answers, 5, "no answer to the application server")
        self.assertEqual(self.callee_as.answers[0].code, 200)
        self.assertEqual(len(self.strict_as.requests("MESSAGE")), 1)  # the user's own services

    def test_when_a_call_is_explained_then_the_criteria_are_shown_and_nothing_is_sent(self):
        one, two = self.phone(1), self.phone(2)
        wait_until(lambda: self.caller_as.requests("REGISTER"), 5, "no third-party REGISTER")
        text = self.core.imsctl_text("explain", "call", one.subscriber.imsi, two.impu)
        self.assertIn(f"originating for {one.impu}: 1 of 4 criteria are met", text)
        self.assertIn(f"MET     priority 10, sip:{CALLER}:5060; should it fail, the request goes on without it", text)
        self.assertIn(f"not met priority 30, sip:{STRICT}:5060; should it fail, the request ends", text)
        self.assertIn("no: Method MESSAGE (group 0)", text)
        self.assertIn(f"terminating, registered for {two.impu}: 1 of 4 criteria are met", text)
        self.assertEqual(self.caller_as.requests("INVITE"), [])

    def test_when_a_handset_registers_and_leaves_then_the_server_is_told_with_the_messages_in_the_body(self):
        one = self.phone(1)
        told = wait_until(lambda: self.caller_as.requests("REGISTER"), 5, "no third-party REGISTER")[-1]
        self.assertEqual(told.header("To"), f"<{one.impu}>")
        self.assertEqual(told.header("Expires"), "3600")
        self.assertTrue(told.header("Content-Type").startswith("multipart/mixed"), told.text)
        for part in ("<service-info>lab</service-info>", "REGISTER sip:", "SIP/2.0 200 OK", "P-Associated-URI:"):
            self.assertIn(part, told.body)
        self.assertNotIn("ik=", told.body)
        self.leave(one.handset)
        wait_until(lambda: self.caller_as.requests("REGISTER")[-1].header("Expires") == "0", 5,
                   "the application server was not told that the handset has left")


if __name__ == "__main__":
    unittest.main()
