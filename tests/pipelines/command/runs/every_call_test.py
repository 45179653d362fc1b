"""Before each system call that changes a file of a run the process is killed, and each says that the disk is full or broken: the newest
checkpoint that the journal tells of always loads, and the run goes on to the one hash.

MILLRACE_FULL=1 takes every call; without it a sample of them."""
import errno
import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from kept_training import journal
from program import PROGRAM, result_of, run

EPOCHS = 3
CONFIG = f"""version: 1
name: kept
seed: 3
epochs: {EPOCHS}
device: cpu
keep: {{every_steps: 2, last: 1}}
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 4, columns: {{x: {list(range(16))}, y: {[i % 7 for i in range(16)]}}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 4}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 2}}, dense: {{units: 1}}], loss: mse, optimizer: {{adam: {{}}}}}}}}
"""
FULL = bool(os.environ.get("MILLRACE_FULL"))
SAMPLED = 24  # of each kind of fault


class EveryCall(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.config, cls.runs = f"{cls.shared.name}/kept.yaml", f"{cls.shared.name}/runs"
        cls.folder = f"{cls.runs}/kept-1"
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        process = cls.start({"FAIL_COUNT": f"{cls.shared.name}/calls"})
        assert process.returncode == 0, process.stderr
        cls.calls = os.path.getsize(f"{cls.shared.name}/calls")
        cls.whole, cls.journal = result_of(process), journal(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    @classmethod
    def start(cls, faults, *words):
        words = words or (cls.config, "--runs", cls.runs)
        if words[0] == cls.config:
            shutil.rmtree(cls.runs, ignore_errors=True)
            os.mkdir(cls.runs)
        environment = {"LD_PRELOAD": os.environ["FAILING_CALLS"], "FAIL_BELOW": cls.runs + "/", **faults}
        return subprocess.run([PROGRAM, *words, "--json"], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}, check=False)

    def numbers(self, step=0):
        """Calls of a run: their number differs a little from run to run, with what its threads do at once."""
        last = self.calls + 2
        return range(1, last + 1) if FULL else range(1, last + 1, step or max(1, last // SAMPLED))

    def acknowledged(self):
        """Of the checkpoints that the journal tells of, the newest; None without any."""
        try:
            with open(f"{self.folder}/metrics.jsonl", encoding="utf-8") as lines:
                kept = [line for line in lines.read().split("\n")[:-1] if '"checkpoint"' in line]
        except OSError:
            return None
        return json.loads(kept[-1])["values"]["path"] if kept else None

    def require_going_on(self, number):
        if not os.path.islink(f"{self.folder}/current"):  # it never was a run; nobody was told of one
            self.assertEqual(glob.glob(f"{self.folder}/attempts/*/checkpoints/*"), [], number)
            return
        newest = self.acknowledged()
        process = run("resume", self.folder, "--json")
        self.assertEqual(process.returncode, 0, (number, process.stderr))
        self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"], number)
        self.assertEqual(journal(self.folder), self.journal, number)
        if newest is not None:
            self.assertNotIn("not used", process.stderr, number)
            self.assertNotIn("from its beginning", process.stderr, number)

    def test_killed_before_each(self):
        killed = 0
        for number in self.numbers():
            process = self.start({"FAIL_AT": str(number), "FAIL_HOW": "kill"})
            killed += process.returncode == -9
            self.assertIn(process.returncode, (0, -9), process.stderr)
            self.require_going_on(number)
        self.assertGreater(killed, len(self.numbers()) * 3 // 4)

    def test_a_resume_that_is_killed_before_each(self):
        """From the middle of an epoch: what the attempt before has left stays good until the next one counts."""
        for number in self.numbers():
            self.start({"FAIL_AT": str(self.calls * 2 // 3), "FAIL_HOW": "kill"})
            if not os.path.islink(f"{self.folder}/current"):
                continue
            process = self.start({"FAIL_AT": str(number), "FAIL_HOW": "kill"}, "resume", self.folder)
            self.assertIn(process.returncode, (0, -9), process.stderr)
            self.require_going_on(number)
            if process.returncode == 0:
                break

    def test_a_resume_behind_the_last_epoch_that_is_killed_before_each(self):
        """The epoch is told again, and its checkpoint is the only one. Between four of the calls its line was once missing."""
        for number in self.numbers(step=3):
            self.start({})
            os.remove(f"{self.folder}/summary.json")
            process = self.start({"FAIL_AT": str(number), "FAIL_HOW": "kill"}, "resume", self.folder)
            self.assertIn(process.returncode, (0, -9), process.stderr)
            if process.returncode == 0:
                break
            self.require_going_on(number)

    def require_told(self, process, number):
        """Nothing is lost silently: either all that counts was written, or the run says by name what was not."""
        self.assertIn(process.returncode, (0, 7), (number, process.stderr))
        if process.returncode == 0:
            self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"], number)
        else:
            self.assertIn("error[", process.stderr, number)

    def test_a_disk_that_is_full_from_each_on(self):
        for number in self.numbers():
            process = self.start({"FAIL_AT": str(number), "FAIL_HOW": str(errno.ENOSPC), "FAIL_ON": "1"})
            self.require_told(process, number)
            self.require_going_on(number)

    def test_a_disk_that_fails_once_at_each(self):
        for number in self.numbers():
            process = self.start({"FAIL_AT": str(number), "FAIL_HOW": str(errno.EIO)})
            self.require_told(process, number)
            self.require_going_on(number)


if __name__ == "__main__":
    unittest.main()
