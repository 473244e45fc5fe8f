"""Runs the unittest cases of one file and writes what came of them as JSON: unittest_report.py FILE REPORT

{"passed": [[name, seconds]], "failed": [[name, why]], "skipped": [[name, why]]}; the file is complete after each test.
"""
import importlib.util
import json
import sys
import time
import unittest
from pathlib import Path


class Recorder(unittest.TestResult):
    def __init__(self, report):
        super().__init__()
        self.report, self.found, self.began = Path(report), {"passed": [], "failed": [], "skipped": []}, 0.0
        self.write()

    def write(self):
        self.report.write_text(json.dumps(self.found))

    def note(self, outcome, test, detail):
        name = getattr(test, "_testMethodName", None)
        name = f"{type(test).__name__}.{name}" if name else str(test)
        self.found[outcome].append((name, detail))
        self.write()

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        self.note("passed", test, time.monotonic() - self.began)

    def addFailure(self, test, err):
        self.note("failed", test, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.note("skipped", test, reason)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note("failed", test, f"{subtest}\n{self._exc_info_to_string(err, test)}")

    def addExpectedFailure(self, test, err):
        self.note("passed", test, time.monotonic() - self.began)

    def addUnexpectedSuccess(self, test):
        self.note("failed", test, "it passed, but is marked as an expected failure")


def main():
    path, report = Path(sys.argv[1]), sys.argv[2]
    recorder = Recorder(report)
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    unittest.defaultTestLoader.loadTestsFromModule(module).run(recorder)
    return 1 if recorder.found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
