"""millrace::Predictor and `predict` make the same of the same rows: to the bit for all of a file in one call, nearly so for a row alone."""
import array
import os
import struct
import subprocess
import tempfile
import unittest

from idx_files import write_images
from npy_files import read_npy, write_npy
from program import run

ROWS = 333  # no multiple of the batch
CONFIG = """version: 1
name: small
seed: 3
epochs: 1
device: cpu
chains:
  prep: [{prep}]
graph:
  train:   {{stage: {source}}}
  inputs:  {{chain: prep, in: train.{port}}}
  batches: {{stage: batcher, in: {{inputs: inputs, targets: {targets}}}, with: {{batch_size: 8}}}}
  learn:
    stage: trainer
    in: batches
    with: {{model: [dense: {{units: 70, activation: tanh}}, dropout: {{rate: 0.3}}, dense: {{units: 40, activation: relu}}, dense: {{units: {outputs}, activation: {last}}}], loss: {loss}}}
  valid:   {{stage: {source}}}
  vinputs: {{chain: prep, in: valid.{port}}}
  vbatches: {{stage: batcher, in: {{inputs: vinputs, targets: {vtargets}}}, with: {{batch_size: 32}}}}
  check:   {{stage: evaluator, in: {{data: vbatches, model: learn.model}}}}
"""
IMAGES = {"source": "idx_loader, with: {images: train-images, labels: train-labels}", "port": "images", "outputs": 10, "last": "softmax",
          "loss": "categorical_crossentropy"}
VALUES = {"source": f"table_source, with: {{columns: {{x: {[i / 7 for i in range(12)]}, y: {[i % 2 for i in range(12)]}}}}}", "port": "x", "outputs": 1,
          "last": "linear", "loss": "mse", "targets": "train.y", "vtargets": "valid.y"}


class Bits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = folder.name
        write_images(self.at, "train", ROWS)

    def train(self, config):
        with open(f"{self.at}/small.yaml", "w", encoding="utf-8") as file:
            file.write(config)
        process = run("small.yaml", "--runs", f"{self.at}/runs", cwd=self.at)
        self.assertEqual(process.returncode, 0, process.stderr)

    def check_same(self, dtype, file, rows):
        """`file`: as predict reads it; `rows`: its values alone."""
        with open(f"{self.at}/rows", "wb") as raw:
            raw.write(rows)
        process = run("predict", "last", file, "-o", f"{self.at}/pred.npy", "--runs", f"{self.at}/runs")
        self.assertEqual(process.returncode, 0, process.stderr)
        _, expected = read_npy(f"{self.at}/pred.npy")
        expected = array.array("f", expected)
        process = run("export", "last", "--format", "safetensors", "-o", f"{self.at}/model", "--force", "--runs", f"{self.at}/runs")
        self.assertEqual(process.returncode, 0, process.stderr)
        folder = sorted(name for name in os.listdir(f"{self.at}/runs") if name.startswith("small-"))[-1]
        for path in (f"{self.at}/runs/{folder}", f"{self.at}/model"):
            process = subprocess.run([os.environ["PREDICTED_ROWS"], path, dtype, f"{self.at}/rows", f"{self.at}/all", f"{self.at}/alone"],
                                     capture_output=True, text=True, check=False)
            self.assertEqual(process.returncode, 0, process.stderr)
            with open(f"{self.at}/all", "rb") as found:
                self.assertEqual(found.read(), expected.tobytes())
            with open(f"{self.at}/alone", "rb") as found:
                alone = array.array("f", found.read())
            for one, other in zip(alone, expected):  # sums of float32 in another order
                self.assertAlmostEqual(one, other, delta=1e-5 * max(1, abs(other)))

    def test_images_that_are_scaled_or_standardized(self):
        for prep in ("flatten, normalize: {scale: 1/255}", "normalize: {mean: 33.3, std: 78.5}, flatten", "flatten, normalize: {mean: 600, std: 300}",
                     "flatten, normalize: {scale: 0.1, offset: -3}, normalize: {mean: 1, std: 2}"):
            with self.subTest(prep):
                hot = "  {0}hot: {{stage: one_hot, in: {1}.labels, with: {{classes: 10}}}}\n"
                self.train(CONFIG.format(prep=prep, targets="hot", vtargets="vhot", **IMAGES) + hot.format("", "train") + hot.format("v", "valid"))
                with open(f"{self.at}/train-images", "rb") as images:
                    pixels = images.read()[16:]
                self.check_same("u8", f"{self.at}/train-images", pixels)

    def test_values_of_a_column(self):
        for prep in ("flatten", "normalize: {scale: 0.1, offset: 2}", "normalize: {mean: 0.3, std: 0.7}"):
            with self.subTest(prep):
                self.train(CONFIG.format(prep=prep, **VALUES))
                values = [(i * 37 % 101) / 9 - 5 for i in range(ROWS)]
                write_npy(f"{self.at}/x.npy", "f", [ROWS, 1], values)
                self.check_same("f32", f"{self.at}/x.npy", struct.pack(f"<{ROWS}f", *values))


if __name__ == "__main__":
    unittest.main()
