"""`peek RUN`: what passed in a run that was kept, computed from its nearest checkpoint to the bits that the run had."""
import glob
import os
import shutil
import tempfile
import unittest

from program import result_of, run

ROWS, EPOCHS, BATCHES = 96, 4, 24
CONFIG = f"""version: 1
name: kept
seed: 3
epochs: {EPOCHS}
device: cpu
keep: {{last: 30}}
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 9, columns: &rows {{x: {list(range(ROWS))}, y: {[i % 7 for i in range(ROWS)]}}}}}}}
  small:   {{stage: normalize, in: rows.x, with: {{scale: 1/96}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: rows.y}}, with: {{batch_size: 4}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 8, activation: tanh}}, dropout: {{rate: 0.1}}, dense: {{units: 1}}], loss: mse, optimizer: {{adam: {{}}}}}}}}
  same:    {{stage: table_source, with: {{columns: *rows}}}}
  lesser:  {{stage: normalize, in: same.x, with: {{scale: 1/96}}}}
  others:  {{stage: batcher, in: {{inputs: lesser, targets: same.y}}, with: {{batch_size: 10}}}}
  guess:   {{stage: predictor, in: {{data: others, model: learn.model}}}}
  show:    {{stage: print, in: {{in: guess}}}}
"""


TESTED = f"""  final:   {{stage: table_source, role: test, with: {{columns: {{x: [7, 8, 9], y: [1, 2, 3]}}}}}}
  tested:  {{stage: normalize, in: final.x, with: {{scale: 1/96}}}}
  last:    {{stage: batcher, in: {{inputs: tested, targets: final.y}}, with: {{batch_size: 2}}}}
  judge:   {{stage: evaluator, in: {{data: last, model: learn.model}}, with: {{metrics: [loss]}}}}
  say:     {{stage: predictor, in: {{data: last, model: learn.model}}}}
  tell:    {{stage: print, in: {{in: say}}}}
"""


class PeekRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.at = cls.shared.name
        with open(f"{cls.at}/kept.yaml", "w", encoding="utf-8") as file:
            file.write(CONFIG)
        with open(f"{cls.at}/tested.yaml", "w", encoding="utf-8") as file:
            file.write((CONFIG + TESTED).replace("name: kept", "name: tested"))
        process = run("tested.yaml", "--runs", "runs", "--quiet", cwd=cls.at)
        assert process.returncode == 0, process.stderr
        # Of epochs that are shorter than a disk takes not all leave a checkpoint: the last one does, and a child begins with it.
        for arguments in (["kept.yaml", "--set", "epochs=2"], ["resume", "kept-1", "--set", f"epochs={EPOCHS}"]):
            process = run(*arguments, "--runs", "runs", "--json", cwd=cls.at)
            assert process.returncode == 0, process.stderr
        cls.whole = result_of(process)

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def seen(self, what, *arguments):
        process = run("peek", what, *arguments, "--json", "--runs", "runs", cwd=self.at)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def test_it_has_the_bits_of_the_run_and_begins_at_a_checkpoint(self):
        for port, at, epoch in (("learn.metrics", "3:1", 3), ("guess.out", "3:2", 3)):
            told = self.seen("kept.yaml", port, "--at", at, "--rows", "100")
            kept = self.seen("kept-2", port, "--at", at, "--rows", "100")
            effort, whole = kept.pop("from"), told.pop("from")
            for one in (kept, told):  # of the clock
                for name in ("seconds", "samples_per_second"):
                    one.get("metrics", {}).pop(name, None)
            self.assertEqual(kept, told)
            self.assertEqual(whole, {"epoch": 1, "trained_batches": epoch * BATCHES})
            self.assertEqual(effort["epoch"], epoch)
            self.assertIn("epoch-0002", effort["checkpoint"])
            self.assertEqual(effort["trained_batches"], BATCHES)
        self.assertEqual(self.seen("kept-1", "learn.metrics", "--at", "2:1")["metrics"]["loss"], self.whole["epochs"][1]["loss"])

    def test_without_checkpoints_it_begins_at_the_seed(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(f"{self.at}/runs/kept-2", f"{folder}/kept-2", symlinks=True)
            for file in glob.glob(f"{copy}/attempts/1/checkpoints/*"):
                os.remove(file)
            process = run("peek", copy, "guess.out", "--at", "3:2", cwd=self.at)  # its parent may have had another config
            self.assertEqual(process.returncode, 4, process.stderr)
            self.assertIn("error[past-lost]", process.stderr)
            copy = shutil.copytree(f"{self.at}/runs/kept-1", f"{folder}/kept-1", symlinks=True)
            for file in glob.glob(f"{copy}/attempts/1/checkpoints/*"):
                os.remove(file)
            self.assertEqual(self.seen(copy, "guess.out", "--at", "2:2", "--rows", "9")["from"], {"epoch": 1, "trained_batches": 2 * BATCHES})

    def test_a_torn_checkpoint_is_passed_over_and_that_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(f"{self.at}/runs/kept-2", f"{folder}/kept-2", symlinks=True)
            with open(f"{copy}/attempts/1/checkpoints/epoch-0002.safetensors", "r+b") as file:
                file.seek(-3, 2)
                file.write(b"abc")
            process = run("peek", copy, "guess.out", "--at", "3:2", cwd=self.at)
            self.assertEqual(process.returncode, 4, process.stderr)
            self.assertRegex(process.stderr, r"= note: .*epoch-0002.safetensors is not as it was written")

    def test_nothing_is_trained_for_what_comes_before_a_trainer(self):
        batch = self.seen("kept-2", "batches.out.inputs", "--at", "4:3", "--rows", "4")
        self.assertEqual(batch["from"], {"epoch": 4, "trained_batches": 0})
        self.assertEqual(batch["fields"], self.seen("kept.yaml", "batches.out.inputs", "--at", "4:3", "--rows", "4")["fields"])

    def test_a_run_with_a_test_set_has_the_bits_of_its_training(self):
        seen = self.seen("tested-1", "learn.metrics", "--at", "4:1")
        self.assertEqual(seen["metrics"]["loss"], self.whole["epochs"][3]["loss"])
        self.assertEqual(self.seen("tested-1", "batches")["ids"], self.seen("kept-1", "batches")["ids"])

    def test_rows_of_a_test_set_are_shown_and_what_a_model_makes_of_them_is_not(self):
        for what in ("tested.yaml", "tested-1"):
            with self.subTest(what):
                self.assertEqual(self.seen(what, "final.x", "--rows", "3")["fields"][0]["values"], [[7], [8], [9]])
                batch = self.seen(what, "last.out.targets", "--at", "2:2", "--rows", "3")
                self.assertEqual((batch["ids"], batch["fields"][0]["values"], batch["from"]["trained_batches"]), ([2], [[3]], 0))
                for port in ("judge.metrics", "say.out"):
                    process = run("peek", what, port, "--at", f"{EPOCHS}:1", "--json", "--runs", "runs", cwd=self.at)
                    self.assertEqual(process.returncode, 2, process.stderr)
                    self.assertEqual([error["name"] for error in result_of(process)["errors"]], ["test-set-used"])
                    self.assertRegex(process.stderr, r"= help: `pipeline-run test RUN` evaluates the test set")
        # A role that nobody evaluates is told of the whole config as before.
        lines = [line for line in (CONFIG + TESTED).splitlines() if line.split(":")[0].strip() not in ("last", "judge", "say", "tell")]
        with open(f"{self.at}/unused.yaml", "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, "  see:     {stage: print, in: {in: tested}}", ""]))
        process = run("peek", "unused.yaml", "final.x", cwd=self.at)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("error[wrong-role]", process.stderr)

    def test_what_is_not_as_it_was_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copytree(f"{self.at}/runs/kept-2", f"{folder}/kept-2", symlinks=True)
            with open(f"{copy}/config.yaml", encoding="utf-8") as file:
                text = file.read()
            with open(f"{copy}/config.yaml", "w", encoding="utf-8") as file:
                file.write(text.replace("units: 8", "units: 9"))
            process = run("peek", copy, "guess.out", "--at", "3:2", cwd=self.at)
            self.assertEqual(process.returncode, 3)
            self.assertIn("error[resume-differs]", process.stderr)
            self.assertNotIn("--other-bits", process.stderr)

    def test_an_epoch_that_the_run_has_not_had_is_refused(self):
        with open(f"{self.at}/ended.yaml", "w", encoding="utf-8") as file:
            file.write(CONFIG.replace("name: kept", "name: ended").replace("{last: 30}", "{last: 3}").replace(f"epochs: {EPOCHS}", "epochs: 40") +
                       "  try:     {stage: evaluator, in: {data: others, model: learn.model}, with: {metrics: [loss]}}\n"
                       "  stop:    {stage: early_stop, in: try.metrics, with: {metric: loss, patience: 1, min_delta: 1000}}\n")
        process = run("ended.yaml", "--runs", "runs", "--json", cwd=self.at)
        self.assertEqual(process.returncode, 0, process.stderr)
        last = result_of(process)["epochs"][-1]
        self.assertLess(last["epoch"], 40)
        process = run("peek", "ended-1", "try.metrics", "--at", f"{last['epoch']}:1", "--json", "--runs", "runs", cwd=self.at)
        self.assertEqual((process.returncode, process.stderr), (0, ""))  # the weights that it has restored are nothing to go on from
        self.assertEqual(result_of(process)["metrics"]["loss"], last["val_loss"])
        process = run("peek", "ended-1", "try.metrics", "--at", f"{last['epoch'] + 1}:1", "--runs", "runs", cwd=self.at)
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertIn(f"error[no-such-epoch]: --at {last['epoch'] + 1}:1: the run has come to epoch {last['epoch']} of 40", process.stderr)

    def test_a_run_stays_as_it_is(self):
        before = sorted((path, os.path.getsize(path)) for path in glob.glob(f"{self.at}/runs/**", recursive=True))
        self.seen("runs/kept-2", "learn.metrics", "--at", "3:1")
        self.assertEqual(sorted((path, os.path.getsize(path)) for path in glob.glob(f"{self.at}/runs/**", recursive=True)), before)


if __name__ == "__main__":
    unittest.main()
