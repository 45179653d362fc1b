"""`peek`: what passes at a port, at any batch of any epoch, as a whole run has it."""
import os
import struct
import tempfile
import unittest
import zlib

from idx_files import write_images
from npy_files import read_npy
from program import result_of, run

CONFIG = """version: 1
name: seen
seed: 3
epochs: 3
device: cpu
chains:
  prep: [flatten, normalize: {scale: 1/255}]
graph:
  train:   {stage: idx_loader, with: {images: train-images, labels: train-labels, shuffle: true, block_rows: 7}}
  inputs:  {chain: prep, in: train.images}
  targets: {stage: one_hot, in: train.labels, with: {classes: 10}}
  batches: {stage: batcher, in: {inputs: inputs, targets: targets}, with: {batch_size: 8}}
  rows:    {stage: print, in: {in: train.labels}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 10, activation: softmax}], loss: categorical_crossentropy}}
"""
ROWS = 50


class Peek(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.at = cls.folder.name
        write_images(cls.at, "train", ROWS)
        cls.config = f"{cls.at}/seen.yaml"
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def peek(self, *arguments):
        return run("peek", self.config, *arguments, cwd=self.at)

    def seen(self, *arguments):
        process = self.peek(*arguments, "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def epoch(self, port, number, most):
        batches = [self.seen(port, "--at", f"{number}:{batch}", "--rows", "100") for batch in range(1, most + 1)]
        return batches, [row for batch in batches for row in batch["ids"]]

    def test_the_batches_of_an_epoch_have_each_row_once(self):
        batches, ids = self.epoch("batches", 2, 7)
        self.assertEqual([batch["rows"] for batch in batches], [8] * 6 + [2])
        self.assertEqual(sorted(ids), list(range(ROWS)))
        self.assertNotEqual(ids, self.epoch("batches", 1, 7)[1])
        # Blocks of the source, which has other cuts, come in the same order.
        self.assertEqual(self.epoch("train.labels", 2, 8)[1], ids)

    def test_values_are_those_of_the_rows(self):
        batch = self.seen("batches.out", "--at", "3:2", "--rows", "8")
        fields = {field["name"]: field for field in batch["fields"]}
        self.assertEqual((fields["inputs"]["row_shape"], fields["targets"]["row_shape"]), ([36], [10]))
        for row, target, values in zip(batch["ids"], fields["targets"]["values"], fields["inputs"]["values"]):
            self.assertEqual(target, [float(i == row % 10) for i in range(10)])
            self.assertGreaterEqual(values[row % 10], 150 / 255 - 1e-6)
        flat = [v for row in fields["inputs"]["values"] for v in row]
        self.assertAlmostEqual(fields["inputs"]["mean"], sum(flat) / len(flat), places=9)
        self.assertEqual((fields["inputs"]["min"], fields["inputs"]["max"]), (min(flat), max(flat)))
        self.assertEqual(fields["targets"]["zeros"], 72)

    def test_the_same_is_seen_on_any_number_of_threads(self):
        one, many = (self.peek("inputs", "--at", "2:3", "--threads", threads).stdout for threads in ("1", "4"))
        self.assertEqual(one, many)
        self.assertIn("inputs.normalize.out, batch 3 of epoch 2: 7 rows", one)

    def test_pictures_are_drawn(self):
        text = self.peek("train.images", "--rows", "1").stdout
        picture = [line for line in text.splitlines() if line.startswith("    ")]
        self.assertEqual(len(picture), 6, text)
        self.assertTrue(any("%%" in line for line in picture), text)

    def test_a_numpy_file_has_all_rows(self):
        output = f"{self.at}/batch.npy"
        self.assertEqual(self.peek("batches.out.inputs", "--at", "1:7", "-o", output).returncode, 0)
        shape, values = read_npy(output)
        self.assertEqual(shape, (2, 36))
        wanted = self.seen("batches.out.inputs", "--at", "1:7", "--rows", "2")["fields"][0]["values"]
        self.assertEqual(list(values), [v for row in wanted for v in row])
        self.assertIn("several-fields", self.peek("batches", "-o", output).stderr)

    def test_a_picture_has_the_rows_that_are_shown(self):
        output = f"{self.at}/rows.png"
        self.assertEqual(self.peek("train.images", "--rows", "3", "-o", output).returncode, 0)
        with open(output, "rb") as file:
            content = file.read()
        self.assertEqual(content[:8], b"\x89PNG\r\n\x1a\n")
        chunks, at = {}, 8
        while at < len(content):
            (length,) = struct.unpack(">I", content[at:at + 4])
            body = content[at + 4:at + 8 + length]
            self.assertEqual(struct.unpack(">I", content[at + 8 + length:at + 12 + length])[0], zlib.crc32(body))
            chunks[body[:4]] = body[4:]
            at += 12 + length
        self.assertEqual(chunks[b"IHDR"], struct.pack(">IIBBBBB", 18, 6, 8, 0, 0, 0, 0))
        lines = zlib.decompress(chunks[b"IDAT"])
        rows = self.seen("train.images", "--rows", "3")["fields"][0]["values"]
        for y in range(6):
            self.assertEqual(list(lines[y * 19 + 1:y * 19 + 19]), [v for row in rows for v in row[y * 6:y * 6 + 6]])
        self.assertIn("no-picture", self.peek("train.labels", "-o", output).stderr)

    def test_metrics_are_those_of_the_whole_run(self):
        whole = result_of(run(self.config, "--json", "--no-keep", "--quiet", cwd=self.at))
        metrics = self.seen("learn.metrics", "--at", "2:1")["metrics"]
        self.assertEqual(metrics["loss"], whole["epochs"][1]["loss"])

    def test_nothing_else_runs(self):
        """`print` has nothing to print, though a whole run does."""
        self.assertIn("[", run(self.config, "--no-keep", "--set", "epochs=1", cwd=self.at).stdout)
        process = self.peek("batches", "--json")
        self.assertEqual((len(process.stdout.splitlines()), process.stderr), (1, ""))

    def test_what_is_not_there_is_named(self):
        for words, name in ((("bathces",), "unknown-node"), (("train",), "unknown-output"), (("train.image",), "unknown-output"),
                            (("batches.out.input",), "unknown-field"), (("batches", "--at", "1:8"), "no-such-batch"),
                            (("batches", "--at", "4:1"), "no-such-epoch"), (("learn.model",), "no-values"),
                            (("batches", "--at", "0:1"), "wrong-arguments"), (("batches", "--at", "3"), "wrong-arguments"),
                            ((), "wrong-arguments")):
            with self.subTest(words):
                process = self.peek(*words)
                self.assertEqual(process.returncode, 2, process.stderr)
                self.assertIn(name, process.stderr)
        self.assertIn("epoch 1 of `batches.out` has 7 batches", self.peek("batches", "--at", "1:8").stderr)

    def test_nothing_is_left(self):
        before = sorted(os.listdir(self.at))
        self.peek("batches")
        self.assertEqual(sorted(os.listdir(self.at)), before)


if __name__ == "__main__":
    unittest.main()
