"""`predict` and `peek` where the answer would be wrong or something would be lost: refused or warned of, and nothing is damaged."""
import os
import stat
import tempfile
import unittest

from npy_files import write_npy
from program import result_of, run

TABLE = """version: 1
name: table
seed: 1
epochs: 2
device: cpu
graph:
  rows:    {{stage: table_source, with: {{columns: {{x: {x}, y: {y}}}, dtypes: {{y: i32}}}}}}
  {inputs}
  targets: {{stage: one_hot, in: rows.y, with: {{classes: 2}}}}
  batches: {{stage: batcher, in: {{inputs: inputs, targets: targets}}, with: {{batch_size: 2}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 2, activation: softmax}}], loss: categorical_crossentropy}}}}
  {more}
"""
FLAT = "inputs:  {stage: flatten, in: rows.x}"
WARMER = """again:   {stage: table_source, with: {columns: {x: [1.0, 2.0], y: [0, 1]}, dtypes: {y: i32}}}
  classes: {stage: one_hot, in: again.y, with: {classes: 2}}
  warm:    {stage: normalize, in: again.x, with: {scale: 100}}
  plain:   {stage: batcher, in: {inputs: again.x, targets: classes}, with: {batch_size: 2}}
  others:  {stage: batcher, in: {inputs: warm, targets: classes}, with: {batch_size: 2}}
  first:   {stage: evaluator, in: {data: plain, model: learn.model}}
  second:  {stage: evaluator, in: {data: others, model: learn.model}}"""


class Limits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = folder.name

    def train(self, x="[1.0, 2.0, 3.0, 4.0]", y="[0, 1, 0, 1]", inputs=FLAT, more=""):
        with open(f"{self.at}/c.yaml", "w", encoding="utf-8") as file:
            file.write(TABLE.format(x=x, y=y, inputs=inputs, more=more))
        process = run("c.yaml", "--runs", "runs", "--quiet", cwd=self.at)
        self.assertEqual(process.returncode, 0, process.stderr)

    def floats(self, name, values):
        write_npy(f"{self.at}/{name}", "f", (len(values), 1), values)
        return name

    def predict(self, *arguments, code=0):
        process = run("predict", "table-1", *arguments, "--runs", "runs", cwd=self.at)
        self.assertEqual(process.returncode, code, process.stderr)
        return process

    def test_a_row_that_is_not_finite_has_no_class_and_is_warned_of(self):
        self.train()
        rows = self.floats("x.npy", [1.0, float("nan"), 3.0])
        process = self.predict(rows)
        self.assertIn("row 1         no class: the model's values are not finite", process.stdout)
        self.assertIn("warning[not-finite]: 1 row of 3 give values that are not finite, the first of them row 1 of", process.stderr)
        found = result_of(self.predict(rows, "--json"))["files"][0]["predictions"]
        self.assertEqual((found[1]["class"], found[1]["probability"], found[1]["values"]), (None, None, ["nan", "nan"]))
        self.assertIsInstance(found[0]["class"], int)
        self.assertIn("warning[not-finite]", self.predict(rows, "-o", "out.npy").stderr)

    def test_numbers_do_not_stand_for_names_of_classes(self):
        self.train(x="[red, green, blue, green]", inputs="inputs:  {stage: one_hot, in: rows.x, with: {classes: [red, blue, green]}}")
        write_npy(f"{self.at}/i.npy", "i", (3,), [0, 1, 2])
        self.assertIn("gives names of classes (red, green, blue)", self.predict("i.npy", code=4).stderr)

    def test_the_model_is_named_and_a_second_evaluator_is_told(self):
        self.train(more=WARMER)
        said = self.predict(self.floats("x.npy", [1.0])).stderr
        self.assertRegex(said, r"model `learn` of \S+/runs/table-1 after epoch 2\n")
        self.assertIn("warning[several-evaluators]: rows are prepared as `first` has them; `second` measures this model too", said)

    def test_an_input_is_no_output_and_a_device_is_not_replaced(self):
        self.train()
        rows = self.floats("x.npy", [1.0, 2.0])
        before = os.stat(f"{self.at}/x.npy").st_size
        self.assertIn("error[output-is-input]", self.predict(rows, "-o", "x.npy", code=2).stderr)
        self.assertEqual(os.stat(f"{self.at}/x.npy").st_size, before)
        os.mkfifo(f"{self.at}/pipe.npy")
        self.assertIn("error[output-not-a-file]", self.predict(rows, "-o", "pipe.npy", code=7).stderr)
        self.assertTrue(stat.S_ISFIFO(os.lstat(f"{self.at}/pipe.npy").st_mode))
        self.assertIn("a file has an empty name", self.predict("", code=2).stderr)

    def test_statistics_of_nothing_finite_are_no_numbers(self):
        self.floats("nan.npy", [float("nan")] * 2)
        with open(f"{self.at}/p.yaml", "w", encoding="utf-8") as file:
            file.write("version: 1\nname: p\nepochs: 1\ngraph:\n  rows: {stage: npy_loader, with: {inputs: nan.npy}}\n  out: {stage: print, in: rows.inputs}\n")
        field = result_of(run("peek", "p.yaml", "rows.inputs", "--json", cwd=self.at))["fields"][0]
        self.assertEqual((field["min"], field["max"], field["mean"], field["not_finite"]), ("nan", "nan", "nan", 2))


if __name__ == "__main__":
    unittest.main()
