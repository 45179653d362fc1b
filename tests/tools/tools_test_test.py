#!/usr/bin/env python3
"""tools/test with stand-ins for what it calls: a check that was not made is never counted as passed."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "test"


class ToolsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("bin", "tools"):
            (self.root / name).mkdir()
        shutil.copy(SCRIPT, self.root / "tools")
        self.stand_in("tools/install_packages", "")
        self.stand_in("tools/format", "exit ${MISLAID:-0}")
        self.stand_in("bin/cmake", "")
        self.stand_in("bin/ctest", "echo '100% tests passed, 0 tests failed out of 3'")

    def stand_in(self, name, text):
        (self.root / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (self.root / name).chmod(0o755)

    def start(self, *arguments, clang_format, **more):
        self.stand_in("bin/clang-format", f"echo 'Debian clang-format version {clang_format}'")
        environment = {**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}", **more}
        done = subprocess.run([self.root / "tools" / "test", *arguments], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_the_format_check_alone_ends_as_the_check_does(self):
        self.assertEqual(self.start("--format", clang_format="14.0.6"), (0, "1 passed, 0 failed, 0 skipped"))
        self.assertEqual(self.start("--format", clang_format="14.0.6", MISLAID="1"), (1, "0 passed, 1 failed, 0 skipped"))

    def test_the_format_check_alone_fails_where_it_cannot_be_made(self):
        self.assertEqual(self.start("--format", clang_format="19.1.7"), (1, "0 passed, 0 failed, 1 skipped"))

    def test_among_other_checks_it_is_counted_as_skipped(self):
        self.assertEqual(self.start(clang_format="14.0.6"), (0, "6 passed, 0 failed, 0 skipped"))
        self.assertEqual(self.start(clang_format="19.1.7"), (0, "5 passed, 0 failed, 1 skipped"))

    def test_a_client_that_is_not_to_be_had_is_told_and_counted_as_skipped(self):
        (self.root / "tests" / "web").mkdir(parents=True)
        for code, counts in (("0", "4 passed, 0 failed, 0 skipped"), ("77", "3 passed, 0 failed, 1 skipped"), ("1", "3 passed, 1 failed, 0 skipped")):
            self.stand_in("tests/web/onnx_runtime_test.py", f"echo 'SKIPPED: no npm'; exit {code}")
            self.stand_in("tests/web/report_page_test.py", "echo 4 pages")
            self.assertEqual(self.start("--web", clang_format="14.0.6"), (1 if code == "1" else 0, counts))


if __name__ == "__main__":
    unittest.main()
