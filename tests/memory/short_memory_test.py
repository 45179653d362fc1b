"""An allocation that fails, anywhere, ends in an exit code: the run goes on and is right, or it is told why it does not.

A sample of the places; with MILLRACE_FULL every 20th, and a table of how the runs ended."""
import collections
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import kept_runs  # for what it does

PROGRAM = os.environ["PIPELINE_RUN"]
CONFIG = ["configs/linear_fit.yaml", "--set", "epochs=2", "--quiet", "--json"]
FULL = "MILLRACE_FULL" in os.environ


def run(**environment):
    return subprocess.run([PROGRAM, *CONFIG], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False)


@unittest.skipUnless("FAILING_ALLOCATIONS" in os.environ, "sanitizers allocate for themselves")
class OneFails(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.right = json.loads(run().stdout)["weights_sha256"]
        with tempfile.NamedTemporaryFile() as count:
            run(LD_PRELOAD=os.environ["FAILING_ALLOCATIONS"], FAIL_COUNT=count.name)
            cls.allocations = struct.unpack("q", count.read(8))[0]

    def ends_of(self, points, **more):
        """How often it ended how; the places where it died or gave something wrong."""
        ends, bad = collections.Counter(), []
        for point in points:
            try:
                process = run(LD_PRELOAD=os.environ["FAILING_ALLOCATIONS"], FAIL_AT=str(point), **more)
                end = process.returncode
            except subprocess.TimeoutExpired:
                end = "hang"
            if end == 0 and json.loads(process.stdout)["weights_sha256"] != self.right:
                end = "wrong"
            ends[end] += 1
            if end in ("hang", "wrong") or end < 0 or end > 100:
                bad.append((point, end))
        print(dict(sorted(more.items())), dict(ends), bad, file=sys.stderr)
        return bad

    def points(self, sample):
        return range(1, self.allocations, 20 if FULL else max(1, self.allocations // sample))

    def test_there_are_places_to_fail_at(self):
        self.assertGreater(self.allocations, 5000)

    def test_once(self):
        self.assertEqual(self.ends_of(self.points(25)), [])

    def test_and_all_from_there_on(self):
        self.assertEqual(self.ends_of(self.points(15), FAIL_ON="1"), [])

    def test_who_runs_out_of_it_is_told_so(self):
        process = run(LD_PRELOAD=os.environ["FAILING_ALLOCATIONS"], FAIL_AT=str(self.allocations // 2), FAIL_ON="1")
        self.assertEqual(process.returncode, 1, process.stderr)
        self.assertIn("error[out-of-memory]", process.stderr)
        self.assertEqual(json.loads(process.stdout)["exit"]["code"], 1)


if __name__ == "__main__":
    unittest.main()
