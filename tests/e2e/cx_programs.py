"""Programs of the tests of Cx: cx_probe (our client), bad_hss (scripted, no Diameter library) and good_hss (our server).

Loopback only, no privileges, ports chosen by the kernel. Programs come from $LAPWING_BIN, else build/release/bin.
CX_TRAPS_TIMES=1 shows the time of each test, CX_TRAPS_LOG=debug the programs' logs.
"""
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LAPWING_BIN", ROOT / "build" / "release" / "bin"))


class Program:
    """A child process, its lines of output, and what it is told."""

    def __init__(self, name, *args):
        self.log = open(os.devnull, "w") if not os.environ.get("CX_TRAPS_LOG") else None
        self.process = subprocess.Popen([str(BIN / name), *map(str, args)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, errors="replace",
                                        bufsize=1)
        self.lines = queue.Queue()
        self.seen = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def tell(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError("the program has ended, after %r" % self.seen[-8:])

    def expect(self, pattern, seconds=8):
        """The first new line that matches; what comes before it is kept in seen."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError("no line like %r; got %r" % (pattern, self.seen[-8:]))
            self.seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def drain(self, seconds):
        """The lines that come within this time."""
        end = time.monotonic() + seconds
        lines = []
        while time.monotonic() < end:
            try:
                line = self.lines.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                break
            lines.append(line)
        self.seen += lines
        return lines

    def ask(self, line, pattern, seconds=8):
        self.tell(line)
        return self.expect(pattern, seconds)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.reader.join(2)
        self.process.stdout.close()
        if self.log:
            self.log.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class CxTest(unittest.TestCase):
    def start(self, name, *args):
        program = Program(name, *args)
        self.addCleanup(program.stop)
        return program

    def bad_hss(self, mode="ok", host="hss1.example", **options):
        args = [x for k, v in options.items() for x in ("--" + k, v)]
        hss = self.start("bad_hss", "--identity", host, "--realm", "example", "--mode", mode, *args)
        hss.port = int(hss.expect(r"^port (\d+)").group(1))
        hss.host = host
        return hss

    def good_hss(self, host="hss1.example", port=None):
        port = port or free_port()
        hss = self.start("good_hss", "--identity", host, "--realm", "example", "--port", port)
        hss.expect("^ready")
        hss.port, hss.host = port, host
        return hss

    def probe(self, *peers, wait=True, **options):
        args = [x for p in peers for x in ("--peer", "%s=127.0.0.1:%d" % (p.host, p.port))]
        args += [x for k, v in options.items() for x in ("--" + k.replace("_", "-"), v) if x is not None]
        args += ["--log", os.environ.get("CX_TRAPS_LOG", "info")]
        probe = self.start("cx_probe", "--identity", "scscf.example", "--realm", "example", *args)
        probe.expect("^ready")
        for p in peers if wait else []:
            probe.ask("wait %s open 5000" % p.host, "^wait ok", 6)
        return probe

    def check_ends_in_time(self, probe):
        took = int(probe.ask("quit", r"^stopped in (\d+) ms", 4).group(1))
        self.assertLess(took, 2000)
        self.assertEqual(probe.process.wait(2), 0)

    def outcome_of(self, mode, request="mar u1@example", reconnects=False, **options):
        """What the client makes of one answer in this mode; afterwards it must still work."""
        hss = self.bad_hss(mode, **options)
        probe = self.probe(hss, deadline=700)
        text = probe.ask(request, r"^\w+ (answer|failure) .*").group(0)
        if reconnects:  # which takes up to 4 s, and is tested elsewhere
            probe.ask("peers", "^peers end")
            return text
        hss.tell("mode ok")
        probe.tell("wait hss1.example open 5000")
        probe.expect("^wait ok", 6)
        probe.ask("mar again@example", "^mar answer DIAMETER_SUCCESS")
        return text


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if os.environ.get("CX_TRAPS_TIMES"):
        run = unittest.TestCase.run

        def timed(self, result=None):
            began = time.monotonic()
            run(self, result)
            print("%6.2f s %s" % (time.monotonic() - began, self.id()))
        unittest.TestCase.run = timed
    unittest.main()
