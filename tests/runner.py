"""Runs test programs and counts: see tests/run, which installs and builds first.

GoogleTest programs are BIN/unit_* and BIN/scenarios_*; BIN/fuzz_* replay tests/fuzz/corpus. Python tests are
tests/e2e/*_test.py, tests/peers/*_test.py and tests/e2e/soak_*.py. Each of these says in one of its first lines where it runs:

    # runs: host                 on this kernel
    # runs: esp-kernel           as root under a kernel with ESP, by lab/esp-kernel
    # limit: 600                 seconds that the file may take (default 300)
"""
import argparse
import concurrent.futures
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("unit", "scenarios", "e2e", "peers")
PROGRAM_LIMIT = 600  # seconds
DETAILED = 5  # failures of one program that are shown in full


@dataclass
class Result:
    program: str
    passed: int = 0
    failed: list = field(default_factory=list)   # [(test, why)]
    skipped: list = field(default_factory=list)  # [(test, why)]
    tests: list = field(default_factory=list)    # [(test, seconds)] that passed
    seconds: float = 0.0


class Report:
    def __init__(self, verbose):
        self.results, self.verbose, self.began = [], verbose, time.monotonic()

    def add(self, result):
        self.results.append(result)
        counts = [f"{result.passed} passed"]
        counts += [f"{len(result.failed)} FAILED"] if result.failed else []
        counts += [f"{len(result.skipped)} skipped"] if result.skipped else []
        print(f"  {result.program:<32} {', '.join(counts)}  ({result.seconds:.1f} s)", flush=True)
        if self.verbose:
            for name, seconds in result.tests:
                print(f"      ok    {name} ({seconds:.2f} s)")
        for name, why in result.skipped:
            print(f"      skip  {name}: {why.strip().splitlines()[-1] if why.strip() else 'no reason given'}")
        for number, (name, why) in enumerate(result.failed):
            print(f"      FAIL  {name}")
            for line in why.strip().splitlines()[-40:] if number < DETAILED else []:
                print(f"            {line}")
        sys.stdout.flush()

    def finish(self):
        passed = sum(result.passed for result in self.results)
        failed = sum(len(result.failed) for result in self.results)
        skipped = sum(len(result.skipped) for result in self.results)
        if failed:
            print("\nFailed:")
            for result in self.results:
                for name, _ in result.failed:
                    print(f"  {result.program}: {name}")
        print(f"\nin {time.monotonic() - self.began:.0f} s")
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return 1 if failed or not passed else 0


def run_command(command, limit):
    """(status, or None when out of time; output)"""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        output.seek(0)
        return status, output.read()


# ---- GoogleTest and fuzz corpora ----

def run_gtest(program):
    result, began = Result(program.name), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lapwing-gtest-") as folder:
        report = Path(folder) / "report.json"
        status, output = run_command([program, f"--gtest_output=json:{report}"], PROGRAM_LIMIT)
        tests = json.loads(report.read_text()) if report.exists() else {"testsuites": []}
    for suite in tests["testsuites"]:
        for test in suite["testsuite"]:
            name = f"{suite['name']}.{test['name']}"
            if test["status"] != "RUN":
                result.skipped.append((name, "disabled"))
            elif test.get("failures"):
                result.failed.append((name, "\n".join(one["failure"] for one in test["failures"])))
            elif test["result"] == "SKIPPED":
                # Debian 12's GoogleTest says why on standard output only.
                why = re.search(rf"^\[ RUN      \] {re.escape(name)}\n.*: Skipped\n(.*)$", output, re.M)
                result.skipped.append((name, why.group(1) if why else ""))
            else:
                result.passed += 1
                result.tests.append((name, float(test["time"].rstrip("s"))))
    if status != 0 and not result.failed:
        # Without a report it ended in the middle of what ran last.
        running = re.findall(r"^\[ RUN      \] (.*)$", output, re.M)
        why = f"out of time ({PROGRAM_LIMIT} s)" if status is None else f"ended with status {status}"
        result.failed.append((running[-1] if running else program.name, f"{output[-4000:]}\n{why}"))
    result.seconds = time.monotonic() - began
    return result


def run_fuzz(program):
    result, began = Result(program.name), time.monotonic()
    corpus = ROOT / "tests/fuzz/corpus" / program.name.removeprefix("fuzz_")
    status, output = run_command([program, corpus], PROGRAM_LIMIT)
    if status == 0:
        result.passed = 1
        result.tests.append((f"{len(list(corpus.iterdir()))} inputs", time.monotonic() - began))
    else:
        result.failed.append((f"the corpus {corpus.relative_to(ROOT)}", f"{output[-4000:]}\nstatus {status}"))
    result.seconds = time.monotonic() - began
    return result


def run_programs(found, report):
    jobs = max(1, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(run_fuzz if one.name.startswith("fuzz_") else run_gtest, one) for one in found]
        for run in runs:
            report.add(run.result())


# ---- Python ----

def marker(path, name, default=None):
    head = "".join(path.read_text().splitlines(keepends=True)[:8])
    match = re.search(rf"^# {name}: (\S+)$", head, re.M)
    return match[1] if match else default


def run_python(path, results_folder):
    """One file in a process of its own; the result comes back as JSON, so that it can be read after an ESP kernel ended."""
    name = str(path.relative_to(ROOT))
    result, began = Result(name), time.monotonic()
    report = Path(results_folder) / f"{path.stem}.json"
    limit = int(marker(path, "limit", "300"))
    status, output = run_command(
        ["/usr/bin/python3", "-B", ROOT / "tests/unittest_report.py", path, report], limit)
    if report.exists():
        said = json.loads(report.read_text())
        result.passed, result.tests = len(said["passed"]), said["passed"]
        result.failed, result.skipped = said["failed"], said["skipped"]
    if status == 77 and not result.passed:
        result.skipped.append((name, output))
    elif status != 0 and not result.failed:
        why = f"out of time ({limit} s)" if status is None else f"ended with status {status}"
        result.failed.append((name, f"{output[-4000:]}\n{why}"))
    result.seconds = time.monotonic() - began
    return result


def run_inside(files, cpus=None):
    """All the files in one start of the kernel with ESP: a Result each, as they end. Lines of JSON come back from it."""
    limit = sum(int(marker(path, "limit", "300")) for path in files) + 60
    results_folder = ROOT / "build/test-results"  # captures and reports, to look at afterwards
    results_folder.mkdir(parents=True, exist_ok=True)
    os.environ["LAPWING_TEST_RESULTS"] = str(results_folder)
    command = [ROOT / "lab/esp-kernel", "-t", str(limit), "-m", "4G", "-w", results_folder, "--", "/usr/bin/python3", "-B",
               Path(__file__).resolve(), "--inside", results_folder, *files]
    if cpus:
        command = ["taskset", "-c", cpus, *command]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    waiting = {str(path.relative_to(ROOT)): path for path in files}
    other = []
    for line in process.stdout:
        if line.startswith("{"):
            result = Result(**json.loads(line))
            waiting.pop(result.program, None)
            yield result
        else:
            other.append(line)
    status = process.wait()
    for name in waiting:
        result = Result(name)
        result.failed.append((name, "".join(other[-20:]) + f"the kernel with ESP ended with status {status}"))
        yield result


def run_in_lanes(files):
    """User-mode Linux runs on one CPU: a kernel for each of two, with about half of the files."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    lanes = [[] for _ in cpus]
    for path in sorted(files, key=lambda path: -int(marker(path, "limit", "300"))):
        min(lanes, key=lambda lane: sum(int(marker(one, "limit", "300")) for one in lane)).append(path)
    lanes = [(str(cpu), lane) for cpu, lane in zip(cpus, lanes) if lane]
    results = queue.SimpleQueue()

    def run(cpu, lane):
        try:
            for result in run_inside(lane, cpu):
                results.put(result)
        finally:
            results.put(None)
    threads = [threading.Thread(target=run, args=lane, daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for _ in threads:
        yield from iter(results.get, None)


def report_or_repeat(results, report, where):
    """Reports the results but those that failed on a busy machine, which stalls for long moments (seen once: a replay counter
    of 1 in a test that passes otherwise): their files are returned, to run once more by themselves. Both runs are shown, and a
    defect of ours fails again."""
    again = []
    for result in results:
        if not result.failed:
            report.add(result)
            continue
        again.append(ROOT / result.program)
        print(f"  {result.program:<32} {len(result.failed)} failed {where}; once more by itself:", flush=True)
        for name, why in result.failed[:DETAILED]:
            print(f"      {name}: {(why.strip().splitlines() or ['no reason given'])[-1][:300]}")
    return again


def run_in_esp_kernel(files, report):
    status = subprocess.run([ROOT / "lab/esp-kernel", "--status"], capture_output=True, text=True).stdout
    if not status.startswith("uml"):
        for result in run_inside(files):
            report.add(result)
        return
    again = report_or_repeat(run_in_lanes(files), report, "in user-mode Linux")
    for result in run_inside(again) if again else ():
        report.add(result)


def run_on_host(files, report, folder):
    """Two files at a time: most of their time they wait."""
    if len(files) == 1:
        return report.add(run_python(files[0], folder))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        # The longest first, so that none is left over at the end.
        ordered = sorted(files, key=lambda path: -int(marker(path, "limit", "300")))
        runs = [pool.submit(run_python, path, folder) for path in ordered]
        again = report_or_repeat((run.result() for run in concurrent.futures.as_completed(runs)), report, "beside another")
    for path in again:
        report.add(run_python(path, folder))


def run_python_files(files, report):
    groups = {"host": [], "esp-kernel": []}
    for path in files:
        where = marker(path, "runs")
        if where not in groups:
            result = Result(str(path.relative_to(ROOT)))
            result.failed.append(("marker", "the file does not say '# runs: host' or '# runs: esp-kernel'"))
            report.add(result)
        else:
            groups[where].append(path)
    with tempfile.TemporaryDirectory(prefix="lapwing-tests-") as folder:
        run_on_host(groups["host"], report, folder)
    if groups["esp-kernel"]:
        run_in_esp_kernel(groups["esp-kernel"], report)


# ---- What to run ----

def select(kind, names, binaries):
    def named(found):
        return [path for path in sorted(found) if not names or any(name in path.stem for name in names)]
    if kind == "unit":
        return named([*binaries.glob("unit_*"), *binaries.glob("fuzz_*")])
    if kind == "scenarios":
        return named(binaries.glob("scenarios_*"))
    return named(ROOT.glob("tests/e2e/soak_*.py" if kind == "soak" else f"tests/{kind}/*_test.py"))


def main():
    parser = argparse.ArgumentParser(prog="tests/run")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("-v", action="store_true", dest="verbose")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="*")
    options = parser.parse_args()
    if options.inside:
        for path in options.what:
            result = run_python(Path(path), options.inside)
            print(json.dumps(result.__dict__), flush=True)
        return 0
    binaries = options.bin.resolve()
    os.environ["LAPWING_BIN"] = str(binaries)
    kinds = [what for what in options.what if what in KINDS + ("soak",)] or KINDS
    names = [what for what in options.what if what not in KINDS + ("soak",)]
    report = Report(options.verbose)
    for kind in kinds:
        found = select(kind, names, binaries)
        if not found:
            continue
        print(f"\n{kind}", flush=True)
        if kind in ("unit", "scenarios"):
            run_programs(found, report)
        else:
            run_python_files(found, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
