#!/usr/bin/python3
# runs: esp-kernel
# limit: 300
"""Configuration is read again without a registration or a call ending; draining lets calls end and begins none; and a daemon
that is started anew takes over in the midst of a call.

    ./tests/run e2e rolling_change
"""
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from phones import CallTest, wait_until  # noqa: E402
from figures import figures_of  # noqa: E402
from network import BIN  # noqa: E402

say = figures_of("rolling_change")


class RollingChange(CallTest):
    HANDSETS = 3
    SCSCF = {"state_file": "@folder@/scscf.db"}
    PCSCF = {"state_file": "@folder@/pcscf.db"}

    def imsctl_fails(self, *words):
        done = subprocess.run([BIN / "imsctl", "--config", self.core.files["imsctl"], *words], text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 1, done)
        return done.stderr

    def add(self, daemon, line):
        """To its file; it is as before at the end of the test."""
        path = self.core.files[daemon]
        before = path.read_text()
        self.addCleanup(self.core.imsctl, "reload")
        self.addCleanup(path.write_text, before)
        kept = [one for one in before.splitlines() if not one.startswith(line.split(":")[0] + ":")]
        path.write_text("\n".join([*kept, line]) + "\n")

    def test_when_the_files_are_read_again_then_new_values_hold_and_the_call_goes_on(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        self.add("scscf", 'registrar: {"reauthenticate_after": "0s", "max_expires": "10m"}')
        self.add("pcscf", "log: {level: debug}")
        said = self.core.imsctl("reload")
        self.assertEqual(said["scscf"]["changed"], ["registrar.max_expires"])
        self.assertEqual(said["pcscf"]["changed"], ["log.level"])
        one.tell("reregister")
        one.next("security_associations")
        self.assertEqual(one.next("registered")["expires"], 600)
        self.hang_up(two, one)

    def test_when_SIGHUP_comes_then_the_file_is_read_and_what_needs_a_restart_is_named(self):
        one = self.phone(1)
        self.add("scscf", "workers: 1")
        self.core.scscf_daemon.process.send_signal(signal.SIGHUP)
        self.core.scscf_daemon.wait_for_line("workers has changed, which needs a restart: it stays as it was")
        self.assertEqual(self.core.imsctl("status")["scscf"]["workers"], 2)
        one.tell("reregister")
        one.next("registered")

    def test_when_a_file_is_wrong_then_it_says_where_and_all_stays(self):
        one = self.phone(1)
        self.add("scscf", "registrar: {max_expires: soon}")
        said = self.imsctl_fails("reload")
        self.assertIn("scscf.yaml:", said)
        self.assertIn('registrar.max_expires: "soon" is not right', said)
        one.tell("reregister")
        one.next("registered")

    def test_when_the_daemons_drain_then_the_call_goes_on_and_none_begins_until_they_resume(self):
        one, two, three = self.phone(1), self.phone(2), self.phone(3)
        self.talk(one, two)
        waiting = subprocess.Popen([BIN / "imsctl", "--config", self.core.files["imsctl"], "drain"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.core.imsctl, "drain", "--resume")
        wait_until(lambda: self.core.imsctl("status")["pcscf"].get("draining"), 10, "it does not drain")
        three.tell(f"call:{one.impu}")
        three.next("call_out")
        self.assertEqual(three.next("call_failed")["code"], 503)
        three.tell("reregister")
        self.assertEqual(three.next("registered", 20)["code"], 200)
        self.assertIsNone(waiting.poll())
        self.hang_up(one, two)
        out, err = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, 0, err)
        self.assertEqual(out.count(": drained"), 2, out)
        self.assertIn("draining, 1 calls and ", err)
        self.core.imsctl("drain", "--resume")
        self.talk(three, one)
        self.hang_up(three, one)

    def test_when_each_daemon_is_replaced_in_a_call_then_the_call_goes_on_and_ends(self):
        one, two = self.phone(1), self.phone(2)
        self.talk(one, two)
        for name in ("scscf", "pcscf"):
            daemon = getattr(self.core, f"{name}_daemon")
            began = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait()
            stopped = time.monotonic()
            self.core.start_daemon(name)
            say(f"{name}: {stopped - began:.2f} s to stop, {time.monotonic() - stopped:.2f} s until it is up again")
        self.core.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")
        self.hang_up(two, one)
        self.talk(two, one)
        self.hang_up(one, two)


if __name__ == "__main__":
    unittest.main()
