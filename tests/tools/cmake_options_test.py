#!/usr/bin/env python3
"""An option of the build that takes a few words refuses any other."""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Options(unittest.TestCase):
    def configure(self, option):
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(["cmake", "-S", ROOT, "-B", folder, option], capture_output=True, text=True, check=False)

    def test_another_word_is_refused_with_the_words_there_are(self):
        for option, words in [("MILLRACE_WITH_MPI", "AUTO, ON, OFF"), ("MILLRACE_SANITIZER", "none, address, thread")]:
            done = self.configure(f"-D{option}=yes")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(f"{option} is `yes`; it takes one of: {words}", " ".join(done.stderr.split()))

    def test_the_release_preset_brings_the_tests_also_where_quickstart_has_left_them_out(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["cmake", "--preset", "release", "-N", "-B", folder], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertIn('MILLRACE_BUILD_TESTS="ON"', done.stdout)


if __name__ == "__main__":
    unittest.main()
