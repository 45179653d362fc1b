"""Warnings: what runs and is probably not meant. Told, counted, and errors where --strict asks for it."""
import json
import os
import pathlib
import struct
import tempfile
import unittest
import unittest.mock

from program import result_of, run

LINE = "tests/bad_configs/accuracy_of_a_line.yaml"
OVERLAP = "tests/bad_configs/measured_on_what_it_learned.yaml"
SHIPPED = ["mnist_mlp", "linear_fit", "mnist_mlp_augmented", "mnist_mlp_3way", "colors_onehot"]

# Columns of probabilities, of which one row is none.
SUMS = """version: 1
name: sums
device: cpu
epochs: 2
graph:
  table: {stage: table_source, with: {columns: {x: [1, 2, 3, 4], y: [[1, 0], [0.5, 0.5], [0, 1], [1, 1]]}}}
  batches: {stage: batcher, in: {inputs: table.x, targets: table.y}, with: {batch_size: 3}}
  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 2, activation: softmax}], loss: categorical_crossentropy}}
  log: {stage: metrics_sink, in: {train: learn.metrics}}
"""

# Bytes as they come, into a trainer and into what measures its model.
UNSCALED = """version: 1
device: cpu
graph:
  train: {stage: idx_loader, with: {dataset: mnist, split: train}}
  rows: {stage: flatten, in: train.images}
  classes: {stage: one_hot, in: train.labels, with: {classes: 10}}
  batches: {stage: batcher, in: {inputs: rows, targets: classes}, with: {batch_size: 32}}
  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 10, activation: softmax}], loss: categorical_crossentropy}}
  other: {stage: idx_loader, with: {dataset: mnist, split: test}}
  other_rows: {stage: flatten, in: other.images}
  other_classes: {stage: one_hot, in: other.labels, with: {classes: 10}}
  other_batches: {stage: batcher, in: {inputs: other_rows, targets: other_classes}, with: {batch_size: 32}}
  test: {stage: evaluator, in: {data: other_batches, model: learn.model}}
  log: {stage: metrics_sink, in: {train: learn.metrics, test: test.metrics}}
"""

# Targets of a file of floats, whose range nobody knows before they flow.
OPEN = """version: 1
name: open
device: cpu
epochs: 2
graph:
  rows: {{stage: idx_loader, with: {{images: {inputs}, labels: {targets}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.images, targets: rows.labels}}, with: {{batch_size: 2}}}}
  learn: {{stage: trainer, in: batches, with: {{model: [dense: {{units: 1, activation: sigmoid}}], loss: binary_crossentropy}}}}
  log: {{stage: metrics_sink, in: {{train: learn.metrics}}}}
"""


class Check(unittest.TestCase):
    def setUp(self):
        """MNIST seems to be here: check looks for its files and does not open them, and where they are missing it warns of that."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        files = pathlib.Path(folder.name) / "mnist"
        files.mkdir()
        for stem in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
            (files / stem).touch()
        self.enterContext(unittest.mock.patch.dict(os.environ, MILLRACE_DATA_DIR=folder.name))

    def test_warnings_are_told_with_their_place_and_counted(self):
        process = run("check", LINE)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("no errors, 2 warnings, 9 nodes", process.stdout)
        self.assertIn("warning[accuracy-of-a-regression]", process.stderr)
        self.assertIn(f"--> {LINE}:8:101", process.stderr)
        self.assertIn("^^^^^^^^", process.stderr)
        self.assertIn("= help: ", process.stderr)

    def test_they_stand_beside_the_errors_in_json(self):
        result = result_of(run("check", "--json", LINE))
        self.assertEqual((result["errors"], result["exit"]["code"]), ([], 0))
        self.assertEqual([(w["name"], w["line"], w["column"]) for w in result["warnings"]],
                         [("accuracy-of-a-regression", 8, 101), ("accuracy-of-a-regression", 12, 96)])

    def test_strict_makes_them_errors(self):
        for verb in (["check"], ["plan"], ["show"], ["graph"], []):
            process = run(*verb, LINE, "--strict")
            self.assertEqual(process.returncode, 3, verb)
            self.assertIn("error[accuracy-of-a-regression]", process.stderr)
            self.assertIn("a warning without `--strict`", process.stderr)
            self.assertIn("2 errors", process.stderr)
            self.assertEqual(process.stdout, "")

    def test_other_verbs_tell_them_and_print_what_they_print(self):
        for verb in ("plan", "show", "graph"):
            process = run(verb, LINE)
            self.assertEqual((process.returncode, process.stderr.count("warning[")), (0, 2), verb)
            self.assertNotIn("warning", process.stdout)

    def test_rows_that_train_and_evaluate_are_named_with_both_nodes(self):
        process = run("check", OVERLAP)
        self.assertEqual(process.returncode, 0)
        self.assertIn("node `valid` (idx_loader): rows 50000 to 59999 of data set `mnist`, split train", process.stderr)
        for free in ("train.rows=[0, 50000]", "valid.split=test"):
            more = ["--set", "valid.rows=[0, 10000]"] if "split" in free else []
            self.assertIn("no errors, 13 nodes", run("check", OVERLAP, "--set", free, *more).stdout)

    def test_what_a_trainer_and_its_evaluator_see_alike_is_told_once_with_both_nodes(self):
        process = run("check", "-", input=UNSCALED)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("no errors, 1 warning, 11 nodes", process.stdout)
        self.assertIn("nodes `learn` (trainer) and `test` (evaluator): `inputs` are bytes in [0, 255]", process.stderr)
        self.assertIn("= note: the same at node `test` (evaluator): <stdin>:13:39", process.stderr)
        warning, = result_of(run("check", "-", "--json", input=UNSCALED))["warnings"]
        self.assertEqual((warning["name"], warning["line"], warning["column"]), ("inputs-not-scaled", 8, 31))
        self.assertEqual(run("check", "-", "--strict", input=UNSCALED).stderr.count("error[inputs-not-scaled]"), 1)

    def test_digits_that_name_classes_are_none_of_it(self):
        config = ("version: 1\ngraph:\n  t: {stage: table_source, with: {columns: {x: [1, 2], y: [\"3\", \"8\"]}}}\n"
                  "  o: {stage: one_hot, in: t.y, with: {classes: [\"3\", \"8\"]}}\n"
                  "  b: {stage: batcher, in: {inputs: t.x, targets: o}, with: {batch_size: 2}}\n"
                  "  l: {stage: trainer, in: b, with: {model: [dense: {units: 2, activation: softmax}], loss: categorical_crossentropy}}\n")
        process = run("check", "-", "--strict", input=config)
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_labels_of_files_may_reach_further_in_one_part_than_in_another(self):
        with tempfile.TemporaryDirectory() as folder:
            for part, last in (("train", 9), ("valid", 7)):
                pathlib.Path(folder, f"{part}-images").write_bytes(struct.pack(">HBBIII", 0, 8, 3, 4, 1, 2) + bytes(8))
                pathlib.Path(folder, f"{part}-labels").write_bytes(struct.pack(">HBBI", 0, 8, 1, 4) + bytes([0, 1, 2, last]))
            parts = "".join(
                f"  {p}: {{stage: idx_loader, with: {{images: {folder}/{p}-images, labels: {folder}/{p}-labels}}}}\n"
                f"  {p}_x: {{chain: rows, in: {p}.images}}\n  {p}_y: {{chain: rows, in: {p}.labels}}\n"
                f"  {p}_b: {{stage: batcher, in: {{inputs: {p}_x, targets: {p}_y}}, with: {{batch_size: 2}}}}\n" for p in ("train", "valid"))
            config = ("version: 1\nchains: {rows: [flatten, normalize: {scale: 1/16}]}\ngraph:\n" + parts +
                      "  l: {stage: trainer, in: train_b, with: {model: [dense: {units: 1}], loss: mse}}\n"
                      "  e: {stage: evaluator, in: {data: valid_b, model: l.model}}\n")
            process = run("check", "-", "--strict", input=config)
            self.assertEqual(process.returncode, 0, process.stderr)

    def test_the_configs_that_come_along_have_none(self):
        for name in SHIPPED:
            process = run("check", "--strict", f"configs/{name}.yaml")
            self.assertEqual(process.returncode, 0, process.stderr)  # a plugin that it names is told of there
            self.assertNotIn("warning", process.stdout)


class Run(unittest.TestCase):
    def test_they_change_neither_the_result_nor_the_exit_code(self):
        process = run(LINE, "--json")
        result = result_of(process)
        self.assertEqual((process.returncode, result["exit"]["reason"]), (0, "done"))
        self.assertEqual([w["name"] for w in result["warnings"]], ["accuracy-of-a-regression"] * 2)
        self.assertIn("\n2 warnings\n", process.stderr)
        self.assertNotIn("test_accuracy", json.dumps(result))
        self.assertEqual(run(LINE, "--quiet").stderr, "")

    def test_what_a_stage_warns_of_while_it_runs_is_told_once_and_counted(self):
        process = run("-", "--json", input=SUMS)
        result = result_of(process)
        self.assertEqual((process.returncode, result["failures"]), (0, []), process.stderr)
        warning, = result["warnings"]
        self.assertEqual((warning["name"], warning["node"], warning["line"], warning["count"]), ("target-sum", "learn", 8, 2))
        self.assertIn("sample 3 has targets that sum to 2", warning["message"])
        self.assertEqual(process.stderr.count("warning[target-sum]"), 1)
        self.assertIn("\n1 warning\n", process.stderr)

    def test_under_strict_it_ends_the_run_at_its_batch(self):
        process = run("-", "--json", "--strict", input=SUMS)
        failure, = result_of(process)["failures"]
        self.assertEqual((process.returncode, failure["name"], failure["node"]), (1, "target-sum", "learn"))

    def test_a_target_that_the_loss_cannot_be_taken_of_is_told_with_its_sample(self):
        with tempfile.TemporaryDirectory() as folder:
            inputs, targets = pathlib.Path(folder, "inputs"), pathlib.Path(folder, "targets")
            inputs.write_bytes(struct.pack(">HBBII", 0, 0x0D, 2, 6, 1) + struct.pack(">6f", 1, 2, 3, 4, 5, 6))
            targets.write_bytes(struct.pack(">HBBII", 0, 0x0D, 2, 6, 1) + struct.pack(">6f", 0, 1, 0, 1, 9, 0))
            process = run("-", "--json", input=OPEN.format(inputs=inputs, targets=targets))
        self.assertEqual(process.returncode, 4, process.stderr)
        failure, = result_of(process)["failures"]
        self.assertEqual((failure["name"], failure["node"], failure["epoch"], failure["batch"]), ("target-out-of-range", "learn", 1, 3))
        self.assertIn("sample 4 has the target 9", failure["message"])


if __name__ == "__main__":
    unittest.main()
