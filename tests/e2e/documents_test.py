#!/usr/bin/python3
# runs: esp-kernel
# limit: 500
"""README.md and docs/operator-guide.md, followed from the first command to the last, show what really happens; and
docs/check-commands, which follows them, sees where a page does not.

    ./tests/run e2e documents
"""
import importlib.machinery
import importlib.util
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "docs/check-commands"


def loaded():
    loader = importlib.machinery.SourceFileLoader("check_commands", str(CHECK))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_commands", loader))
    sys.modules["check_commands"] = module
    loader.exec_module(module)
    return module


check = loaded()


def run(*pages):
    done = subprocess.run([CHECK, *pages], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def outcomes(output):
    """{number of the line in the page: ok, FAILED or -}"""
    return {int(line): outcome for outcome, line in re.findall(r"^(ok|FAILED|-) +[\d.]+ s  page\.md:(\d+) ", output, re.M)}


class Documents(unittest.TestCase):
    def test_when_a_new_user_follows_the_pages_then_every_command_runs_as_shown(self):
        status, output = run()
        self.assertEqual(status, 0, output)
        said = re.search(r"^(\d+) commands ran, 0 FAILED, (\d+) not run here$", output, re.M)
        self.assertTrue(said, output)
        self.assertGreater(int(said[1]), 80, output)
        self.assertLess(int(said[2]), 6, output)

    def test_when_a_page_is_wrong_then_its_commands_fail_and_the_difference_is_shown(self):
        page = """
    ./docs/check-commands --help

```
$ echo one; echo two
one
two
$ echo "one 12 ms"; echo two
one 7 ms
three
$ no-such-program
$ echo surprise
$ false
$ x=$(mktemp); cat >$x <<END
kept
END
$ cat $x
kept
$ echo 'id 00ff00ff'
id 12ab12ab
$ echo 12ab12ab
...
00ff00ff
```

```
$ (sleep 0.3; echo second) & echo first
second
first
$ echo third
third
```

```yaml
$ not a command
```
"""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.md"
            path.write_text(page)
            status, output = run(path)
        self.assertEqual(status, 1, output)
        lines = {number: line for number, line in enumerate(page.split("\n"), 1)}
        failed = [lines[number] for number, outcome in outcomes(output).items() if outcome == "FAILED"]
        self.assertEqual(failed, ['$ echo "one 12 ms"; echo two', "$ no-such-program", "$ echo surprise", "$ false"], output)
        self.assertEqual(sum(outcome == "ok" for outcome in outcomes(output).values()), 8, output)
        self.assertRegex(output, r"(?m)^ +one 7 ms\n +- three\n +\+ two$")
        self.assertRegex(output, r"(?m)^ +status 127\n +\+ .*no-such-program")
        self.assertRegex(output, r"(?m)^ +\+ surprise$")
        self.assertRegex(output, r"(?m)^12 commands ran, 4 FAILED, 0 not run here$")

    def test_when_a_page_wants_a_preset_or_target_that_is_not_there_then_it_fails(self):
        self.assertIsNone(check.check_build("cmake --preset release"))
        self.assertIsNone(check.check_build("cmake --build --preset release --target pcscf imsctl"))
        self.assertIn("no preset relaese", check.check_build("cmake --preset relaese"))
        self.assertIn("icscf", check.check_build("cmake --build --preset release --target pcscf icscf"))

    def test_when_lines_are_compared_then_what_varies_may_differ_and_nothing_else(self):
        same = [
            ("03:28:03.859  scscf   register.challenged", "22:16:31.7  scscf   register.challenged"),
            ("registered, 4s ago", "registered, 1m ago"), ("(scscf, now)", "(scscf, 3s ago)"), ("in 59m", "in 1h00m"),
            ("in uc->ps   spi 005e1ae6  8 packets, 4185 bytes", "in uc->ps   spi 00121212  12 packets, 999 bytes"),
            ("USER    SENT  MEAN", "USER  SENT   MEAN"), ("hss  open   8   8   0   8.4 ms", "hss  open  12  12  0  10.1 ms"),
            ("spi 4234c86a  uc 6301", "spi 0012345d  uc 6301"), ("spi 4234c86a", "spi 00121212"),
            ("|-- SUBSCRIBE --------------- UDP ->|", "|-- SUBSCRIBE --------------- TCP ->|"),
            ("ok ... done", "ok 1 2 3 done"), ("unix:/tmp/a-1/x.sock", "unix:/tmp/b-2/x.sock"),
        ]
        different = [
            ("401 Unauthorized", "403 Forbidden"), ("001010000000001", "001010000000002"), ("10.46.0.1:5060", "10.46.0.1:5061"),
            ("registered", "registering"), ("hss  open  8  0", "hss  open  8  3"), ("DIAMETER_SUCCESS (2001)", "DIAMETER_SUCCESS (2002)"),
            ("+15550100001", "+15550100002"), ("version 0.1.0", "version 0.2.0"), ("ok ...", "no 1 2 3"),
            ("|-- SUBSCRIBE --------------- UDP ->|", "|<- UDP --------------- SUBSCRIBE --|"),
        ]
        for shown, real in same:
            self.assertTrue(check.matches(shown, real), (shown, real))
        for shown, real in different:
            self.assertFalse(check.matches(shown, real), (shown, real))

    def test_when_lines_are_left_out_then_those_shown_still_come_in_their_order(self):
        real = ["a", "b", "c", "b", "d"]
        for shown in (real, ["a", "...", "d"], ["...", "c", "b", "..."], ["...", "b", "d"], ["a", "b", "..."], ["..."], ["a", "...", *real[1:]]):
            self.assertIsNotNone(check.compare(shown, real), shown)
        for shown in (["a", "..."][:1], ["b", "..."], ["...", "c"], ["...", "d", "...", "a", "..."], ["a", "...", "e", "..."], []):
            self.assertIsNone(check.compare(shown, real), shown)


if __name__ == "__main__":
    unittest.main()
