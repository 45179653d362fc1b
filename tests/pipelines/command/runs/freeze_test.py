"""`freeze`: layers whose weights stay as they begin."""
import glob
import tempfile
import unittest

from checkpoint_files import read_tensors
from program import result_of, run

CONFIG = """version: 1
name: fixed
seed: 3
epochs: {epochs}
device: cpu
keep: {{last: 1000}}
graph:
  rows:    {{stage: table_source, with: {{columns: {{x: [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], y: [1, 0, 3, 2, 5, 4, 7, 6]}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 8}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 5, activation: tanh, l2: 0.1}}, dropout: {{rate: 0.25}}, dense: {{units: 4}}, dense: {{units: 1}}], loss: mse, optimizer: {{{optimizer}}}, freeze: {freeze}}}}}
"""
LAYERS = ("0", "3", "4")  # 1 is tanh, 2 the dropout


def tensors_of(path):
    return {name: data for name, (_, _, data) in read_tensors(path)[1].items()}


class Freeze(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, freeze, *arguments, epochs=3, optimizer="adam: {}"):
        self.config = f"{self.folder}/fixed.yaml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(freeze=freeze, epochs=epochs, optimizer=optimizer))
        return run(self.config, "--json", *(arguments or ("--runs", f"{self.folder}/runs")))

    def tensors(self, freeze, **how):
        process = self.start(freeze, **how)
        self.assertEqual(process.returncode, 0, process.stderr)
        return tensors_of(sorted(glob.glob(f"{result_of(process)['run']}/checkpoints/*"))[-1])

    def changed(self, before, after, start=""):
        return {layer for layer in LAYERS for what in ("weight", "bias") if before[f"{start}{layer}.{what}"] != after[f"{start}{layer}.{what}"]}

    def test_frozen_weights_and_what_the_optimizer_keeps_of_them_stay(self):
        first = self.tensors("[]", epochs=1, optimizer="sgd: {learning_rate: 1e-30}")  # moves no weight, and biases begin with 0
        first = {name: bytes(len(data)) if name.endswith("bias") else data for name, data in first.items()}
        for freeze, left in (("[0]", {"3", "4"}), ("[3]", {"0", "4"}), ("[4]", {"0", "3"}), ("[0, 3]", {"4"}), ("[3, 4]", {"0"})):
            for optimizer in ("sgd: {learning_rate: 0.01, momentum: 0.9}", "adam: {clip_norm: 1.0}", "rmsprop: {}", "adagrad: {}"):
                with self.subTest(f"{freeze} {optimizer}"):
                    after = self.tensors(freeze, optimizer=optimizer)
                    self.assertEqual(self.changed(first, after), left)
                    one = self.tensors(freeze, optimizer=optimizer, epochs=1)
                    for slot in {name.split(".")[1] for name in after if name.startswith("optimizer.")}:
                        self.assertEqual(self.changed(one, after, f"optimizer.{slot}."), left)

    def test_the_others_take_the_step_that_they_would_have_taken(self):
        sgd = "sgd: {learning_rate: 0.01}"
        free = self.tensors("[]", epochs=1, optimizer=sgd)
        for freeze, left in (("[0]", {"3", "4"}), ("[4]", {"0", "3"})):
            fixed = self.tensors(freeze, epochs=1, optimizer=sgd)
            for layer in left:
                for what in ("weight", "bias"):
                    self.assertEqual(fixed[f"{layer}.{what}"], free[f"{layer}.{what}"], (freeze, layer))

    def test_the_loss_has_the_penalty_of_frozen_weights_too(self):
        losses = [result_of(self.start(freeze, "--no-keep", epochs=1))["epochs"][0]["loss"] for freeze in ("[]", "[0]")]
        self.assertEqual(losses[0], losses[1])

    def test_threads_change_nothing(self):
        hashes = {result_of(self.start("[0]", "--no-keep", "--threads", threads))["weights_sha256"] for threads in ("1", "4")}
        self.assertEqual(len(hashes), 1)

    def test_a_run_goes_on_with_other_layers_frozen(self):
        before = self.tensors("[]", epochs=2)
        process = run("resume", f"{self.folder}/runs/fixed-1", "--json", "--set", "epochs=4", "--set", "learn.freeze=[0, 3]")
        self.assertEqual(process.returncode, 0, process.stderr)
        after = tensors_of(sorted(glob.glob(f"{result_of(process)['run']}/checkpoints/*"))[-1])
        self.assertEqual(self.changed(before, after), {"4"})

    def test_the_plan_says_which_and_how_many(self):
        self.start("[0]", "--no-keep")
        text = run("plan", self.config).stdout
        self.assertIn("total parameters: 39 (156 B as float32), 29 trained, 10 frozen", " ".join(text.split()))
        (model,) = result_of(run("plan", self.config, "--json"))["models"]
        self.assertEqual((model["parameters"], model["trainable_parameters"]), (39, 29))
        self.assertEqual([layer.get("frozen", False) for layer in model["layers"]], [True, False, False, False])

    def test_mistakes_are_told_with_the_layers_that_there_are(self):
        there_are = "layers with weights, by their numbers in a checkpoint: 0 (dense 5, `learn.model.0`), 3 (dense 4, `learn.model.2`), 4 (dense 1, `learn.model.3`)"
        process = self.start("[0, 7]", "--no-keep")
        self.assertEqual(process.returncode, 3)
        (error,) = result_of(process)["errors"]
        self.assertEqual((error["name"], error["help"]), ("unknown-layer", there_are))
        (error,) = result_of(self.start("[0, 3, 4]", "--no-keep"))["errors"]
        self.assertEqual(error["name"], "all-frozen")
        (warning,) = result_of(self.start("[0, 1]", "--no-keep"))["warnings"]
        self.assertEqual((warning["name"], warning["help"]), ("freeze-no-weights", there_are))


if __name__ == "__main__":
    unittest.main()
