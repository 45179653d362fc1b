"""`init_from`: a trainer begins with the weights of a file, of Millrace or of another program, layer by layer."""
import glob
import json
import os
import shutil
import struct
import tempfile
import unittest

from checkpoint_files import read_tensors
from program import result_of, run

CONFIG = """version: 1
name: {name}
seed: {seed}
epochs: {epochs}
device: cpu
graph:
  rows:    {{stage: table_source, with: {{columns: {{x: [0, 1, 2, 3, 4, 5, 6, 7], y: [1, 0, 3, 2, 5, 4, 7, 6]}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 3}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 3, activation: tanh}}, dropout: {{rate: 0.25}}, dense: {{units: 1}}], loss: mse, optimizer: adam{more}}}}}
"""


def safetensors(tensors):
    """A file as any other program writes it: name -> (shape, values)."""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class InitFrom(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, name="other", seed=2, epochs=0, init_from=None, arguments=()):
        more = f", init_from: {init_from}" if init_from else ""
        path = f"{self.folder}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(name=name, seed=seed, epochs=epochs, more=more))
        return run(path, "--runs", f"{self.folder}/runs", "--json", *arguments)

    def trained(self):
        """A run of two epochs: its result and the last checkpoint."""
        process = self.start("first", seed=1, epochs=2)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process), sorted(glob.glob(f"{self.folder}/runs/first-1/checkpoints/*"))[-1]

    def written(self, tensors):
        path = f"{self.folder}/theirs.safetensors"
        with open(path, "wb") as file:
            file.write(safetensors(tensors))
        return path

    def error_of(self, process):
        self.assertNotEqual(process.returncode, 0)
        result = json.loads(process.stdout)
        return (result.get("errors") or result["failures"])[0]

    def test_a_trainer_begins_with_the_weights_of_a_checkpoint(self):
        result, checkpoint = self.trained()
        process = self.start(init_from=checkpoint)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], result["weights_sha256"])
        self.assertNotEqual(result_of(self.start())["weights_sha256"], result["weights_sha256"])

    def test_two_runs_that_begin_so_come_to_the_same_weights_whatever_their_threads(self):
        _, checkpoint = self.trained()
        hashes = {result_of(self.start(init_from=checkpoint, epochs=3, arguments=("--threads", threads)))["weights_sha256"]
                  for threads in ("1", "3")}
        self.assertEqual(len(hashes), 1)

    def test_a_run_stands_for_its_weights(self):
        result, checkpoint = self.trained()
        for name in ("first-1", "last", f"{self.folder}/runs/first-1"):
            process = self.start("second", init_from=name)
            self.assertEqual(process.returncode, 0, process.stderr)
            again = result_of(process)
            self.assertEqual(again["weights_sha256"], result["weights_sha256"], name)
            self.assertTrue(again["data"]["learn"]["files"], again["data"])
            with open(f"{again['run']}/config.yaml", encoding="utf-8") as file:
                self.assertIn(os.path.realpath(checkpoint).split("attempts")[-1], file.read())
            for path in glob.glob(f"{self.folder}/runs/second-*"):
                shutil.rmtree(path)

    def test_of_a_run_that_monitors_a_metric_it_is_the_best(self):
        path = f"{self.folder}/watched.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(name="watched", seed=1, epochs=4, more="") + "keep: {monitor: loss, mode: max}\n")
        self.assertEqual(run(path, "--runs", f"{self.folder}/runs").returncode, 0)
        exported = f"{self.folder}/best.safetensors"
        process = run("export", f"{self.folder}/runs/watched-1", "--checkpoint", "best", "--format", "safetensors", "-o", exported)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(self.start(init_from="watched-1"))["weights_sha256"], read_tensors(exported)[0]["weights_sha256"])

    def test_a_run_that_began_with_anothers_weights_goes_on_with_the_same_file(self):
        self.trained()
        self.assertEqual(self.start("second", epochs=2, init_from="last").returncode, 0)
        whole = result_of(self.start("whole", epochs=3, init_from="first-1"))
        process = run("resume", f"{self.folder}/runs/second-1", "--set", "epochs=3", "--json")  # `last` is another run by now
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], whole["weights_sha256"])

    def test_what_is_neither_a_file_nor_a_run_is_told(self):
        self.trained()
        error = self.error_of(self.start(init_from="frist-1"))
        self.assertEqual(error["name"], "unknown-run")
        self.assertIn("first-1", error["help"])

    def test_layers_that_do_not_fit_begin_as_the_seed_says_and_are_warned_of(self):
        _, checkpoint = self.trained()
        config = f"{self.folder}/wider.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(name="wider", seed=2, epochs=0, more=f", init_from: {checkpoint}")
                       .replace("dense: {units: 1}", "dense: {units: 4}, dense: {units: 1}"))
        process = run(config, "--no-keep", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        warnings = [warning for warning in json.loads(process.stdout)["warnings"] if warning["name"] == "init-partial"]
        self.assertEqual(len(warnings), 2)
        self.assertIn("`3.weight` is [1, 3], the model has [4, 3] there", warnings[0]["message"])
        self.assertIn("there is no `4.weight`", warnings[1]["message"])
        self.assertNotEqual(run(config, "--no-keep", "--strict").returncode, 0)

    def test_a_file_of_another_program_is_taken_by_names_and_shapes(self):
        values = [0.5, -1.0, 2.0]
        theirs = {"0.weight": ([3, 1], values), "0.bias": ([3], values), "3.weight": ([1, 3], values), "3.bias": ([1], [7.0]),
                  "beside": ([2], [1.0, 2.0])}
        result = result_of(self.start(init_from=self.written(theirs)))
        again = self.start("kept", epochs=1, init_from=self.written(theirs), arguments=("--set", "learn.optimizer.adam.learning_rate=1e-30"))
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(result_of(again)["weights_sha256"], result["weights_sha256"])

    def test_what_cannot_be_taken_is_told(self):
        no_layer = self.error_of(self.start(init_from=self.written({"fc.weight": ([3, 1], [1, 2, 3])})))
        self.assertEqual(no_layer["name"], "init-unfit")
        self.assertIn("there is no `0.weight`", no_layer["message"])
        nan = {"0.weight": ([3, 1], [1, float("nan"), 3]), "0.bias": ([3], [0, 0, 0])}
        self.assertEqual(self.error_of(self.start(init_from=self.written(nan)))["name"], "checkpoint-not-finite")
        missing = self.error_of(self.start(init_from=f"{self.folder}/nowhere.safetensors"))
        self.assertIn("nowhere.safetensors", missing["message"])
        with open(f"{self.folder}/torn.safetensors", "wb") as file:
            file.write(safetensors(nan)[:-3])
        self.assertEqual(self.error_of(self.start(init_from=f"{self.folder}/torn.safetensors"))["name"], "safetensors-short")

    def test_a_run_that_began_so_is_resumed_with_its_own_weights(self):
        _, checkpoint = self.trained()
        whole = result_of(self.start("whole", epochs=4, init_from=checkpoint))
        self.assertEqual(self.start("part", epochs=2, init_from=checkpoint).returncode, 0)
        process = run("resume", f"{self.folder}/runs/part-1", "--set", "epochs=4", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], whole["weights_sha256"])


if __name__ == "__main__":
    unittest.main()
