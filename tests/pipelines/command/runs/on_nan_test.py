"""`on_nan`: what a trainer does where a loss or a gradient is not finite."""
import glob
import os
import shutil
import tempfile
import unittest

from program import result_of, run

# Row 5 is so large that the loss of its batch is infinite; without rows 4 and 5 the others come in the same batches.
ROWS = [0.1, 0.4, 0.2, 0.8, 0.3, 1e30, 0.6, 0.5]
CONFIG = """version: 1
name: odd
seed: 3
epochs: {epochs}
device: cpu
keep: {{every_steps: 1, last: 1000}}
graph:
  rows:    {{stage: table_source, with: {{columns: {{x: {x}, y: {y}}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: {batch}}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [{model}], loss: mse, optimizer: {{{optimizer}}}, on_nan: {on_nan}}}}}
"""
TWO_LAYERS = "dense: {units: 4, activation: tanh}, dense: {units: 1}"
LINE = "dense: {units: 1, kernel_initializer: {constant: {value: 0.1}}}"


class OnNan(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs, self.run = folder.name, f"{folder.name}/odd-1"
        self.config = f"{folder.name}/odd.yaml"

    def start(self, x, on_nan, *arguments, epochs=3, batch=2, model=LINE, optimizer="adam: {learning_rate: 0.01}"):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(x=x, y=[2 * value if value < 1 else 1 for value in x], epochs=epochs, batch=batch, model=model,
                                     optimizer=optimizer, on_nan=on_nan))
        return run(self.config, "--json", "--no-keep", *arguments)

    def result(self, *arguments, **how):
        process = self.start(*arguments, **how)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def test_it_stops_unless_something_else_is_said(self):
        process = self.start(ROWS, "stop")
        self.assertEqual(process.returncode, 8)
        self.assertEqual(result_of(process)["failures"][0]["name"], "diverged")

    def test_a_step_that_is_left_out_has_changed_nothing(self):
        result = self.result(ROWS, "skip")
        without = self.result(ROWS[:4] + ROWS[6:], "stop")
        self.assertEqual(result["weights_sha256"], without["weights_sha256"])
        self.assertEqual([epoch["skipped_steps"] for epoch in result["epochs"]], [1, 1, 1])
        self.assertEqual([epoch["loss"] for epoch in result["epochs"]], [epoch["loss"] for epoch in without["epochs"]])
        (warning,) = result["warnings"]
        self.assertEqual((warning["name"], warning["node"], warning["count"]), ("step-skipped", "learn", 3))
        self.assertIn("epoch 1, batch 3: the loss of step 3 is not finite", warning["message"])

    def test_a_gradient_that_is_not_finite_is_left_out_though_its_loss_is(self):
        rows = [1e20, 1e20, 0.2, 0.8]  # (0.1 * 1e20)^2 is a float, 0.1 * 1e20 * 1e20 is none
        self.assertEqual(self.start(rows, "stop").returncode, 8)
        result = self.result(rows, "skip")
        self.assertEqual(result["weights_sha256"], self.result(rows[2:], "stop")["weights_sha256"])
        self.assertIn("the gradient of step 1", result["warnings"][0]["message"])

    def test_where_nothing_goes_wrong_no_bit_changes(self):
        hashes = {self.result(ROWS[:4], on_nan, model=TWO_LAYERS, optimizer=optimizer)["weights_sha256"]
                  for on_nan in ("stop", "skip", "rollback") for optimizer in ("adam: {clip_norm: 100}",)}
        self.assertEqual(len(hashes), 1)
        hashes = {self.result(ROWS[:4], on_nan, model=TWO_LAYERS)["weights_sha256"] for on_nan in ("stop", "skip", "rollback")}
        self.assertEqual(len(hashes), 1)

    def test_when_nothing_is_left_it_stops(self):
        process = self.start([1e30] * 4, "skip")
        self.assertEqual(process.returncode, 8)
        self.assertIn("no step of epoch 1", result_of(process)["failures"][0]["message"])
        process = self.start([1e30] * 400, "skip")
        self.assertEqual(process.returncode, 8)
        self.assertEqual(result_of(process)["failures"][0]["batch"], 100)

    # A rate of 0.2 is too large for this line, 0.025 is not.
    def diverging(self, *arguments, **how):
        return self.start([float(i % 10) for i in range(400)], "rollback", *arguments, optimizer="sgd: {learning_rate: 0.2}", batch=4, epochs=4, **how)

    def test_it_goes_back_to_the_end_of_the_last_epoch_with_half_the_rate(self):
        process = self.diverging()
        self.assertEqual(process.returncode, 0, process.stderr)
        result = result_of(process)
        last = result["epochs"][-1]
        self.assertLess(last["learning_rate_factor"], 1)
        back = sum(epoch["rollbacks"] for epoch in result["epochs"])
        self.assertEqual(last["learning_rate_factor"], 0.5 ** back)
        self.assertEqual([(warning["name"], warning["count"]) for warning in result["warnings"]], [("rolled-back", back)])
        self.assertIn("training went on from the end of epoch", result["warnings"][0]["message"])

    def test_it_does_not_go_back_for_ever(self):
        process = self.start(ROWS, "rollback", epochs=5)
        self.assertEqual(process.returncode, 8)
        self.assertEqual(result_of(process)["failures"][0]["epoch"], 4)

    def goes_on_alike(self, start):
        whole = result_of(start("--threads", "3"))
        process = run(self.config, "--runs", self.runs, "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], whole["weights_sha256"])
        names = sorted(os.path.basename(path) for path in glob.glob(f"{self.run}/attempts/1/checkpoints/*"))
        shutil.move(self.run, f"{self.runs}/spare")
        for kept in names[::max(1, len(names) // 6)]:
            shutil.copytree(f"{self.runs}/spare", self.run, symlinks=True)
            os.remove(f"{self.run}/summary.json")
            for later in names[names.index(kept) + 1:]:
                os.remove(f"{self.run}/attempts/1/checkpoints/{later}")
            with self.subTest(kept):
                process = run("resume", self.run, "--json")
                self.assertEqual(process.returncode, 0, process.stderr)
                self.assertEqual(result_of(process)["weights_sha256"], whole["weights_sha256"])
                for name in ("skipped_steps", "rollbacks", "learning_rate_factor", "loss"):
                    self.assertEqual([epoch.get(name) for epoch in result_of(process)["epochs"]], [epoch.get(name) for epoch in whole["epochs"]])
            shutil.rmtree(self.run)

    def stopped_with_its_last_epoch_kept(self):
        """A disk that is slower than training passes over some checkpoints; then there is a run with all that it needs soon."""
        start = (self.config, "--set", "learn.on_nan=stop", "--set", "learn.optimizer.sgd.learning_rate=0.042", "--set", "epochs=40", "--set", "keep.every_steps=1000", "--json")
        while True:
            process = run(*start, "--runs", self.runs)
            self.assertEqual(process.returncode, 8, process.stderr)
            result = result_of(process)
            if os.path.exists(f"{self.run}/attempts/1/checkpoints/epoch-{result['epochs'][-1]['epoch']:04}.safetensors"):
                return result
            shutil.rmtree(self.run)

    def test_a_run_that_stops_again_where_it_stopped_has_the_same_model(self):
        self.diverging()  # writes the config
        whole = self.stopped_with_its_last_epoch_kept()
        self.assertGreater(len(whole["epochs"]), 1)
        for _ in range(2):
            process = run("resume", self.run, "--json")
            self.assertEqual(process.returncode, 8, process.stderr)
            again = result_of(process)
            self.assertEqual((again["weights_sha256"], again["models"]), (whole["weights_sha256"], whole["models"]))
            self.assertEqual(again["failures"][0]["notes"][:-1], whole["failures"][0]["notes"][:-1])  # the last one names the capsule

    def test_a_run_that_skips_goes_on_alike(self):
        self.goes_on_alike(lambda *more: self.start(ROWS, "skip", *more))

    def test_a_run_that_goes_back_goes_on_alike(self):
        self.goes_on_alike(self.diverging)


if __name__ == "__main__":
    unittest.main()
