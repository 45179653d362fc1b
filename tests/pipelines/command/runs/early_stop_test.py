"""`early_stop`: a run ends when a metric has not become better for some epochs, with the weights of its best epoch, to the bit; also one that was
killed and goes on."""
import glob
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from program import PROGRAM, result_of, run

EPOCHS, PATIENCE = 40, 3
ROWS = 48
SEEN = [((7 * i * i + 3 * i) % 17) / 17 for i in range(ROWS)]  # nothing that could be learned: what is learned by heart makes others worse
OTHERS = [((5 * i * i + 11 * i) % 19) / 19 for i in range(ROWS)]
CONFIG = f"""version: 1
name: stops
seed: 5
epochs: {EPOCHS}
device: cpu
keep: {{every_steps: 4, last: 1000}}
graph:
  rows:     {{stage: table_source, with: {{shuffle: true, block_rows: 16, columns: {{x: {[i / ROWS for i in range(ROWS)]}, y: {SEEN}}}}}}}
  batches:  {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 8}}}}
  learn:    {{stage: trainer, in: batches, with: {{model: [dense: {{units: 32, activation: tanh}}, dense: {{units: 1}}], loss: mse, optimizer: {{adam: {{learning_rate: 0.02}}}}}}}}
  held:     {{stage: table_source, with: {{columns: {{x: {[i / ROWS + 0.01 for i in range(ROWS)]}, y: {OTHERS}}}}}}}
  tests:    {{stage: batcher, in: {{inputs: held.x, targets: held.y}}, with: {{batch_size: 16}}}}
  evaluate: {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss, mae]}}}}
  stop:     {{stage: early_stop, in: evaluate.metrics, with: {{metric: loss, patience: {PATIENCE}}}}}
"""
TIMES = ("seconds", "samples_per_second")


def values(result):
    return [{name: value for name, value in epoch.items() if not name.endswith(TIMES)} for epoch in result["epochs"]]


class EarlyStop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = folder.name
        cls.config = f"{folder.name}/stops.yaml"
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        cls.whole = cls.trained("--no-keep")
        cls.stop = cls.whole["early_stop"]["stop"]

    @classmethod
    def trained(cls, *arguments):
        process = run(cls.config, "--json", *arguments)
        assert process.returncode == 0, process.stderr
        return result_of(process)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs, self.folder = folder.name, f"{folder.name}/stops-1"

    def test_it_ends_the_epoch_after_it_was_decided(self):
        losses = [epoch["val_loss"] for epoch in self.whole["epochs"]]
        self.assertLess(len(losses), EPOCHS)
        self.assertEqual(self.stop["metric"], "val_loss")
        self.assertEqual(self.stop["epoch"], len(losses))
        self.assertEqual(self.stop["decided_at"], len(losses) - 1)
        self.assertEqual(self.stop["best"], min(losses))
        self.assertEqual(self.stop["best_epoch"], losses.index(min(losses)) + 1)
        best_then = losses.index(min(losses[:-1])) + 1
        self.assertEqual(best_then + PATIENCE, self.stop["decided_at"])
        self.assertEqual(self.whole["exit"], {"code": 0, "reason": "done"})

    def test_the_weights_are_those_of_the_best_epoch_to_the_bit(self):
        best = self.trained("--no-keep", "--set", "stop=null", "--set", f"epochs={self.stop['best_epoch']}")
        self.assertTrue(self.stop["restored"])
        self.assertEqual(self.whole["weights_sha256"], best["weights_sha256"])
        self.assertEqual(self.whole["models"]["learn"]["epochs_trained"], self.stop["best_epoch"])

    def test_restore_last_ends_with_those_of_the_last_epoch(self):
        last = self.trained("--no-keep", "--set", "stop.restore=last")
        self.assertFalse(last["early_stop"]["stop"]["restored"])
        self.assertEqual(values(last), values(self.whole))
        same = self.trained("--no-keep", "--set", "stop=null", "--set", f"epochs={self.stop['epoch']}")
        self.assertEqual(last["weights_sha256"], same["weights_sha256"])

    def test_with_patience_beyond_the_epochs_it_only_keeps_the_best(self):
        whole = self.trained("--no-keep", "--set", "stop.patience=1000", "--set", "epochs=20")
        losses = [epoch["val_loss"] for epoch in whole["epochs"]]
        self.assertEqual(len(losses), 20)
        self.assertNotIn("epoch", whole["early_stop"]["stop"])
        best = losses.index(min(losses)) + 1
        self.assertEqual(whole["early_stop"]["stop"]["best_epoch"], best)
        self.assertEqual(whole["weights_sha256"], self.trained("--no-keep", "--set", "stop=null", "--set", f"epochs={best}")["weights_sha256"])

    def test_threads_and_sources_that_wait_change_nothing(self):
        for arguments in (("--threads", "1"), ("--threads", "4"), ("--set", "epochs_ahead=0")):
            other = self.trained("--no-keep", *arguments)
            self.assertEqual(other["weights_sha256"], self.whole["weights_sha256"], arguments)
            self.assertEqual(other["early_stop"], self.whole["early_stop"])
            self.assertEqual(values(other), values(self.whole))

    def test_min_delta_counts_for_patience_and_not_for_the_best(self):
        whole = self.trained("--no-keep", "--set", "stop.min_delta=10")
        self.assertEqual(whole["early_stop"]["stop"]["decided_at"], 1 + PATIENCE)
        losses = [epoch["val_loss"] for epoch in whole["epochs"]]
        self.assertEqual(whole["early_stop"]["stop"]["best"], min(losses))

    def test_it_says_so_where_results_are_told(self):
        process = run(self.config, "--runs", self.runs)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn(f"stopped early after epoch {self.stop['epoch']}: at the end of epoch {self.stop['decided_at']} val_loss had not become "
                      f"better for {PATIENCE} epochs; best", process.stdout)
        self.assertIn(f"at epoch {self.stop['best_epoch']}, whose weights it ends with", process.stdout)
        with open(f"{self.folder}/summary.json", encoding="utf-8") as file:
            summary = json.load(file)
        self.assertEqual((summary["status"], summary["early_stop"]), ("finished", self.whole["early_stop"]))

    def test_what_uses_the_run_uses_the_restored_weights(self):
        self.assertEqual(self.trained("--runs", self.runs)["weights_sha256"], self.whole["weights_sha256"])
        exported = f"{self.runs}/model.safetensors"
        process = run("export", self.folder, "--format", "safetensors", "-o", exported, "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        with open(exported, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        self.assertEqual(header["__metadata__"]["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual(header["__metadata__"]["epoch"], str(self.stop["best_epoch"]))
        same = run("export", self.folder, "--checkpoint", "last", "--format", "npy", "-o", f"{self.runs}/npy", "--json")
        self.assertEqual(result_of(same)["checkpoint"], result_of(process)["checkpoint"])
        self.assertTrue(result_of(same)["checkpoint"].endswith("restored.safetensors"), same.stdout)

    def test_of_two_that_judge_one_trainer_the_one_that_ended_the_run_gives_its_weights(self):
        both = f"{self.runs}/both.yaml"
        for patience, winner in ((EPOCHS, "stop"), (1, "other")):
            with open(both, "w", encoding="utf-8") as file:
                file.write(CONFIG + f"  other:    {{stage: early_stop, in: evaluate.metrics, with: {{metric: mae, patience: {patience}}}}}\n")
            result = result_of(run(both, "--json", "--no-keep"))
            stops = result["early_stop"]
            self.assertEqual([name for name in ("stop", "other") if stops[name]["restored"]], [winner])
            alone = result_of(run(self.config, "--json", "--no-keep", "--set", "stop=null", "--set", f"epochs={stops[winner]['best_epoch']}"))
            self.assertEqual(result["weights_sha256"], alone["weights_sha256"])

    def require_whole(self, process):
        self.assertEqual(process.returncode, 0, process.stderr)
        result = result_of(process)
        self.assertEqual(result["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual(result["early_stop"], self.whole["early_stop"])
        self.assertEqual(values(result), values(self.whole))

    def checkpoints(self):
        return sorted(os.path.basename(path) for path in glob.glob(f"{self.folder}/attempts/1/checkpoints/epoch-*"))

    def train_with_checkpoints_inside_epochs(self):
        """A disk that is slower than training passes over some of them."""
        while True:
            self.trained("--runs", self.runs)
            if any("batch" in name for name in self.checkpoints()):
                return
            shutil.rmtree(self.folder)

    def test_wherever_it_goes_on_from_it_ends_alike(self):
        self.train_with_checkpoints_inside_epochs()
        names, spare = self.checkpoints(), f"{self.runs}/spare"
        shutil.move(self.folder, spare)
        ends = [name for name in names if "batch" not in name][-4:]
        inside = [name for name in names if "batch" in name][-3:] + [next(name for name in names if "batch" in name)]
        for threads, name in enumerate(ends + inside, start=1):
            shutil.copytree(spare, self.folder, symlinks=True)
            os.remove(f"{self.folder}/summary.json")
            for later in names[names.index(name) + 1:]:
                os.remove(f"{self.folder}/attempts/1/checkpoints/{later}")
            with self.subTest(name):
                self.require_whole(run("resume", self.folder, "--json", "--threads", str(threads % 4 + 1)))
            shutil.rmtree(self.folder)

    def test_one_that_is_killed_again_and_again_ends_alike(self):
        moments = random.Random(2)
        process = subprocess.Popen([PROGRAM, self.config, "--runs", self.runs, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(8):
            time.sleep(moments.uniform(0, 0.12))
            process.kill()
            process.wait()
            if not os.path.isdir(f"{self.folder}/current"):
                shutil.rmtree(self.folder, ignore_errors=True)
                words = [self.config, "--runs", self.runs]
            else:
                words = ["resume", self.folder]
            process = subprocess.Popen([PROGRAM, *words, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.wait()
        self.require_whole(run("resume", self.folder, "--json"))

    def test_a_run_that_has_ended_early_goes_on_as_a_run_of_its_own(self):
        self.trained("--runs", self.runs)
        process = run("resume", self.folder, "--json", "--set", "stop.patience=1000", "--set", f"epochs={self.stop['epoch'] + 2}")
        self.assertEqual(process.returncode, 0, process.stderr)
        whole = self.trained("--no-keep", "--set", "stop.patience=1000", "--set", f"epochs={self.stop['epoch'] + 2}")
        self.assertEqual(result_of(process)["weights_sha256"], whole["weights_sha256"])
        self.assertEqual(values(result_of(process)), values(whole))

    def errors_of(self, *sets):
        process = run("check", self.config, "--json", *[word for text in sets for word in ("--set", text)])
        self.assertEqual(process.returncode, 3)
        return [(error["name"], error.get("help", "")) for error in result_of(process)["errors"]]

    def test_mistakes_are_told_before_anything_runs(self):
        self.assertEqual(self.errors_of("stop.metric=accuracy"), [("unknown-metric", "there are: loss, mae")])
        self.assertEqual(self.errors_of("stop.metric=seconds")[0][0], "metric-is-a-time")
        for wrong in ("patience=0", "patience=-1", "min_delta=-1", "patience=1.5"):
            self.assertIn(self.errors_of(f"stop.{wrong}")[0][0], ("out-of-range", "wrong-type"), wrong)
        self.assertEqual(self.errors_of("stop.mode=best")[0][0], "unknown-choice")
        self.assertEqual(self.errors_of("stop.restore=first")[0][0], "unknown-choice")


if __name__ == "__main__":
    unittest.main()
