"""`audit`: a run's journal proves that each epoch used each row exactly once, and a planted drop is found and named."""
import glob
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from program import PROGRAM, result_of, run

THIEF = os.environ["ROW_THIEF_PLUGIN"]
ROWS = 60


def config(thief="", batches="batches", epochs=3, rows=ROWS):
    return f"""version: 1
name: kept
seed: 3
epochs: {epochs}
device: cpu
keep: {{every_steps: 2, last: 100}}
plugins: [{THIEF}]
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 8, columns: &rows {{x: {list(range(rows))}, y: {[i % 7 for i in range(rows)]}}}}}}}
  small:   {{stage: normalize, in: rows.x, with: {{scale: 1/400}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: rows.y}}, with: {{batch_size: 4}}}}
  {thief}
  learn:   {{stage: trainer, in: {batches}, with: {{model: [dense: {{units: 1}}], loss: mse, optimizer: {{adam: {{}}}}}}}}
  all:     {{stage: table_source, with: {{columns: *rows}}}}
  same:    {{stage: normalize, in: all.x, with: {{scale: 1/400}}}}
  tests:   {{stage: batcher, in: {{inputs: same, targets: all.y}}, with: {{batch_size: 16}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss]}}}}
"""


class Audit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs = folder.name

    def write(self, *arguments, **more):
        path = f"{self.runs}/kept.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(config(*arguments, **more))
        return path

    def train(self, *arguments, **more):
        process = run(self.write(*arguments, **more), "--runs", self.runs, "--quiet")
        self.assertEqual(process.returncode, 0, process.stderr)

    def audit(self, name="kept-1", *arguments):
        return run("audit", name, "--runs", self.runs, *arguments)

    def require_passed(self, epochs, name="kept-1", rows=ROWS):
        process = self.audit(name, "--json")
        self.assertEqual(process.returncode, 0, process.stderr + process.stdout)
        found = result_of(process)
        self.assertTrue(found["passed"])
        self.assertEqual([(node["node"], node["rows"], node["epochs"]) for node in found["nodes"]],
                         [("learn", rows, epochs), ("try", rows, epochs)])

    def thief(self, fault, row=17):
        return f"thief: {{stage: row_thief, in: batches, with: {{fault: {fault}, row: {row}}}}}"

    def fault(self, **wanted):
        process = self.audit("kept-1", "--json")
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("error[audit-failed]", process.stderr)
        found = result_of(process)
        self.assertFalse(found["passed"])
        faults = next(node for node in found["nodes"] if node["node"] == "learn")["faults"]
        self.assertEqual([(fault["epoch"], fault["missing"], fault["doubled"]) for fault in faults],
                         [(2, wanted.get("missing", []), wanted.get("doubled", []))])
        return process.stderr

    def test_a_run_used_each_row_once(self):
        self.train()
        self.require_passed(3)
        self.assertIn("60 rows of `rows` (0 to 59), each exactly once in each of 3 epochs", self.audit().stdout)

    def test_a_dropped_row_is_named(self):
        self.train(self.thief("drop"), "thief")
        told = self.fault(missing=[17])
        self.assertIn("epoch 2: `learn` took 59 rows, `rows` has 60 rows: row 17 is missing", told)
        self.assertIn("stands `thief` (row_thief), which may drop rows", told)

    def test_a_doubled_row_is_named(self):
        self.train(self.thief("double"), "thief")
        self.fault(doubled=[17])

    def test_a_row_in_place_of_another_is_named(self):
        self.train(self.thief("swap"), "thief")
        process = self.audit("kept-1", "--json")
        fault, = result_of(process)["nodes"][0]["faults"]
        self.assertEqual((fault["missing"], len(fault["doubled"])), ([17], 1))

    def test_an_honest_stage_that_might_drop_rows_passes(self):
        self.train(self.thief("drop", 1000), "thief")
        self.require_passed(3)

    def test_a_run_that_was_killed_and_went_on(self):
        path, folder = self.write(epochs=40), f"{self.runs}/kept-1"
        process = subprocess.Popen([PROGRAM, path, "--runs", self.runs, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(glob.glob(f"{folder}/attempts/*/checkpoints/*-batch-*")) < 2:
            time.sleep(0.001)
        process.kill()
        process.wait()
        self.assertEqual(run("resume", "kept-1", "--runs", self.runs, "--quiet").returncode, 0)
        self.require_passed(40)

    def test_in_the_middle_of_an_epoch(self):
        self.train(rows=2000)
        folder = f"{self.runs}/kept-1"
        os.remove(f"{folder}/summary.json")
        middle = sorted(glob.glob(f"{folder}/checkpoints/*-batch-*"))[-1]
        for path in glob.glob(f"{folder}/checkpoints/*"):
            if path > middle:
                os.remove(path)
        process = run("resume", "kept-1", "--runs", self.runs)
        self.assertIn("goes on behind batch", process.stderr)
        self.assertEqual(process.returncode, 0)
        self.require_passed(3, rows=2000)

    def test_stopped_by_a_signal(self):
        path = self.write(epochs=300)
        process = subprocess.Popen([PROGRAM, path, "--runs", self.runs, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not glob.glob(f"{self.runs}/kept-1/attempts/*/checkpoints/*"):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.wait()
        self.assertEqual(run("resume", "kept-1", "--runs", self.runs, "--quiet").returncode, 0)
        self.require_passed(300)

    def test_a_child_has_its_own_epochs(self):
        self.train()
        self.assertEqual(run("resume", "kept-1", "--runs", self.runs, "--quiet", "--set", "epochs=5").returncode, 0)
        self.require_passed(2, "kept-2")
        self.assertIn("3 epochs of the parent are audited there", self.audit("kept-2").stdout)

    def test_a_journal_without_an_account_proves_nothing(self):
        self.train()
        path = os.path.realpath(f"{self.runs}/kept-1/metrics.jsonl")
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(line for line in lines if json.loads(line)["kind"] != "rows" or json.loads(line)["epoch"] != 3)
        process = self.audit()
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("epoch 3: the journal does not say which rows `learn` took", process.stderr)


if __name__ == "__main__":
    unittest.main()
