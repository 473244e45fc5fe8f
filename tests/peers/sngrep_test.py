#!/usr/bin/python3
# runs: host
# limit: 60
"""sngrep takes the SIP messages that `imsctl capture --hep` sends, and knows who sent them to whom.

    ./tests/run peers sngrep
"""
import base64
import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import BIN, Network, wait_until  # noqa: E402

COLLECTOR = "127.0.0.1:9060"


def sip(first, *headers):
    return "\r\n".join((first, *headers, "Content-Length: 0", "", ""))


def kept(second, program, incoming, local, remote, text, carrier="udp"):
    """A line of `imsctl trace --save`."""
    return json.dumps({"time": f"2026-11-28T12:00:{second:02}Z", "program": program, "incoming": incoming, "carrier": carrier,
                       "local": local, "remote": remote, "message": base64.b64encode(text.encode()).decode()}) + "\n"


COMMON = ("From: <sip:one@example.org>;tag=a", "To: <sip:one@example.org>", "Call-ID: hep-1", "CSeq: 1 REGISTER",
          "Via: SIP/2.0/UDP 10.9.0.1:5060;branch=z9hG4bK1")
REGISTER = sip("REGISTER sip:example.org SIP/2.0", *COMMON, "Max-Forwards: 70", "Contact: <sip:one@10.9.0.1>")
REFUSAL = sip("SIP/2.0 403 Forbidden", *COMMON)


@unittest.skipUnless(shutil.which("sngrep"), "sngrep is not installed")
class Sngrep(unittest.TestCase):
    def test_when_a_registration_is_sent_to_it_then_it_writes_both_messages_with_their_ends(self):
        network = self.enterContext(Network())
        host = network.host("homer")
        host.ip("link set lo up")
        trace, out = network.folder / "trace.jsonl", network.folder / "out.pcap"
        trace.write_text(kept(1, "pcscf", True, "10.46.0.1:5060", "10.9.0.1:5060", REGISTER) +
                         kept(2, "pcscf", False, "10.46.0.1:5060", "10.9.0.1:5060", REFUSAL) +
                         kept(3, "scscf", False, "10.45.0.3:0", "10.45.0.2:3868", "no SIP", "diameter"))
        listener = host.start("/usr/bin/sngrep", "-N", "-q", "-L", f"udp:{COLLECTOR}", "-O", out, name="sngrep")
        wait_until(lambda: ":9060" in host.run("/bin/ss", "-Hlun").stdout, 10, "sngrep does not listen")
        sent = host.run(BIN / "imsctl", "capture", "--from", trace, "--hep", COLLECTOR).stdout
        self.assertEqual(sent, f"2 SIP messages were sent to {COLLECTOR}\n")

        def read():
            return subprocess.run(["tshark", "-r", out, "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e", "udp.srcport",
                                   "-e", "sip.Method", "-e", "sip.Status-Code"], text=True, capture_output=True).stdout.splitlines()
        wait_until(lambda: len(read()) >= 2, 10, lambda: f"sngrep wrote {read()}")
        listener.stop()
        self.assertEqual([line.split("\t") for line in read()],
                         [["10.9.0.1", "10.46.0.1", "5060", "REGISTER", ""], ["10.46.0.1", "10.9.0.1", "5060", "", "403"]])


if __name__ == "__main__":
    unittest.main()
