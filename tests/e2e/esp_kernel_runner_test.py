#!/usr/bin/python3
# runs: host
"""lab/esp-kernel itself, run on the host: python3 tests/e2e/esp_kernel_runner_test.py"""
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

RUNNER = Path(__file__).resolve().parents[2] / 'lab/esp-kernel'


def run(*words, **more):
    return subprocess.run([RUNNER, *words], text=True, capture_output=True, timeout=120, **more)


def processes_with(text):
    found = []
    for entry in Path('/proc').iterdir():
        try:
            if entry.name.isdigit() and text in (entry / 'cmdline').read_text():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def setUpModule():
    status = run('--status')
    if status.returncode != 0:
        raise unittest.SkipTest(status.stdout.strip())


class Runner(unittest.TestCase):
    def test_when_a_command_ends_then_its_output_and_status(self):
        done = run('--', 'sh', '-c', 'echo "to out" "$1"; echo to err >&2; exit 7', 'sh', 'a  b\'"')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, 'to out a  b\'"\n', 'to err\n'))

    def test_when_the_output_is_large_or_binary_then_whole(self):
        done = subprocess.run([RUNNER, '--', 'sh', '-c', 'head -c 2000000 /dev/zero; printf "\\r\\n\\004\\377"'],
                              capture_output=True, timeout=120)
        self.assertEqual(done.stdout, bytes(2000000) + b'\r\n\x04\xff')

    def test_when_in_the_kernel_then_esp_works(self):
        sa = ('src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode transport auth-trunc "hmac(md5)" 0x' + '11' * 16 +
              ' 96 enc "cbc(des3_ede)" 0x0102030405060708111213141516171821222324252627')
        done = run('--', 'sh', '-c', f'ip netns add x && ip -n x xfrm state add {sa}28 && ip -n x xfrm state')
        self.assertIn('cbc(des3_ede)', done.stdout, done.stderr)

    def test_when_there_is_no_input_then_empty(self):
        self.assertEqual(run('--', 'cat', input='text').stdout, '')

    def test_when_below_w_then_kept_and_the_network_is_its_own(self):
        with tempfile.TemporaryDirectory(prefix='with space ') as kept:
            done = run('-w', kept, '--', 'sh', '-c', f'echo text > "{kept}/file"; ip -brief link | wc -l')
            self.assertEqual(Path(kept, 'file').read_text(), 'text\n')
            self.assertLessEqual(int(done.stdout), 3)  # lo, and what modules make

    def test_when_the_environment_and_directory_are_set_then_the_command_has_them(self):
        done = run('--', 'sh', '-c', 'echo "$LAPWING_TEST_VALUE"; pwd', cwd='/usr',
                   env={**os.environ, 'LAPWING_TEST_VALUE': "two  'words'"})
        self.assertEqual(done.stdout, "two  'words'\n/usr\n")

    def test_when_time_is_up_then_124(self):
        began = time.monotonic()
        done = run('-t', '3', '--', 'sleep', '100')
        self.assertEqual(done.returncode, 124)
        self.assertLess(time.monotonic() - began, 10)

    def test_when_the_command_leaves_something_running_then_it_ends_too(self):
        self.assertEqual(run('--', 'sh', '-c', 'sleep 1234567 & echo done').stdout, 'done\n')
        self.assertEqual(processes_with('1234567'), [])

    def test_when_the_runner_is_killed_then_nothing_survives(self):
        for how in (signal.SIGKILL, signal.SIGTERM):
            with tempfile.TemporaryDirectory() as place:  # its name is in every process's command line
                runner = subprocess.Popen([RUNNER, '--', 'sh', '-c', f'echo started; sleep 7654321 {place}'],
                                          stdout=subprocess.PIPE, env={**os.environ, 'TMPDIR': place})
                self.assertEqual(runner.stdout.readline(), b'started\n')
                self.assertNotEqual(processes_with(place), [])
                runner.send_signal(how)
                runner.wait()
                give_up = time.monotonic() + 10
                while processes_with(place) and time.monotonic() < give_up:
                    time.sleep(0.05)
                self.assertEqual(processes_with(place), [], how)
                runner.stdout.close()

    def test_when_arguments_are_wrong_then_125(self):
        for words in ((), ('-t', 'x', '--', 'true'), ('-m', 'x', '--', 'true'), ('-w', '/nowhere', '--', 'true'),
                      ('-w', '/', '--', 'true'), ('-z',)):
            self.assertEqual(run(*words).returncode, 125, words)


if __name__ == '__main__':
    unittest.main()
