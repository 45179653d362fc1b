"""`predict`: what the model of a run makes of files, exactly as the run's own evaluator has it."""
import gzip
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

from idx_files import write_images
from npy_files import read_npy, write_npy
from program import PROGRAM, result_of, run

DATA = os.environ.get("MILLRACE_DATA_DIR", "")
CONFIG = """version: 1
name: small
seed: 3
epochs: 3
device: cpu
keep: {monitor: val_accuracy, last: 3}
chains:
  prep: [flatten, normalize: {scale: 1/255}]
graph:
  train:   {stage: idx_loader, with: {images: train-images, labels: train-labels, shuffle: true}}
  inputs:  {chain: prep, in: train.images}
  targets: {stage: one_hot, in: train.labels, with: {classes: 10}}
  batches: {stage: batcher, in: {inputs: inputs, targets: targets}, with: {batch_size: 8}}
  learn:
    stage: trainer
    in: batches
    with: {model: [dense: {units: 16, activation: relu}, dense: {units: 10, activation: softmax}], loss: categorical_crossentropy, optimizer: {adam: {}}}
  valid:   {stage: idx_loader, with: {images: valid-images, labels: valid-labels}}
  vinputs: {chain: prep, in: valid.images}
  vtargets: {stage: one_hot, in: valid.labels, with: {classes: 10}}
  vbatches: {stage: batcher, in: {inputs: vinputs, targets: vtargets}, with: {batch_size: 32}}
  vthere:  {stage: transfer, in: vbatches}
  check:   {stage: evaluator, in: {data: vthere, model: learn.model}, with: {metrics: [loss, accuracy]}}
"""
ROWS = 333  # no multiple of the batch


def values_of(path, header):
    with open(path, "rb") as file:
        return file.read()[header:]


class Predict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.at = cls.folder.name
        write_images(cls.at, "train", 4000)  # epochs long enough for a checkpoint of most of them
        write_images(cls.at, "valid", ROWS)
        cls.config = f"{cls.at}/small.yaml"
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        cls.runs = f"{cls.at}/runs"
        process = run(cls.config, "--runs", cls.runs, "--json", cwd=cls.at)
        assert process.returncode == 0, process.stderr
        cls.result = result_of(process)
        cls.images = f"{cls.at}/valid-images"
        cls.pixels = values_of(cls.images, 16)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def predict(self, *arguments, name="small-1"):
        return run("predict", name, *arguments, "--runs", self.runs)

    def predictions(self, *arguments):
        process = self.predict(*arguments, "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)["files"][0]["predictions"]

    def right(self, predictions):
        return sum(p["class"] == p["row"] % 10 for p in predictions)

    def test_as_many_are_right_as_the_evaluator_has_counted(self):
        predictions = self.predictions(self.images)
        self.assertEqual([p["row"] for p in predictions], list(range(ROWS)))
        accuracy = self.result["epochs"][-1]["val_accuracy"]
        self.assertEqual(self.right(predictions), round(accuracy * ROWS))
        self.assertAlmostEqual(self.right(predictions) / ROWS, accuracy, places=6)
        for p in predictions:
            self.assertEqual(p["values"][p["class"]], max(p["values"]))
            self.assertAlmostEqual(sum(p["values"]), 1, places=5)

    def test_each_checkpoint_predicts_as_its_epoch_was_measured(self):
        found = sorted(os.listdir(f"{self.runs}/small-1/checkpoints"))
        self.assertGreaterEqual(len(found), 1)
        for name in found:
            epoch = int(re.match(r"epoch-(\d+)", name)[1])
            with self.subTest(name):
                predictions = self.predictions(self.images, "--checkpoint", f"{self.runs}/small-1/checkpoints/{name}")
                self.assertEqual(self.right(predictions), round(self.result["epochs"][epoch - 1]["val_accuracy"] * ROWS))
        best = result_of(self.predict(self.images, "--json", "--checkpoint", "best"))["checkpoint"]
        values = {name: self.result["epochs"][int(re.match(r"epoch-(\d+)", name)[1]) - 1]["val_accuracy"] for name in found}
        self.assertEqual(values[os.path.basename(best)], max(values.values()))

    def test_where_the_newest_is_torn_the_one_before_is_taken_and_that_is_said(self):
        runs = f"{self.at}/torn"
        shutil.copytree(self.runs, runs, symlinks=True)
        folder = f"{runs}/small-1/checkpoints"
        *before, newest = sorted(os.listdir(folder))
        os.truncate(f"{folder}/{newest}", os.path.getsize(f"{folder}/{newest}") - 1)
        process = run("predict", "small-1", self.images, "--json", "--runs", runs)
        if not before:  # a disk so slow that the newest alone was written
            self.assertEqual(process.returncode, 4, process.stderr)
            return
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(os.path.basename(result_of(process)["checkpoint"]), before[-1])
        self.assertIn("not used: ", process.stderr)
        self.assertIn(newest, process.stderr)
        for name in os.listdir(folder):
            os.truncate(f"{folder}/{name}", 100)
        process = run("predict", "small-1", self.images, "--runs", runs)
        self.assertEqual(process.returncode, 4)
        self.assertIn("no-checkpoint", process.stderr)

    def test_idx_and_npy_raw_and_gzip_give_the_same(self):
        expected = self.predictions(self.images)
        npy = f"{self.at}/valid.npy"
        write_npy(npy, "B", [ROWS, 6, 6], self.pixels)
        for path in (self.images, npy):
            with open(path, "rb") as raw, gzip.open(path + ".gz", "wb") as packed:
                packed.write(raw.read())
        for path in (npy, npy + ".gz", self.images + ".gz"):
            with self.subTest(path):
                self.assertEqual(self.predictions(path), expected)

    def test_a_file_of_values_has_them_all_in_order(self):
        expected = self.predictions(self.images)
        output = f"{self.at}/pred.npy"
        process = self.predict(self.images, self.images, "-o", output)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(process.stdout, f"{2 * ROWS} rows of 10 values in {output}\n")
        shape, values = read_npy(output)
        self.assertEqual(shape, (2 * ROWS, 10))
        flat = [v for p in expected for v in p["values"]]
        self.assertEqual(list(values), flat + flat)
        result = result_of(self.predict(self.images, "-o", output, "--json"))
        self.assertEqual((result["rows"], result["outputs"], result["output"]), (ROWS, 10, output))
        self.assertNotIn("predictions", result["files"][0])

    def test_text_names_row_class_and_probability(self):
        lines = self.predict(self.images).stdout.splitlines()
        self.assertEqual(len(lines), ROWS)
        for number, line in enumerate(lines):
            self.assertRegex(line, rf"^row {number} +class \d.* probability [01]\.\d{{6}}$")

    def test_other_rows_are_refused_with_what_is_wanted(self):
        for letter, shape, values in (("B", [ROWS, 36], self.pixels), ("f", [ROWS, 6, 6], [0.5] * len(self.pixels)),
                                      ("B", [ROWS * 36], self.pixels)):
            with self.subTest((letter, shape)):
                path = f"{self.at}/other.npy"
                write_npy(path, letter, shape, values)
                process = self.predict(path, "-o", f"{self.at}/never.npy")
                self.assertEqual(process.returncode, 4, process.stderr)
                self.assertIn("wrong-rows", process.stderr)
                self.assertIn("the run takes u8 [n, 6, 6]", process.stderr)
                self.assertIn("numpy.uint8).reshape(-1, 6, 6)", process.stderr)
                self.assertFalse(os.path.exists(f"{self.at}/never.npy"))

    def test_files_that_are_none_are_refused(self):
        text = f"{self.at}/text"
        with open(text, "w", encoding="utf-8") as file:
            file.write("1,2,3\n")
        cut = f"{self.at}/cut.npy"
        write_npy(cut, "B", [ROWS, 6, 6], self.pixels)
        os.truncate(cut, 500)
        for path, name in ((text, "idx-magic"), (cut, "npy-size"), (f"{self.at}/missing", "file-missing")):
            with self.subTest(name):
                process = self.predict(self.images, path, "--json")
                self.assertEqual(process.returncode, 4)
                self.assertEqual(result_of(process)["errors"][0]["name"], name)
                self.assertIn(path, process.stderr)
        self.assertIn("nor is it a NumPy file", self.predict(text).stderr)

    def test_what_is_not_there_is_named(self):
        self.assertIn("unknown-model", self.predict(self.images, "--model", "lear").stderr)
        self.assertIn("did you mean `learn`", self.predict(self.images, "--model", "lear").stderr)
        self.assertEqual(self.predict(self.images, name="small-9").returncode, 2)
        self.assertEqual(self.predict().returncode, 2)
        self.assertEqual(self.predict(self.images, "-o", "x.csv").returncode, 2)

    def test_memory_does_not_grow_with_the_rows(self):
        """A child's peak is at least what this process has when it starts it, so the files are written piece by piece."""
        def peak(times):
            rows, path, output = times * ROWS, f"{self.at}/many", f"{self.at}/many.npy"
            with open(path, "wb") as file:
                file.write(bytes([0, 0, 8, 3]) + struct.pack(">III", rows, 6, 6))
                for _ in range(times):
                    file.write(self.pixels)
            process = subprocess.Popen([PROGRAM, "predict", "small-1", path, "-o", output, "--runs", self.runs, "--threads", "1"],
                                       stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            self.assertEqual(status, 0)
            self.assertEqual(os.path.getsize(output), 128 + rows * 40)
            return usage.ru_maxrss * 1024
        few, many = peak(30), peak(3000)  # 36 MB of pixels, 40 MB of values
        self.assertLess(many - few, 12 << 20)

    @unittest.skipUnless(os.path.isdir(f"{DATA}/mnist"), "the data set is not here")
    def test_all_images_of_the_data_set_give_the_accuracy_of_the_run(self):
        process = run("mnist_mlp", "--runs", self.runs, "--json", "--set", "epochs=1", "--set", "train.rows=[0, 6000]")
        self.assertEqual(process.returncode, 0, process.stderr)
        accuracy = result_of(process)["epochs"][-1]["val_accuracy"]
        names = [name for name in os.listdir(f"{DATA}/mnist") if name.startswith("t10k-images")]
        predictions = result_of(self.predict(f"{DATA}/mnist/{names[0]}", "--json", name="mnist_mlp-1"))["files"][0]["predictions"]
        labels_name = names[0].replace("images-idx3", "labels-idx1")
        opened = gzip.open if labels_name.endswith(".gz") else open
        with opened(f"{DATA}/mnist/{labels_name}", "rb") as file:
            labels = file.read()[8:]
        self.assertEqual(len(predictions), 10_000)
        self.assertEqual(sum(p["class"] == labels[p["row"]] for p in predictions) / 10_000, accuracy)


class OtherModels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = folder.name

    def test_a_line_gives_its_values_on_the_way_of_the_training_data(self):
        config = f"{self.at}/line.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write("""version: 1
name: line
epochs: 200
device: cpu
graph:
  points:  {stage: table_source, with: {columns: {x: [0, 1, 2, 3], y: [1, 3, 5, 7]}}}
  batches: {stage: batcher, in: {inputs: points.x, targets: points.y}, with: {batch_size: 4}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.1}}}}
""")
        self.assertEqual(run(config, "--runs", self.at, "--quiet").returncode, 0)
        write_npy(f"{self.at}/x.npy", "f", [3, 1], [0, 10, -4])
        process = run("predict", "last", f"{self.at}/x.npy", "--json", "--runs", self.at)
        self.assertEqual(process.returncode, 0, process.stderr)
        values = [p["values"][0] for p in result_of(process)["files"][0]["predictions"]]
        for value, expected in zip(values, (1, 21, -7)):
            self.assertAlmostEqual(value, expected, places=1)
        self.assertRegex(run("predict", "last", f"{self.at}/x.npy", "--runs", self.at).stdout, r"^row 0 +\d\.\d+\nrow 1 ")
        # Nothing is monitored: the best is by the metric that runs are compared by, for predict and export alike.
        best = [result_of(run(*command, "--checkpoint", "best", "--json", "--runs", self.at))["checkpoint"]
                for command in (("predict", "last", f"{self.at}/x.npy"), ("export", "last", "-o", f"{self.at}/best.onnx"))]
        self.assertEqual(best[0], best[1])

    def test_of_several_models_one_is_to_be_named(self):
        config = f"{self.at}/two.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write("""version: 1
name: two
device: cpu
graph:
  points:  {stage: table_source, with: {columns: {x: [0, 1, 2, 3], y: [1, 3, 5, 7]}}}
  batches: {stage: batcher, in: {inputs: points.x, targets: points.y}, with: {batch_size: 4}}
  one:     {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}
  two:     {stage: trainer, in: batches, with: {model: [dense: {units: 3}, dense: {units: 1}], loss: mse}}
""")
        self.assertEqual(run(config, "--runs", self.at, "--quiet").returncode, 0)
        write_npy(f"{self.at}/x.npy", "f", [1, 1], [1])
        process = run("predict", "last", f"{self.at}/x.npy", "--runs", self.at)
        self.assertEqual(process.returncode, 2)
        self.assertIn("one, two", process.stderr)
        results = [result_of(run("predict", "last", f"{self.at}/x.npy", "--json", "--model", name, "--runs", self.at))
                   ["files"][0]["predictions"][0]["values"] for name in ("one", "two")]
        self.assertNotEqual(results[0], results[1])

    def test_a_run_without_a_checkpoint_says_so(self):
        self.assertEqual(run("colors_onehot", "--runs", self.at, "--quiet").returncode, 0)
        process = run("predict", "last", __file__, "--runs", self.at)
        self.assertEqual(process.returncode, 2)
        self.assertIn("no-model", process.stderr)


if __name__ == "__main__":
    unittest.main()
