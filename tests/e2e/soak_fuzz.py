#!/usr/bin/python3
# runs: host
# limit: 9000
"""Every fuzz target of the fuzz preset (libFuzzer, ASan and UBSan) for LAPWING_FUZZ_MINUTES each (default 10), as many at a time
as there are CPUs, from its corpus in tests/fuzz/corpus. What makes one fail is kept in build/test-results/fuzz,
figures beside it.

    ./tests/run soak fuzz
"""
import concurrent.futures
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "tests/fuzz").glob("*_fuzz.cc"))
NAMES = [source.stem.removesuffix("_fuzz") for source in SOURCES]
PROGRAMS = ROOT / "build/fuzz/bin"
FOUND = ROOT / "build/test-results/fuzz"
SECONDS = round(float(os.environ.get("LAPWING_FUZZ_MINUTES", "10")) * 60)


def run(name):
    """(status, output); what it finds on the way goes to a copy of the corpus that is thrown away."""
    with tempfile.TemporaryDirectory(prefix=f"lapwing-fuzz-{name}-") as found:
        done = subprocess.run(
            [PROGRAMS / f"fuzz_{name}", f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
             f"-artifact_prefix={FOUND}/{name}-", found, ROOT / "tests/fuzz/corpus" / name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=SECONDS + 300)
    return done.returncode, done.stderr


class Fuzz(unittest.TestCase):
    """One test method for each target is made below."""

    @classmethod
    def setUpClass(cls):
        missing = [name for name in NAMES if not (PROGRAMS / f"fuzz_{name}").exists()]
        if missing:
            for command in (["cmake", "--preset", "fuzz"],
                            ["cmake", "--build", "--preset", "fuzz", "--target", *(f"fuzz_{name}" for name in missing)]):
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
                if done.returncode != 0:
                    raise RuntimeError(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-3000:]}")
        FOUND.mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            cls.results = dict(zip(NAMES, pool.map(run, NAMES)))

    def judge(self, name):
        status, output = self.results[name]
        figures = dict(re.findall(r"^stat::(\w+):\s+(\d+)", output, re.M))
        text = (f"fuzz_{name}: {figures.get('number_of_executed_units', '?')} inputs in {SECONDS} s, "
                f"{figures.get('average_exec_per_sec', '?')}/s, {figures.get('new_units_added', '?')} new, status {status}")
        print(text, flush=True)
        with open(FOUND / "figures.txt", "a") as report:
            report.write(text + "\n")
        self.assertEqual(status, 0, output[-4000:])
        self.assertGreater(int(figures.get("number_of_executed_units", "0")), 0)


for _name in NAMES:
    setattr(Fuzz, f"test_when_{_name}_is_fuzzed_then_nothing_is_found", lambda self, name=_name: self.judge(name))

if __name__ == "__main__":
    unittest.main()
