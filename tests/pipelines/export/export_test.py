"""`export`: the model of a run as ONNX, safetensors and NPY; what is refused, and by which name."""
import glob
import json
import os
import pathlib
import re
import shutil
import struct
import tempfile
import unittest

from checkpoint_files import read_tensors
from program import result_of, run

ROWS = 2000  # so that an epoch takes as long as a checkpoint, or longer
CONFIG = f"""version: 1
name: kept
seed: 3
epochs: 3
device: cpu
keep: {{last: 3, monitor: loss, mode: max}}
graph:
  rows:    {{stage: table_source, with: {{columns: &rows {{x: {list(range(ROWS))}, y: {[i % 2 for i in range(ROWS)]}}}}}}}
  small:   {{stage: normalize, in: rows.x, with: {{scale: 1/{ROWS}}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: rows.y}}, with: {{batch_size: 2}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 3, activation: tanh}}, dense: {{units: 1}}], loss: mse}}}}
"""
TENSORS = {"0.weight": [3, 1], "0.bias": [3], "2.weight": [1, 3], "2.bias": [1]}


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.runs = f"{cls.shared.name}/runs"
        config = f"{cls.shared.name}/kept.yaml"
        pathlib.Path(config).write_text(CONFIG, encoding="utf-8")
        process = run(config, "--runs", cls.runs, "--json")
        assert process.returncode == 0, process.stderr
        cls.result = result_of(process)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.out = f"{self.folder}/model"

    def export(self, *arguments, word="kept-1", runs=None):
        return run("export", word, "--runs", runs or self.runs, *arguments)

    def exported(self, *arguments, **more):
        process = self.export("-o", self.out, "--json", *arguments, **more)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def assert_refused(self, process, code, name):
        self.assertEqual(process.returncode, code, process.stderr)
        self.assertIn(name, process.stderr)

    @staticmethod
    def checkpoints(runs):
        return sorted(glob.glob(f"{runs}/kept-1/attempts/*/checkpoints/*.safetensors"))

    def copied_runs(self):
        runs = f"{self.folder}/runs"
        shutil.copytree(self.runs, runs, symlinks=True)
        return runs

    def test_onnx_is_the_default_and_says_what_it_takes_and_gives(self):
        answer = self.exported()
        self.assertEqual(answer["format"], "onnx")
        self.assertEqual(answer["inputs"], [{"name": "x", "dtype": "f32", "shape": ["N", 1]}])
        self.assertEqual(answer["outputs"], [{"name": "output", "dtype": "f32", "shape": ["N", 1]}])
        self.assertEqual((answer["epoch"], answer["node"]), (3, "learn"))
        self.assertEqual(answer["weights_sha256"], self.result["weights_sha256"])
        content = pathlib.Path(self.out).read_bytes()
        self.assertEqual(len(content), answer["bytes"])
        self.assertTrue(content.startswith(b"\x08\x07\x12\x08millrace"))

    def test_a_run_is_named_by_last_its_name_or_its_folder(self):
        first = self.exported(word="last")
        again = self.exported("--force", word=f"{self.runs}/kept-1")
        self.assertEqual(first["weights_sha256"], again["weights_sha256"])
        self.assert_refused(self.export("-o", self.out, "--force", word="kept-7"), 2, "unknown-run")

    def test_people_read_what_was_written(self):
        process = self.export("-o", self.out)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("the model of `learn` after epoch 3", process.stdout)
        self.assertIn("x f32 [N, 1]", process.stdout)

    def test_the_same_run_gives_the_same_bytes(self):
        self.exported()
        before = pathlib.Path(self.out).read_bytes()
        self.exported("--force")
        self.assertEqual(pathlib.Path(self.out).read_bytes(), before)

    def test_nothing_is_overwritten_without_force(self):
        pathlib.Path(self.out).write_text("mine", encoding="utf-8")
        for form in ("onnx", "safetensors", "npy"):
            self.assert_refused(self.export("-o", self.out, "--format", form), 7, "export-exists")
        self.assertEqual(pathlib.Path(self.out).read_text(encoding="utf-8"), "mine")
        self.exported("--force")
        self.assertNotEqual(pathlib.Path(self.out).read_bytes(), b"mine")

    def test_a_folder_that_is_not_there_is_not_made(self):
        self.assert_refused(self.export("-o", f"{self.folder}/no/model"), 7, "output-unwritable")

    def test_safetensors_have_the_weights_alone_and_the_metadata(self):
        answer = self.exported("--format", "safetensors")
        metadata, tensors = read_tensors(self.out)
        kept, of_checkpoint = read_tensors(answer["checkpoint"])
        self.assertEqual({name: shape for name, (_, shape, _) in tensors.items()}, TENSORS)
        for name, tensor in tensors.items():
            self.assertEqual(tensor, of_checkpoint[name])
        self.assertEqual(metadata["weights_sha256"], kept["weights_sha256"])
        self.assertEqual((metadata["epoch"], metadata["node"]), ("3", "learn"))

    def test_npy_is_a_folder_with_a_file_for_each_tensor(self):
        answer = self.exported("--format", "npy")
        _, tensors = read_tensors(answer["checkpoint"])
        self.assertEqual(sorted(os.listdir(self.out)), sorted(f"{name}.npy" for name in TENSORS))
        for name, shape in TENSORS.items():
            content = pathlib.Path(f"{self.out}/{name}.npy").read_bytes()
            length, = struct.unpack("<H", content[8:10])
            header = eval(content[10:10 + length])  # a literal of Python, by the format's own description
            self.assertEqual(header, {"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
            self.assertEqual(content[10 + length:], tensors[name][2])
        self.exported("--format", "npy", "--force")

    def test_the_best_is_that_of_the_monitored_metric(self):
        losses = {epoch["epoch"]: epoch["loss"] for epoch in self.result["epochs"]}
        self.assertEqual(self.exported("--checkpoint", "best")["epoch"], max(losses, key=losses.get))

    def test_an_empty_name_is_no_file(self):
        for arguments in (("--checkpoint", ""), ("--runs", ""), ("-o", "")):
            process = run("export", "kept-1", "--runs", self.runs, "-o", self.out, *arguments)
            self.assert_refused(process, 2, "error[wrong-arguments]")
            self.assertIn("empty, where ", process.stderr)

    def test_a_checkpoint_may_be_named_by_its_file(self):
        oldest = self.checkpoints(self.runs)[0]
        self.assertEqual(self.exported("--checkpoint", oldest)["checkpoint"], oldest)
        self.assert_refused(self.export("-o", self.out, "--force", "--checkpoint", f"{self.folder}/none"), 4, "file-missing")

    def test_files_say_of_which_run_they_are_and_how_the_model_is_used(self):
        self.exported()
        content = pathlib.Path(self.out).read_bytes()
        for text in (b"run", b"kept-1", b"weights_sha256", self.result["weights_sha256"].encode()):
            self.assertIn(text, content[-400:])
        self.exported("--format", "safetensors", "--force")
        metadata, _ = read_tensors(self.out)
        use = json.loads(metadata["use.learn"])
        self.assertEqual((use["v"], use["inputs"], use["rows"], use["shape"]), (1, 1, "f32", [1]))
        self.assertEqual(use["layers"], [{"dense": 3, "activation": "tanh", "bias": True}, {"dense": 1, "activation": "linear", "bias": True}])
        self.assertEqual([step[0] for step in use["steps"]], ["multiply"])
        kept, _ = read_tensors(self.checkpoints(self.runs)[-1])
        self.assertEqual(kept["use.learn"], metadata["use.learn"])

    def test_a_torn_checkpoint_is_not_used_and_that_is_said(self):
        runs = self.copied_runs()
        *before, newest = self.checkpoints(runs)
        with open(newest, "r+b") as file:
            file.truncate(os.path.getsize(newest) - 1)
        process = self.export("-o", self.out, "--json", runs=runs)
        if not before:  # a disk so slow that the newest alone was written
            self.assert_refused(process, 4, "no-checkpoint")
            return
        self.assertEqual(result_of(process)["checkpoint"].rpartition("/")[2], before[-1].rpartition("/")[2])
        self.assertIn("not used: ", process.stderr)

    def test_a_run_that_was_interrupted_gives_its_newest_model(self):
        runs = self.copied_runs()
        os.remove(f"{runs}/kept-1/summary.json")
        self.assertEqual(self.exported(runs=runs)["weights_sha256"], self.result["weights_sha256"])

    def test_a_run_without_checkpoints_is_refused(self):
        runs = self.copied_runs()
        for path in self.checkpoints(runs):
            os.remove(path)
        self.assert_refused(self.export("-o", self.out, runs=runs), 4, "no-checkpoint")
        self.assertFalse(os.path.exists(self.out))

    def test_what_cannot_be_meant_is_told(self):
        self.assertEqual(self.export().returncode, 2)
        self.assertIn("-o FILE", self.export().stderr)
        self.assertIn("onnx", self.export("-o", self.out, "--format", "h5").stderr)
        self.assert_refused(self.export("-o", self.out, "--model", "teach"), 2, "unknown-model")
        self.assertEqual(self.export("-o", self.out, "--format", "npy", "--without-preprocessing").returncode, 2)

    def test_a_stage_without_a_form_is_named(self):
        config = f"{self.folder}/classes.yaml"
        pathlib.Path(config).write_text("""version: 1
name: classes
epochs: 1
device: cpu
graph:
  rows:    {stage: table_source, with: {columns: {x: [a, b, c], y: [1, 2, 3]}}}
  hot:     {stage: one_hot, in: rows.x, with: {classes: 3}}
  batches: {stage: batcher, in: {inputs: hot, targets: rows.y}, with: {batch_size: 2}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse}}
""", encoding="utf-8")
        runs = f"{self.folder}/runs"
        self.assertEqual(run(config, "--runs", runs).returncode, 0)
        process = self.export("-o", self.out, word="last", runs=runs)
        self.assert_refused(process, 3, "export-stage")
        self.assertIn("`hot`", process.stderr)
        self.assertIn("--without-preprocessing", process.stderr)
        self.exported("--format", "safetensors", word="last", runs=runs)
        self.assertIn("stage `one_hot`", json.loads(read_tensors(self.out)[0]["use.learn"])["no_rows"])
        os.remove(self.out)
        answer = self.exported("--without-preprocessing", word="last", runs=runs)
        self.assertEqual(answer["inputs"], [{"name": "inputs", "dtype": "f32", "shape": ["N", 3]}])

    def test_a_stage_of_a_plugin_on_the_way_is_named(self):
        config, runs = f"{self.folder}/moved.yaml", f"{self.folder}/runs"
        pathlib.Path(config).write_text(f"""version: 1
name: moved
epochs: 1
device: cpu
graph:
  letters: {{stage: idx_loader, with: {{images: {os.path.abspath('examples/random_affine/letters.idx')}}}}}
  moved:   {{stage: random_affine, in: letters.images, with: {{max_shift: 1}}}}
  flat:    {{stage: flatten, in: moved}}
  unit:    {{stage: normalize, in: flat, with: {{scale: 1/255}}}}
  batches: {{stage: batcher, in: {{inputs: unit, targets: unit}}, with: {{batch_size: 2}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 64}}], loss: mse}}}}
""", encoding="utf-8")
        process = run(config, "--runs", runs)
        self.assertEqual(process.returncode, 0, process.stderr)
        process = self.export("-o", self.out, word="last", runs=runs)
        self.assert_refused(process, 3, "export-stage")
        self.assertIn("node `moved`, on the way to the model, has stage `random_affine`", process.stderr)


class BestEpoch(unittest.TestCase):
    """`best` is the best epoch of the run, however fast its epochs are, or an error."""
    EPOCHS = 40
    # With this learning rate the loss goes up and down, and the last epoch is not the best.
    CONFIG = f"""version: 1
name: quick
seed: 3
epochs: {EPOCHS}
device: cpu
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, columns: {{x: [0, 1, 2, 3, 4, 5, 6, 7], y: [0, 3, 1, 2, 5, 2, 7, 1]}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 2}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 8, activation: tanh}}, dense: {{units: 1}}], loss: mse, metrics: [mae], optimizer: {{adam: {{learning_rate: 0.2}}}}}}}}
"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs = f"{folder.name}/runs"
        self.config = f"{folder.name}/quick.yaml"
        pathlib.Path(self.config).write_text(self.CONFIG, encoding="utf-8")

    def trained(self, *arguments):
        process = run(self.config, "--runs", self.runs, "--json", "--quiet", *arguments)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def export(self, folder):
        return run("export", folder, "--checkpoint", "best", "-o", f"{self.runs}/best", "--force", "--json", "--format", "safetensors")

    def best_of(self, folder):
        process = self.export(folder)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def require_best(self, sets, metric, choose):
        found = []
        for _ in range(3):
            result = self.trained(*sets)
            values = {epoch["epoch"]: epoch[metric] for epoch in result["epochs"]}
            best = self.best_of(result["run"])
            self.assertEqual(best["epoch"], choose(values, key=values.get))
            self.assertNotEqual(best["epoch"], self.EPOCHS)
            found.append(best["weights_sha256"])
        self.assertEqual(len(set(found)), 1)

    def test_of_the_monitored_metric(self):
        self.require_best(["--set", "keep={monitor: mae, last: 1}"], "mae", min)
        self.require_best(["--set", "keep={monitor: mae, mode: max, last: 1, every_steps: 1}"], "mae", max)

    def test_where_none_is_monitored_of_the_loss_that_runs_are_compared_by(self):
        self.require_best([], "loss", min)
        listed = result_of(run("runs", "--runs", self.runs, "--json"))["runs"]
        self.assertEqual({run["best"]["epoch"] for run in listed}, {self.best_of(f"{self.runs}/quick-1")["epoch"]})

    def test_a_run_that_goes_on_in_one_of_its_own_has_the_best_of_its_parent(self):
        best = self.best_of(self.trained()["run"])
        process = run("resume", f"{self.runs}/quick-1", "--set", f"epochs={self.EPOCHS + 1}", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(self.best_of(result_of(process)["run"])["weights_sha256"], best["weights_sha256"])

    def test_where_it_is_not_stored_no_other_is_taken(self):
        folder = self.trained("--set", "keep={monitor: mae}")["run"]
        best = self.best_of(folder)
        os.remove(best["checkpoint"])
        for process in (self.export(folder), run("predict", folder, self.config, "--checkpoint", "best"),
                        run(self.config, "--no-keep", "--set", f"learn.init_from={folder}")):
            self.assertEqual(process.returncode, 4, process.stdout + process.stderr)
            self.assertRegex(process.stderr, rf"no-checkpoint.*the best epoch of run `.*` is {best['epoch']} \(`mae` ")
            self.assertRegex(process.stderr, rf"stored are epoch-00{self.EPOCHS}.safetensors")


if __name__ == "__main__":
    unittest.main()
