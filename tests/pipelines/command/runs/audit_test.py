"""`audit`: a run's journal proves that each epoch used each row exactly once, and a planted drop is found and named."""
import glob
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from npy_files import write_npy
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

    def journal(self, name="kept-1"):
        return os.path.realpath(f"{self.runs}/{name}/metrics.jsonl")

    def lines(self):
        with open(self.journal(), encoding="utf-8") as file:
            return file.readlines()

    def write_lines(self, lines):
        with open(self.journal(), "w", encoding="utf-8") as file:
            file.writelines(lines)

    def require_failed(self, *said):
        process = self.audit()
        self.assertEqual((process.returncode, process.stdout), (4, ""), process.stderr)
        self.assertIn("error[audit-failed]", process.stderr)
        for text in said:
            self.assertIn(text, process.stderr)
        self.assertFalse(result_of(self.audit("kept-1", "--json"))["passed"])

    def of_epoch(self, line, epoch, kind=""):
        told = json.loads(line)
        return told["epoch"] == epoch and told["kind"].startswith(kind)

    def test_an_epoch_that_the_journal_has_lost_fails(self):
        self.train()
        whole = self.lines()
        self.write_lines(line for line in whole if not self.of_epoch(line, 2))
        self.require_failed("epoch 2: the journal does not say that it has ended")
        self.write_lines(line for line in whole if not self.of_epoch(line, 3))
        self.require_failed("epoch 3: the journal does not say that it has ended")
        self.write_lines([])
        self.require_failed(*(f"epoch {epoch}: the journal does not say that it has ended" for epoch in (1, 2, 3)))
        os.remove(f"{self.runs}/kept-1/summary.json")
        self.require_failed("epoch 3: the journal does not say that it has ended")
        for path in glob.glob(f"{self.runs}/kept-1/current/checkpoints/*"):
            os.remove(path)
        self.require_failed("no epoch of 3 has ended, so there is nothing to look at")

    def test_a_bad_line_in_the_middle_is_damage_for_everybody(self):
        self.train()
        self.train()
        lines = self.lines()
        at = next(i for i, line in enumerate(lines) if self.of_epoch(line, 2, "epoch"))
        lines[at] = "X" + lines[at]
        self.write_lines(lines)
        said = f"damaged: line {at + 1} is none, and {len(lines) - at - 1} whole lines stand behind it"
        self.require_failed(said, "epoch 2: the journal does not say that it has ended")
        self.assertIn(said, result_of(self.audit("kept-1", "--json"))["damaged"])
        process = run("diff", "kept-1", "kept-2", "--runs", self.runs)
        self.assertEqual(process.returncode, 4)
        self.assertIn("error[journal-damaged]", process.stderr)
        self.assertIn(said, process.stderr)
        for verb in ("runs", "report", "compare"):
            names = {"runs": [], "report": ["kept-1"], "compare": ["kept-1", "kept-2"]}[verb]
            process = run(verb, *names, "--runs", self.runs)
            self.assertEqual(process.returncode, 0, process.stderr)
            told = " ".join((process.stdout + process.stderr).split())
            self.assertIn("warning[journal-damaged]", told)
            self.assertIn(said, told)
            self.assertIn(said, run(verb, *names, "--runs", self.runs, "--json").stdout)
        process = run("export", "kept-1", "--runs", self.runs, "--format", "safetensors", "-o", f"{self.runs}/x.safetensors")
        self.assertIn("error[journal-damaged]", process.stderr)
        process = run("peek", f"{self.runs}/kept-1", "try.metrics", "--at", "3:1")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn(said, process.stderr)
        self.write_lines(lines)
        os.remove(f"{self.runs}/kept-1/summary.json")
        process = run("resume", "kept-1", "--runs", self.runs)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn(said, process.stderr)
        self.require_passed(3)

    def write_rows(self, rows):
        write_npy(f"{self.runs}/x.npy", "f", [len(rows), 1], rows)
        write_npy(f"{self.runs}/y.npy", "f", [len(rows), 1], [2 * row if row < 1e9 else 1 for row in rows])

    def train_from_files(self, rows, on_nan="stop", rate=0.01):
        self.write_rows(rows)
        path = f"{self.runs}/kept.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""version: 1
name: kept
epochs: 3
device: cpu
graph:
  rows:    {{stage: npy_loader, with: {{inputs: {self.runs}/x.npy, targets: {self.runs}/y.npy}}}}
  batches: {{stage: batcher, in: {{inputs: rows.inputs, targets: rows.targets}}, with: {{batch_size: 2}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 1}}], loss: mse, optimizer: {{sgd: {{learning_rate: {rate}}}}}, on_nan: {on_nan}}}}}
""")
        process = run(path, "--runs", self.runs, "--quiet")
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_data_that_have_changed_since_are_blamed_and_not_the_run(self):
        rows = [0.1, 0.4, 0.2, 0.8, 0.3, 0.6]
        self.train_from_files(rows)
        self.assertIn("each exactly once in each of 3 epochs", self.audit().stdout)
        for now in (rows[:4], rows[:5] + [0.7]):
            self.write_rows(now)
            self.require_failed("which are not what they were", "data of `rows` is", "put back what has changed")
            self.assertEqual(len(result_of(self.audit("kept-1", "--json"))["changed"]), 1)
        self.write_rows(rows)
        self.assertEqual(self.audit().returncode, 0)
        with open(f"{self.runs}/kept-1/config.yaml", encoding="utf-8") as file:
            config = file.read()
        with open(f"{self.runs}/kept-1/config.yaml", "w", encoding="utf-8") as file:
            file.write(config.replace("batch_size: 2", "batch_size: 3"))
        self.require_failed("the config's hash is")

    def test_steps_that_were_left_out_are_named(self):
        self.train_from_files([0.1, 0.4, 0.2, 0.8, 1e30, 0.6], "skip")
        process = self.audit()
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("each handed over exactly once in each of 3 epochs, and not all of them trained", process.stdout)
        for epoch in (1, 2, 3):
            self.assertIn(f"epoch {epoch}: 1 step was left out, being not finite (on_nan: skip)", process.stdout)
        node, = result_of(self.audit("kept-1", "--json"))["nodes"]
        self.assertEqual(node["left_out"], [{"epoch": epoch, "skipped_steps": 1, "rollbacks": 0} for epoch in (1, 2, 3)])

    def test_an_epoch_that_was_gone_back_in_is_named(self):
        self.train_from_files([float(i % 10) for i in range(400)], "rollback", 0.2)
        process = self.audit()
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertRegex(process.stdout, r"epoch \d: went back (once|\d times), which undid what it had taken of that epoch \(on_nan: rollback\)")

    def test_a_run_that_was_stopped_is_audited_as_far_as_it_came(self):
        path = self.write(epochs=100000)
        process = subprocess.Popen([PROGRAM, path, "--runs", self.runs, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(glob.glob(f"{self.runs}/kept-1/attempts/*/checkpoints/*")) < 50:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.wait()
        found = result_of(self.audit("kept-1", "--json"))
        self.assertTrue(found["passed"], found)
        ended = max(json.loads(line)["epoch"] for line in self.lines() if json.loads(line)["kind"] == "epoch")
        self.assertEqual(found["epochs"], ended)


if __name__ == "__main__":
    unittest.main()
