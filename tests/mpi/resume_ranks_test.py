"""`resume` over several ranks: with `reduction: ordered` a run goes on to the same bits on 1, 2 and 4, wherever and on how many it was before."""
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from launch import AS_ROOT, MPIRUN, PROGRAM, alone, launch, result_of

EPOCHS, ROWS = 4, 200
CONFIG = f"""version: 1
name: kept
seed: 3
epochs: {EPOCHS}
device: cpu
keep: {{every_steps: 1, last: 1000}}
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 32, columns: &rows {{x: {list(range(ROWS))}, y: {[i % 7 for i in range(ROWS)]}}}}}}}
  small:   {{stage: normalize, in: rows.x, with: {{scale: 1/400}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: rows.y}}, with: {{batch_size: 4}}}}
  learn:   {{stage: trainer, in: batches, with: {{reduction: ordered, model: [dense: {{units: 16, activation: tanh}}, dropout: {{rate: 0.1}}, dense: {{units: 1}}], loss: mse, optimizer: {{adam: {{}}}}}}}}
  all:     {{stage: table_source, with: {{columns: *rows}}}}
  same:    {{stage: normalize, in: all.x, with: {{scale: 1/400}}}}
  tests:   {{stage: batcher, in: {{inputs: same, targets: all.y}}, with: {{batch_size: 100}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss, mae]}}}}
"""
CLOCKED = ("seconds", "samples_per_second")


def epochs_of(result):
    return [{k: v for k, v in epoch.items() if not k.endswith(CLOCKED) and k != "reduction_deviation"} for epoch in result["epochs"]]


class ResumeOverRanks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config, self.run = f"{folder.name}/kept.yaml", f"{folder.name}/runs/kept-1"
        self.take(CONFIG)

    def take(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        self.whole = result_of(alone(self.config, "--no-keep", "--json"))

    def start(self, ranks, *arguments):
        words = [self.config, "--runs", os.path.dirname(self.run), "--quiet", *arguments]
        return alone(*words) if ranks == 1 else launch(ranks, *words)

    def resume(self, ranks, *arguments):
        words = ["resume", self.run, "--json", *arguments]
        return alone(*words) if ranks == 1 else launch(ranks, *words)

    def require_whole(self, process):
        result = result_of(process)
        self.assertEqual(result["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual(epochs_of(result), epochs_of(self.whole))

    def test_behind_an_epoch_on_as_many_ranks_as_before_or_others(self):
        for before, after in [(2, 1), (2, 2), (2, 4), (1, 4)]:
            with self.subTest(f"{before} ranks, then {after}"):
                self.assertEqual(self.start(before, "--set", f"epochs={EPOCHS - 2}").returncode, 0)
                self.require_whole(self.resume(after, "--set", f"epochs={EPOCHS}"))
                shutil.rmtree(os.path.dirname(self.run))

    def start_slowly_enough(self):
        """A run with a checkpoint in the middle of an epoch: a slow disk takes none where steps are fast."""
        for units in (16, 600, 1200):
            layer = f"dense: {{units: {units}, activation: tanh}}"
            self.take(CONFIG.replace("dense: {units: 16, activation: tanh}", f"{layer}, {layer}"))
            self.assertEqual(self.start(1).returncode, 0)
            if glob.glob(f"{self.run}/checkpoints/*-batch-*"):
                return
            shutil.rmtree(os.path.dirname(self.run))
        self.skipTest("this disk takes no checkpoint within an epoch")

    def test_in_the_middle_of_an_epoch_of_one_process(self):
        for ranks in (2, 4):
            self.start_slowly_enough()
            os.remove(f"{self.run}/summary.json")
            checkpoints = sorted(glob.glob(f"{self.run}/checkpoints/*-batch-*"))
            middle = next((path for path in checkpoints if "epoch-0002" in path), checkpoints[0])
            for path in glob.glob(f"{self.run}/checkpoints/*"):
                if path > middle:
                    os.remove(path)
            process = self.resume(ranks)
            self.assertIn("goes on behind batch", process.stderr)
            self.require_whole(process)
            shutil.rmtree(os.path.dirname(self.run))

    def has_checkpoint(self):
        try:
            with open(f"{self.run}/metrics.jsonl", encoding="utf-8") as journal:
                return '"checkpoint"' in journal.read()
        except OSError:
            return False

    def test_all_ranks_were_killed(self):
        process = subprocess.Popen([MPIRUN, "--oversubscribe", "--bind-to", "none", "-np", "2", PROGRAM, self.config, "--runs",
                                    os.path.dirname(self.run), "--quiet", "--set", "epochs=200"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **AS_ROOT})
        while process.poll() is None and not self.has_checkpoint():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)  # mpirun ends its processes
        process.wait()
        refused = self.resume(2, "--set", "epochs=1")
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(json.loads(refused.stdout)["errors"][0]["name"], "no-epochs-left")
        process = self.resume(2)
        self.assertEqual(len(result_of(process)["epochs"]), 200)
        whole = result_of(alone(self.config, "--no-keep", "--json", "--set", "epochs=200"))
        self.assertEqual(result_of(process)["weights_sha256"], whole["weights_sha256"])


if __name__ == "__main__":
    unittest.main()
