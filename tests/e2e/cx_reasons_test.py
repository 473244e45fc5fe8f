#!/usr/bin/python3
# runs: host
"""An HSS that is not connected: the reason that the operator reads, one test for each.

    python3 tests/e2e/cx_reasons_test.py [-v] [Reasons.test_...]
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import types

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]
from cx_programs import BIN, CxTest, free_port, main  # noqa: E402


class Reasons(CxTest):
    def why(self, probe, pattern, seconds=8, host="hss1.example"):
        """Waits until the reason is this one; the peer's line."""
        end = time.monotonic() + seconds
        while True:
            before = len(probe.seen)
            probe.ask("peers", "^peers end")
            lines = probe.seen[before:]
            found = [line for line in lines if line.startswith("why %s " % host)]
            if found and re.search(pattern, found[0][len("why %s " % host):]):
                return next(line for line in lines if line.startswith("peer %s " % host))
            if time.monotonic() > end:
                self.fail("no reason like %r in %r" % (pattern, lines))
            time.sleep(0.05)

    def reason_of(self, mode, pattern, state="closed|connecting", **options):
        hss = self.bad_hss(mode, **options)
        probe = self.probe(hss, wait=False)
        self.assertRegex(self.why(probe, pattern), "tcp (%s) " % state)
        return hss, probe

    def listener(self, backlog=5):
        """A port that takes no connection."""
        s = socket.socket()
        self.addCleanup(s.close)
        s.bind(("127.0.0.1", 0))
        s.listen(backlog)
        return s, types.SimpleNamespace(host="hss1.example", port=s.getsockname()[1])

    def test_another_origin_host(self):
        hss, probe = self.reason_of("cea-other-origin",
                                    '^refused: the HSS calls itself "someone.else", its host says "hss1.example"$')
        for _ in range(2):  # and at the next attempt it is still so
            hss.expect("^disconnected")
        self.why(probe, "^refused: the HSS calls itself")
        probe.ask("mar u1@example", "^mar failure no_peer")
        hss.tell("mode ok")
        probe.ask("wait hss1.example open 8000", "^wait ok", 9)
        self.assertFalse([line for line in self.lines_of_peers(probe) if line.startswith("why")])

    def lines_of_peers(self, probe):
        before = len(probe.seen)
        probe.ask("peers", "^peers end")
        return probe.seen[before:]

    def test_a_refusal_names_its_code(self):
        self.reason_of("cea-refuse", r'^refused: the HSS answered DIAMETER_UNKNOWN_PEER \(3010\); '
                                     r'it does not know our identity "scscf.example"$')
        self.reason_of("cea-refuse", r"^refused: the HSS answered DIAMETER_NO_COMMON_APPLICATION \(5010\); "
                                     r"it does not offer what we ask of it$", **{"cea-code": 5010})
        self.reason_of("cea-refuse", r"^refused: the HSS answered DIAMETER_TOO_BUSY \(3004\); the next attempt",
                       **{"cea-code": 3004})

    def test_a_refusal_with_the_avps_of_an_error_only(self):
        self.reason_of("cea-refuse-short", r'^refused: the HSS answered DIAMETER_NO_COMMON_SECURITY \(5017\) "go away"$',
                       **{"cea-code": 5017})

    def test_an_answer_that_cannot_be_parsed(self):
        self.reason_of("cea-unknown-m", "^the HSS's Capabilities-Exchange-Answer cannot be used: ")

    def test_closed_instead_of_an_answer(self):
        self.reason_of("cea-close", '^closed by the HSS instead of an answer .* know our identity "scscf.example"')

    def test_no_common_application(self):
        _, probe = self.reason_of("cea-no-cx", r"^connected, but the HSS does not offer .*Cx.* \(application 16777216\)$",
                                  state="unusable")
        probe.ask("mar u1@example", "^mar failure no_peer")

    def test_an_hss_that_says_goodbye(self):
        hss = self.bad_hss("ok")
        probe = self.probe(hss)
        hss.tell("push dpr")
        self.why(probe, "^the HSS ended the connection: it is too busy$")

    def test_connection_refused(self):
        nobody = types.SimpleNamespace(host="hss1.example", port=free_port())
        probe = self.probe(nobody, wait=False)
        self.why(probe, r"^connection refused: nothing listens on 127\.0\.0\.1:%d/tcp$" % nobody.port)

    def test_no_answer(self):
        deaf, no_cea = self.listener()
        waiting = self.probe(no_cea, wait=False)
        full, no_syn = self.listener(backlog=0)
        for _ in range(2):  # and the next SYN is dropped
            client = socket.socket()
            self.addCleanup(client.close)
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        connecting = self.probe(no_syn, wait=False)
        self.why(waiting, "took the connection and did not answer our Capabilities-Exchange-Request", 14)
        self.why(connecting, r"^no answer from 127\.0\.0\.1:%d/tcp in 10 s" % no_syn.port, 14)

    def test_the_operator_sees_it_in_imsctl_and_once_in_the_log(self):
        folder = tempfile.TemporaryDirectory(prefix="reasons-")
        self.addCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        hss = self.bad_hss("ok", host="hss.real")
        (folder / "scscf.yaml").write_text(
            f"name: sip:scscf.example:{free_port()}\nhome_domain: example\nlisten: ['127.0.0.1:{free_port()}']\n"
            f"cx: {{origin_host: scscf.example, reconnect: 1s, "
            f"peers: [{{host: hss.wrong, address: '127.0.0.1:{hss.port}'}}]}}\n"
            f"control: {{listen: 'unix:{folder}/sock'}}\nworkers: 1\n")
        with open(folder / "log", "wb") as log:
            daemon = subprocess.Popen([BIN / "scscf", "--config", folder / "scscf.yaml"], stdout=log, stderr=log)
        self.addCleanup(lambda: (daemon.kill(), daemon.wait()))
        for _ in range(3):
            hss.expect("^disconnected", 8)
        imsctl = [BIN / "imsctl", "--scscf", f"unix:{folder}/sock", "hss"]
        reason = 'refused: the HSS calls itself "hss.real", cx.peers[0].host says "hss.wrong"'
        shown = subprocess.run(imsctl, capture_output=True, text=True, timeout=10)
        self.assertRegex(shown.stdout, r"(?m)^hss\.wrong .* (closed|connecting) ")
        self.assertIn(f"\nhss.wrong: {reason}\n", shown.stdout)
        shown = subprocess.run(imsctl + ["--json"], capture_output=True, text=True, timeout=10)
        self.assertIn(json.dumps(reason), shown.stdout)
        lines = [line for line in (folder / "log").read_text().splitlines() if " info " not in line]
        self.assertEqual(len(lines), 1, "\n".join(lines))
        self.assertRegex(lines[0], re.escape(f"Diameter peer hss.wrong: {reason}") + "$")


if __name__ == "__main__":
    main()
