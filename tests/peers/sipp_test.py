#!/usr/bin/python3
# runs: esp-kernel
"""SIPp registers with its own AKAv1-MD5 through pcscf, scscf and labhss, beside handsets with IPsec (`ipsec: optional`);
tshark judges every packet.

Everything is on addresses of loopback and random ports. Needs the packages sip-tester, tcpdump and tshark; capturing
needs root and is left out without it. Programs come from $LAPWING_BIN, else build/release/bin.

SIPp 3.6.1 knows OP, not OPc, and never looks at SQN: no challenge makes it resynchronise. It computes the MAC over the AMF
of its scenario, not over the one in AUTN, so that aka_AMF must be the HSS's. The key's bytes pass through its parser of
messages: a K with the byte 5B ("[") is a syntax error to it. RES is a C string to it: one with a zero byte, 3 in 100, gives a wrong
response; the test looks for that and tries again.

    tests/peers/sipp_test.py [-v]
"""
import collections
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from aka import Vector, aes, from_nonce, xor  # noqa: E402

BIN = pathlib.Path(os.environ.get("LAPWING_BIN", ROOT / "build" / "release" / "bin"))
DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
K, OP, AMF = "8baf473f2f8fd09487cccbd7097c6862", "cdc202d5123e20f62b6d676ac72cb318", "8000"
IMSI, MSISDN = "001010000000001", "15550100001"
IMPI, IMPU = f"{IMSI}@{DOMAIN}", f"sip:{IMSI}@{DOMAIN}"
PAUSE = 1.5  # seconds between registration, re-registration and deregistration

for program in ("sipp", "tshark"):
    if shutil.which(program) is None:
        print(f"skipped: {program} is missing (packages sip-tester, tshark)")
        sys.exit(77)


def free_port(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as streams:
        for _ in range(100):
            port = random.randrange(20000, 32000)
            try:
                datagrams.bind((address, port))
                streams.bind((address, port))
                return port
            except OSError:
                datagrams.close()
                streams.close()
                datagrams, streams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    raise RuntimeError("no free port")


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return condition()


def register(cseq, expires, credentials):
    return f"""
  <send retrans="500"><![CDATA[
    REGISTER sip:{DOMAIN} SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
    Max-Forwards: 70
    From: <{IMPU}>;tag=[call_number]
    To: <{IMPU}>
    Call-ID: [call_id]
    CSeq: {cseq} REGISTER
    Contact: <sip:{IMSI}@[local_ip]:[local_port];transport=[transport]>;+sip.instance="<urn:gsma:imei:35000000-000000-0>"
    Expires: {expires}
    Supported: path
    {credentials}
    Content-Length: 0

  ]]></send>
  <recv response="100" optional="true"/>"""


def scenario():
    """Register, re-register, deregister, each challenged anew: nothing protects these requests."""
    empty = f'Authorization: Digest username="{IMPI}",realm="{DOMAIN}",nonce="",uri="sip:{DOMAIN}",response=""'
    # SIPp writes "Authorization: " itself.
    answer = f"[authentication username={IMPI} aka_OP=0x{OP.upper()} aka_K=0x{K.upper()} aka_AMF=0x{AMF}]"
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="registration">'
    for turn, expires in enumerate((600000, 600000, 0)):
        text += register(2 * turn + 1, expires, empty) + '\n  <recv response="401" auth="true"/>'
        text += register(2 * turn + 2, expires, answer) + '\n  <recv response="200"/>'
        text += f'\n  <pause milliseconds="{int(PAUSE * 1000)}"/>' if expires else ""
    return text + "\n</scenario>\n"


class Sipp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # freeDiameter announces the addresses of interfaces, and does not start where there is none but loopback.
        links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
        if all("LOOPBACK" in link["flags"] for link in links):
            for words in ("link add lwsipp0 type veth peer name lwsipp1", "addr add 10.91.0.1/30 dev lwsipp0",
                          "link set lwsipp0 up", "link set lwsipp1 up"):
                subprocess.run(["ip", *words.split()], check=True)
            cls.addClassCleanup(subprocess.run, ["ip", "link", "del", "lwsipp0"])

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sipp-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        net = f"127.{random.randrange(10, 250)}.{random.randrange(1, 250)}"
        self.hss, self.scscf, self.gm, self.mw, self.ue = (f"{net}.{i}" for i in range(1, 6))
        self.net = net + ".0/24"
        self.ports = {address: free_port(address) for address in (self.hss, self.scscf, self.gm, self.mw, self.ue)}
        self.capture = self.start_capture() if os.geteuid() == 0 and shutil.which("tcpdump") else None
        self.start("labhss", f"""
origin_host: hss.{DOMAIN}
listen: {self.hss}:{self.ports[self.hss]}
plmn: 001/01
state_file: {self.folder}/sqn.db
control: {{listen: "unix:{self.folder}/labhss.sock"}}
subscribers:
  - {{imsi: "{IMSI}", k: {K}, op: {OP}, amf: "{AMF}", msisdn: "{MSISDN}"}}
""")
        self.start("scscf", f"""
name: sip:scscf.{DOMAIN}:{self.ports[self.scscf]}
home_domain: {DOMAIN}
listen: ["{self.scscf}:{self.ports[self.scscf]}"]
cx:
  origin_host: scscf.{DOMAIN}
  peers: [{{host: hss.{DOMAIN}, address: "{self.hss}:{self.ports[self.hss]}"}}]
registrar: {{accept_unprotected_aka: true}}
control: {{listen: "unix:{self.folder}/scscf.sock"}}
workers: 2
""")
        self.start("pcscf", f"""
name: pcscf.{DOMAIN}
home_domain: {DOMAIN}
gm: {{listen: ["{self.gm}:{self.ports[self.gm]}"]}}
mw: {{listen: "{self.mw}:{self.ports[self.mw]}", entry: "{self.scscf}:{self.ports[self.scscf]}"}}
ipsec: {{policy: optional}}
control: {{listen: "unix:{self.folder}/pcscf.sock"}}
workers: 2
""")
        self.assertTrue(until(self.hss_is_open, 30), "Cx does not open: " + self.log("scscf"))

    def start(self, name, config):
        file = self.folder / f"{name}.yaml"
        file.write_text(config)
        with open(self.folder / f"{name}.log", "wb") as log:
            daemon = subprocess.Popen([BIN / name, "--config", file], stdout=log, stderr=log)
        self.addCleanup(lambda: (daemon.poll() is None and daemon.terminate(), daemon.wait(timeout=10)))
        until(lambda: daemon.poll() is not None or (self.folder / f"{name}.sock").exists(), 30)
        self.assertTrue(daemon.poll() is None and (self.folder / f"{name}.sock").exists(),
                        f"{name} does not start: " + self.log(name))

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start_capture(self):
        file = self.folder / "lo.pcap"
        capture = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-s", "0", "-Z", "root", "-w", file, "net", self.net],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (capture.poll() is None and capture.kill(), capture.wait(), capture.stderr.close()))
        line = capture.stderr.readline()
        self.assertIn("listening on lo", line if "listening" in line else capture.stderr.readline())
        return capture

    def imsctl(self, *words):
        command = [BIN / "imsctl", "--json", "--pcscf", f"unix:{self.folder}/pcscf.sock",
                   "--scscf", f"unix:{self.folder}/scscf.sock", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        return json.loads(done.stdout)["replies"] if done.stdout.strip() else []

    def hss_is_open(self):
        return '"OPEN"' in json.dumps(self.imsctl("hss")).upper()

    def states(self):
        """What each daemon says of our subscriber: {"pcscf": ["registered"], "scscf": ["registered"]}"""
        found = {}
        for reply in self.imsctl("registrations"):
            rows = reply.get("reply", {}).get("registrations", [])
            found[reply["daemon"]] = [row["state"] for row in rows if row.get("impi") == IMPI]
        return found

    def are(self, *states):
        return until(lambda: self.states() == {"pcscf": list(states), "scscf": list(states)})

    def run_sipp(self, transport):
        file = self.folder / "registration.xml"
        file.write_text(scenario())
        sipp = subprocess.Popen(
            ["sipp", f"{self.gm}:{self.ports[self.gm]}", "-sf", file, "-t", transport, "-m", "1", "-i", self.ue,
             "-p", str(self.ports[self.ue]), "-auth_uri", DOMAIN, "-nostdin", "-timeout", "20s", "-timeout_error",
             "-trace_err", "-trace_msg", "-message_file", self.folder / "messages.log", "-error_file",
             self.folder / "errors.log"],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (sipp.poll() is None and sipp.kill(), sipp.wait(), sipp.stderr.close()))
        return sipp

    def story(self):
        parts = [self.folder / name for name in ("errors.log", "messages.log", "pcscf.log", "scscf.log")]
        return "\n".join(f"--- {part.name}\n{part.read_text(errors='replace')}" for part in parts if part.exists())

    def judge(self):
        """Nothing malformed; the answers seen on Gm."""
        time.sleep(0.5)  # the capture's last packets
        self.capture.terminate()
        self.capture.wait(timeout=5)
        decode = []
        for address in (self.gm, self.mw, self.scscf, self.ue):
            for protocol in ("udp", "tcp"):
                decode += ["-d", f"{protocol}.port=={self.ports[address]},sip"]
        decode += ["-d", f"tcp.port=={self.ports[self.hss]},diameter"]

        def tshark(*words):
            done = subprocess.run(["tshark", "-n", "-r", self.folder / "lo.pcap", *decode, *words], capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        self.assertEqual(tshark("-Y", '_ws.malformed || _ws.expert.group == "Malformed"', "-V"), "")
        commands = tshark("-Y", "diameter", "-T", "fields", "-e", "diameter.cmd.code").replace(",", "\n").split()
        self.assertEqual(collections.Counter(commands)["303"], 6, "a MAR and its MAA for each challenge")
        codes = tshark("-Y", f"sip.Status-Code && ip.dst == {self.ue}", "-T", "fields", "-e", "sip.Status-Code")
        return collections.Counter(codes.split())

    def res_with_a_zero(self):
        """Did SIPp meet a RES that it cannot use?"""
        nonces = re.findall(r'^WWW-Authenticate:.*nonce="([^"]+)"', (self.folder / "messages.log").read_text(), re.M)
        k, op = bytes.fromhex(K), bytes.fromhex(OP)
        return any(0 in Vector(k, xor(aes(k, op), op), from_nonce(nonce)[0]).res for nonce in nonces)

    def registers_and_goes(self, transport):
        self.assertTrue(self.are(), self.states())
        sipp = self.run_sipp(transport)
        there = self.are("registered")
        _, errors = sipp.communicate(timeout=30)
        if sipp.returncode != 0 and self.res_with_a_zero():
            self.doCleanups()
            self.setUp()
            return self.registers_and_goes(transport)
        self.assertEqual(sipp.returncode, 0, errors + self.story())
        self.assertTrue(there, f"never registered: {self.story()}")
        self.assertTrue(self.are("deregistered"), f"{self.states()}\n{self.story()}")
        if self.capture:
            codes = self.judge()
            self.assertEqual((codes["401"], codes["200"]), (3, 3), codes)

    def test_registers_over_udp(self):
        self.registers_and_goes("u1")

    def test_registers_over_tcp(self):
        self.registers_and_goes("t1")


if __name__ == "__main__":
    unittest.main()
