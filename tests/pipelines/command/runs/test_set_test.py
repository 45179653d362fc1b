"""`test`: a set that no training sees, evaluated when the run has ended, with a ledger of who has looked."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from npy_files import write_npy
from program import PROGRAM, result_of, run

TRAINED = """version: 1
name: kept
seed: 3
epochs: 4
device: cpu
graph:
  points:  {stage: table_source, role: train, with: {shuffle: true, columns: {x: [1, 2, 3, 4, 5, 6], y: [3, 5, 7, 9, 11, 13]}}}
  batches: {stage: batcher, in: {inputs: points.x, targets: points.y}, with: {batch_size: 2}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
  others:  {stage: table_source, role: validation, with: {columns: {x: [1.5, 2.5], y: [4, 6]}}}
  valid:   {stage: batcher, in: {inputs: others.x, targets: others.y}, with: {batch_size: 2}}
  try:     {stage: evaluator, in: {data: valid, model: learn.model}, with: {metrics: [loss]}}
"""
TESTED = """  final:   {stage: table_source, role: test, with: {columns: {x: [7, 8], y: [15, 17]}}}
  tests:   {stage: batcher, in: {inputs: final.x, targets: final.y}, with: {batch_size: 2}}
  judge:   {stage: evaluator, in: {data: tests, model: learn.model}, with: {metrics: [loss, mae]}}
"""


class TestSet(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs = folder.name

    def write(self, text, name="kept"):
        path = f"{self.runs}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def train(self, text=TRAINED + TESTED, *arguments):
        process = run(self.write(text), "--runs", self.runs, "--json", *arguments)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def command(self, verb, *arguments):
        return run(verb, *arguments, "--runs", self.runs)

    def look_at(self, *arguments):
        process = self.command("test", "kept-1", "--json", *arguments)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def ledger(self):
        with open(f"{self.runs}/kept-1/test_ledger.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_no_training_sees_it(self):
        with_test, without = self.train(), self.train(TRAINED)
        self.assertEqual(with_test["weights_sha256"], without["weights_sha256"])
        self.assertEqual(with_test["epochs"][-1].keys(), without["epochs"][-1].keys())
        self.assertIn("val_loss", with_test["epochs"][-1])
        with open(f"{self.runs}/kept-1/summary.json", encoding="utf-8") as file:
            names = json.load(file)["nodes"]
        self.assertIn("valid", names)
        self.assertFalse({"final", "tests", "judge"} & set(names))

    def test_it_is_evaluated_as_its_rows_say(self):
        self.train()
        found = self.look_at()
        # What the validation says on the same rows is what the test says.
        same = TRAINED.replace("x: [1.5, 2.5], y: [4, 6]", "x: [7, 8], y: [15, 17]")
        epochs = self.train(same)["epochs"]
        self.assertEqual(found["metrics"]["test_loss"], epochs[-1]["val_loss"])
        self.assertEqual(set(found["metrics"]), {"test_loss", "test_mae"})
        self.assertEqual(found["epoch"], 4)

    def test_each_look_is_written_down_and_shown(self):
        self.train()
        first = self.look_at()
        self.assertEqual(first["consulted"], 1)
        second = self.command("test", "kept-1")
        self.assertRegex(second.stdout, r"epoch 4 \(attempts/1/checkpoints/epoch-0004.safetensors\)\n  test_loss +\d")
        self.assertRegex(second.stdout, r"test set consulted 2 times: 2\S+Z, 2\S+Z\n")
        third = self.look_at("--checkpoint", "best")
        self.assertEqual(third["consulted"], 3)
        self.assertEqual([line["batch"] for line in self.ledger()], [1, 2, 3])
        self.assertIn("consulted 3 times", self.command("report", "kept-1").stdout)
        report = result_of(self.command("report", "kept-1", "--json"))
        self.assertEqual((report["test_set"]["consulted"], len(report["test_set"]["ledger"])), (3, 3))
        with open(f"{self.runs}/kept-1/report.html", encoding="utf-8") as page:
            self.assertIn("consulted 3 times", page.read())
        listed, = result_of(self.command("runs", "--json"))["runs"]
        self.assertEqual(listed["test_set_consulted"], 3)

    def test_a_look_behind_a_damaged_line_is_not_lost(self):
        self.train()
        for _ in range(3):
            self.look_at()
        path = f"{self.runs}/kept-1/test_ledger.jsonl"
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        lines[1] = lines[1].replace('"kind"', '"kinc"')
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines)
        process = self.command("test", "kept-1")
        self.assertEqual((process.returncode, process.stdout), (4, ""))
        self.assertIn("error[journal-damaged]", process.stderr)
        self.assertIn("line 2 is none, and 1 whole line stands behind it", process.stderr)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.readlines(), lines)
        told = " ".join(self.command("report", "kept-1").stdout.split())
        self.assertIn("consulted 2 times", told)
        self.assertIn("line 2 is none, and 1 whole line stands behind it", told)
        self.assertIn("warning[journal-damaged]", self.command("runs").stderr)

    def write_test_rows(self, rows):
        for name, column in (("x", 0), ("y", 1)):
            write_npy(f"{self.runs}/{name}.npy", "f", [len(rows), 1], [row[column] for row in rows])

    def test_a_look_at_other_data_is_told(self):
        self.write_test_rows([(7, 15), (8, 17)])
        source = f"{{stage: npy_loader, role: test, with: {{inputs: {self.runs}/x.npy, targets: {self.runs}/y.npy}}}}"
        tested = TESTED.replace("{stage: table_source, role: test, with: {columns: {x: [7, 8], y: [15, 17]}}}", source)
        self.train(TRAINED + tested.replace("final.x", "final.inputs").replace("final.y", "final.targets"))
        for _ in range(2):
            process = self.command("test", "kept-1")
            self.assertEqual(process.returncode, 0, process.stderr)
            self.assertNotIn("warning", process.stderr)
        self.write_test_rows([(7, 15), (8, 18)])
        process = self.command("test", "kept-1")
        self.assertEqual(process.returncode, 0, process.stderr)
        said = "looks 1, 2 were at other data, or with another config, than the last"
        self.assertIn("warning[test-set-changed]: " + said, process.stderr)
        self.assertIn(said, " ".join(self.command("report", "kept-1").stdout.split()))
        digests = [line["values"]["test_set_sha256"] for line in self.ledger()]
        self.assertEqual((digests[0] == digests[1], digests[1] == digests[2]), (True, False))

    def test_a_checkpoint_of_another_run_is_refused(self):
        self.train()
        self.train(TRAINED + TESTED, "--set", "seed=4")
        name = "attempts/1/checkpoints/epoch-0004.safetensors"
        process = self.command("test", "kept-1", "--checkpoint", f"{self.runs}/kept-2/{name}")
        self.assertEqual((process.returncode, process.stdout), (4, ""))
        self.assertIn("error[checkpoint-foreign]", process.stderr)
        self.assertIn("it is one of run `", process.stderr)
        self.assertFalse(os.path.exists(f"{self.runs}/kept-1/test_ledger.jsonl"))
        shutil.copy(f"{self.runs}/kept-2/{name}", f"{self.runs}/copy.safetensors")
        process = self.command("test", "kept-1", "--checkpoint", f"{self.runs}/copy.safetensors")
        self.assertIn("error[checkpoint-foreign]", process.stderr)
        self.assertEqual(self.look_at("--checkpoint", f"{self.runs}/kept-1/{name}")["consulted"], 1)
        self.assertEqual(self.command("test", "kept-2", "--checkpoint", f"{self.runs}/copy.safetensors").returncode, 0)

    def test_runs_are_compared_by_it(self):
        self.train()
        self.train()
        self.look_at()
        process = self.command("compare", "kept-1", "kept-2")
        self.assertRegex(process.stdout, r"test_loss \(looks\) +\S+ \(1\) +-")
        found = result_of(self.command("compare", "kept-1", "kept-2", "--json"))
        self.assertEqual([run.get("test_set", {}).get("consulted") for run in found["runs"]], [1, None])

    def test_two_looks_at_once_are_both_written_down(self):
        self.train()
        looks = [subprocess.Popen([PROGRAM, "test", "kept-1", "--runs", self.runs], stdout=subprocess.DEVNULL) for _ in range(4)]
        self.assertEqual([look.wait() for look in looks], [0] * 4)
        self.assertEqual([line["batch"] for line in self.ledger()], [1, 2, 3, 4])

    def test_a_run_without_one_is_told_how_one_is_written(self):
        self.train(TRAINED)
        process = self.command("test", "kept-1")
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("error[no-test-set]", process.stderr)
        self.assertIn("role: test", process.stderr)
        self.assertFalse(os.path.exists(f"{self.runs}/kept-1/test_ledger.jsonl"))

    def test_a_run_that_goes_on_is_not_looked_at(self):
        path = self.write((TRAINED + TESTED).replace("epochs: 4", "epochs: 1000000"))
        process = subprocess.Popen([PROGRAM, path, "--runs", self.runs, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while process.poll() is None and not os.path.exists(f"{self.runs}/kept-1/current"):
                pass
            refused = self.command("test", "kept-1")
            self.assertIn("run-in-use", refused.stderr)
            self.assertNotEqual(refused.returncode, 0)
        finally:
            process.kill()
            process.wait()

    def test_a_sink_gives_it_a_name_and_the_training_does_without(self):
        text = TRAINED + TESTED + "  log:     {stage: metrics_sink, in: {train: learn.metrics, valid: try.metrics, held_out: judge.metrics}}\n"
        result = self.train(text)
        self.assertNotIn("held_out_loss", result["epochs"][-1])
        self.assertIn("held_out_loss", self.look_at()["metrics"])

    def test_the_three_sets_of_the_headline_config_are_checked(self):
        process = run("plan", "mnist_mlp_3way", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertNotIn('"final"', process.stdout)


if __name__ == "__main__":
    unittest.main()
