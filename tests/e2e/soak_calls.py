#!/usr/bin/python3
# runs: esp-kernel
# limit: 1200
"""SIPp calls SIPp through P-CSCF and S-CSCF, 10 calls a second for two minutes, while the access network loses 5 % of all
packets: no call fails, each has its record, and afterwards nothing is left of them in either daemon.

    ./tests/run soak calls            (LAPWING_SOAK_CALLS=100 for fewer)

Both ends register with SIPp's own AKAv1-MD5, without IPsec (`ipsec: optional`). SIPp's limits of retransmission are raised:
a few of 20,000 messages are lost four times in a row.
"""
import json
import os
import shutil
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from figures import figures_of  # noqa: E402
from network import DOMAIN, Core, LabError, Network, Subscriber, tail, wait_until  # noqa: E402

CALLS = int(os.environ.get("LAPWING_SOAK_CALLS", "1200"))
RATE, LOSS, TALK = 10, 5, 2  # calls a second, per cent, seconds
# SIPp's parser trips over a "[" (5b) in the key; it knows OP, not OPc.
K, OP, AMF = "8baf473f2f8fd09487cccbd7097c6862", "cdc202d5123e20f62b6d676ac72cb318", "8000"
PORT = 5070
say = figures_of("soak_calls")

if shutil.which("sipp") is None:
    print("skipped: sipp is missing (package sip-tester)")
    sys.exit(77)


def request(method, uri, to, impu, more, retransmit=True):
    return f"""
  <send{' retrans="500"' if retransmit else ''}><![CDATA[
    {method} {uri} SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
    Max-Forwards: 70
    From: <{impu}>;tag=[pid]x[call_number]
    To: {to}
    Call-ID: [call_id]
    {more}"""


def registration(subscriber):
    impi, impu = subscriber.impi, f"sip:{subscriber.impi}"
    empty = f'Authorization: Digest username="{impi}",realm="{DOMAIN}",nonce="",uri="sip:{DOMAIN}",response=""'
    # SIPp writes "Authorization: " itself.
    answer = f"[authentication username={impi} aka_OP=0x{OP.upper()} aka_K=0x{K.upper()} aka_AMF=0x{AMF}]"
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="registration">'
    for cseq, credentials, code in ((1, empty, '"401" auth="true"'), (2, answer, '"200"')):
        text += request("REGISTER", f"sip:{DOMAIN}", f"<{impu}>", impu, f"""CSeq: {cseq} REGISTER
    Contact: <sip:[local_ip]:[local_port]>
    Expires: 3600
    {credentials}
    Content-Length: 0

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response={code}/>""")
    return text + "\n</scenario>\n"


SDP = """Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=- 1 1 IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio [media_port] RTP/AVP 8
    a=rtpmap:8 PCMA/8000

  ]]></send>"""


def caller(one, two):
    contact = "Contact: <sip:[local_ip]:[local_port]>"
    return ('<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="caller">' +
            request("INVITE", two.impu, f"<{two.impu}>", one.impu, f"CSeq: 1 INVITE\n    {contact}\n    {SDP}") + """
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rrs="true"/>""" +
            request("ACK", "[next_url]", f"<{two.impu}>[peer_tag_param]", one.impu,
                    f"CSeq: 1 ACK\n    [routes]\n    {contact}\n    Content-Length: 0\n\n  ]]></send>", retransmit=False) +
            f'\n  <pause milliseconds="{TALK * 1000}"/>' +
            request("BYE", "[next_url]", f"<{two.impu}>[peer_tag_param]", one.impu,
                    "CSeq: 2 BYE\n    [routes]\n    Content-Length: 0\n\n  ]]></send>") + """
  <recv response="200"/>
</scenario>
""")


def response(line, more, retransmit=False):
    return f"""
  <send{' retrans="500"' if retransmit else ''}><![CDATA[
    SIP/2.0 {line}
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]y[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    [last_Record-Route:]
    Contact: <sip:[local_ip]:[local_port]>
    {more}"""


def callee():
    nothing = "Content-Length: 0\n\n  ]]></send>"
    # The To of a BYE has its tag already.
    bye = response("200 OK", nothing).replace(";tag=[pid]y[call_number]", "")
    return ('<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="callee">\n  <recv request="INVITE" rrs="true"/>' +
            response("180 Ringing", nothing) + response("200 OK", SDP, retransmit=True) +
            '\n  <recv request="ACK"/>\n  <recv request="BYE"/>' + bye + '\n  <timewait milliseconds="64000"/>\n</scenario>\n')


class SoakCalls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.one, cls.two = Subscriber(1), Subscriber(2)
        cls.records = cls.network.folder / "calls.jsonl"
        subscribers = [{"imsi": s.imsi, "k": K, "op": OP, "amf": AMF, "msisdn": s.msisdn} for s in (cls.one, cls.two)]
        cls.core = Core(cls.network, [cls.one, cls.two], hss={"subscribers": subscribers},
                        scscf={"registrar": {"accept_unprotected_aka": True}, "calls": {"records": str(cls.records)}},
                        pcscf={"ipsec": {"policy": "optional"}})
        cls.core.start()
        cls.hosts = {s.number: cls.core.handset(s.number) for s in (cls.one, cls.two)}

    def sipp(self, subscriber, name, scenario, *options):
        file = self.network.folder / f"{name}-{subscriber.number}.xml"
        file.write_text(scenario)
        phone = self.hosts[subscriber.number]
        return phone.host.start("/usr/bin/sipp", f"{Core.GM[0]}:5060", "-sf", file, "-t", "u1", "-i", phone.address, "-p", PORT,
                                "-nostdin", "-auth_uri", DOMAIN, "-timeout_error", "-max_retrans", "40",
                                "-max_invite_retrans", "40", "-max_non_invite_retrans", "40", "-buff_size", "4194304",
                                "-trace_err", "-error_file", self.network.folder / f"{name}-{subscriber.number}.errors",
                                *options, name=f"sipp-{name}-{subscriber.number}")

    def register(self, subscriber):
        # A RES with a zero byte, 3 in 100, is cut by SIPp: it tries again with the next vector.
        for _ in range(5):
            if self.sipp(subscriber, "register", registration(subscriber), "-m", "1", "-timeout", "20s").wait(30) == 0:
                return
        self.fail(f"SIPp cannot register: {tail(self.core.scscf_daemon.output())}")

    def gauges(self, daemon):
        return {g["name"]: int(g.get("value", 0)) for g in self.core.imsctl("status")[daemon]["gauges"]}

    def lose(self):
        for host, device in ((self.core.pcscf, "access"), (self.core.pgw, "core")):
            host.run("/sbin/tc", "qdisc", "add", "dev", device, "root", "netem", "loss", f"{LOSS}%")

    def errors(self, name, subscriber):
        file = self.network.folder / f"{name}-{subscriber.number}.errors"
        return tail(file.read_text(errors="replace"), 40) if file.exists() else ""

    def test_ten_calls_a_second_over_a_lossy_access_all_succeed_and_leave_nothing(self):
        for subscriber in (self.one, self.two):
            self.register(subscriber)
        self.lose()
        answering = self.sipp(self.two, "callee", callee(), "-timeout", "900s")
        began = time.monotonic()
        calling = self.sipp(self.one, "caller", caller(self.one, self.two), "-r", RATE, "-m", CALLS, "-timeout", "600s")
        most = 0
        while calling.running():
            most = max(most, self.gauges("scscf")["calls"])
            time.sleep(2)
        status = calling.wait()
        say(f"{CALLS} calls at {RATE}/s with {LOSS} % loss: {time.monotonic() - began:.0f} s, at most {most} at once")
        self.assertEqual(status, 0, f"a call failed\n{self.errors('caller', self.one)}\n{self.errors('callee', self.two)}")
        self.assertTrue(answering.running(), answering.output()[-2000:])
        records = wait_until(lambda: (lines := self.records.read_text().splitlines()) and len(lines) >= CALLS and lines, 60,
                             lambda: f"{len(self.records.read_text().splitlines())} call records of {CALLS}")
        ends = {(record["code"], record["reason"]) for record in map(json.loads, records)}
        self.assertEqual((len(records), ends), (CALLS, {(200, "the caller hung up")}))
        lost = self.core.pcscf.run("/sbin/tc", "-s", "qdisc", "show", "dev", "access").stdout
        say("lost toward the handsets: " + next(line.strip() for line in lost.splitlines() if "dropped" in line))
        self.all_gone()

    def all_gone(self):
        """Transactions toward handsets linger for 64 x T1, 128 s."""
        def left():
            names = ("calls", "server_transactions", "client_transactions", "sa_sets")
            return {(daemon, name): value for daemon in ("pcscf", "scscf") for name, value in self.gauges(daemon).items()
                    if name in names and value != 0}
        try:
            wait_until(lambda: not left(), 200, "")
        except LabError:
            self.fail(f"left after 200 s: {left()}")
        self.assertEqual(self.core.imsctl("calls", check=False)["scscf"].get("calls", []), [])


if __name__ == "__main__":
    unittest.main()
