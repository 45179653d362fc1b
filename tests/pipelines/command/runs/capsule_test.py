"""A stage that throws leaves what it was given, and `replay` makes that call once more, alone."""
import glob
import json
import os
import shutil
import tempfile
import unittest

from npy_files import read_npy
from program import result_of, run

PLUGIN = os.environ["FAULTY_PLUGIN"]
X = list(range(1, 31))
HEAD = f"version: 1\nname: fails\nseed: 3\nepochs: 2\ndevice: cpu\nplugins: ['{PLUGIN}']\n"


def tensor_config(stage, more=""):
    """Blocks of 8, 8, 8 and 6 rows."""
    return HEAD + f"""graph:
  rows: {{stage: table_source, with: {{block_rows: 8, columns: {{x: {X}}}}}}}
  odd:  {{stage: {stage}, in: rows.x{more}}}
  show: {{stage: print, in: {{in: odd}}}}
"""


def trainer_config(big, rate):
    """The trainer is given what is not finite where `big` stands."""
    return HEAD + f"""graph:
  rows:    {{stage: table_source, with: {{columns: {{x: {big}, y: {X}}}}}}}
  large:   {{stage: normalize, in: rows.x, with: {{scale: 1e30}}}}
  batches: {{stage: batcher, in: {{inputs: large, targets: rows.y}}, with: {{batch_size: 4}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 1}}], loss: mse, optimizer: {{sgd: {{learning_rate: {rate}}}}}}}}}
"""


class Capsules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = folder.name

    def fails(self, config, *arguments):
        with open(f"{self.at}/fails.yaml", "w", encoding="utf-8") as file:
            file.write(config)
        process = run("fails.yaml", "--runs", "runs", *arguments, cwd=self.at)
        self.assertNotEqual(process.returncode, 0)
        return process

    def capsules(self):
        return sorted(glob.glob(f"{self.at}/runs/*/attempts/*/capsules/*"))

    def replay(self, *words):
        return run("replay", *words, "--runs", f"{self.at}/runs", cwd="/")

    def test_a_transform_throws_the_same_alone(self):
        process = self.fails(tensor_config("faulty_odd_batch"), "--threads", "4")
        self.assertEqual(self.capsules(), [f"{self.at}/runs/fails-1/attempts/1/capsules/odd-1-3"])
        self.assertIn("error[row-count]", process.stderr)
        self.assertIn("once more, alone: pipeline-run replay runs/fails-1/attempts/1/capsules/odd-1-3", process.stderr)
        self.assertIn("in node `odd` (stage faulty_odd_batch), epoch 1, packet 3", process.stderr)
        for word in (self.capsules()[0], "last", "fails-1"):
            again = self.replay(word)
            self.assertEqual(again.returncode, process.returncode, again.stderr)
            self.assertIn("error[row-count]: rows come in fours", again.stderr)
            self.assertIn("the same error as in the run, in epoch 1, packet 3", again.stderr)
            self.assertIn("in node `odd` (stage faulty_odd_batch), epoch 1, packet 3", again.stderr)
        self.assertEqual(result_of(self.replay("last", "--json"))["errors"][0]["name"], "row-count")

    def test_it_holds_what_the_call_was_given(self):
        self.fails(tensor_config("faulty_odd_batch"))
        shape, values = read_npy(f"{self.capsules()[0]}/inputs/in.npy")
        self.assertEqual((shape[0], list(values)), (6, X[24:]))
        with open(f"{self.capsules()[0]}/capsule.json", encoding="utf-8") as file:
            capsule = json.load(file)
        self.assertEqual((capsule["node"], capsule["stage"], capsule["call"]), ("odd", "faulty_odd_batch", "process"))
        self.assertEqual(capsule["position"], {"epoch": 1, "packet": 3, "batch": 0})
        self.assertEqual((capsule["error"]["kind"], capsule["error"]["name"]), (1, "row-count"))
        self.assertEqual(capsule["inputs"][0]["ids"], list(range(24, 30)))
        self.assertTrue(capsule["inputs"][0]["last_in_epoch"])
        self.assertEqual(len(capsule["plugin"]["sha256"]), 64)

    def test_a_crash_in_a_process_of_its_own_comes_again(self):
        process = self.fails(tensor_config("faulty_crash", ", run: {isolate: process}"))
        again = self.replay("last")
        self.assertEqual(again.returncode, process.returncode, again.stderr)
        name = process.stderr.split("error[")[1].split("]")[0]
        self.assertIn(f"error[{name}]", again.stderr)
        self.assertIn("the same error", again.stderr)

    def test_a_trainer_fails_on_its_batch(self):
        process = self.fails(trainer_config([1e-29] * 18 + [1e30] + [1e-29] * 11, 1e-9))
        self.assertEqual(process.returncode, 8, process.stderr)
        self.assertEqual([os.path.basename(path) for path in self.capsules()], ["learn-1-5"])
        self.assertEqual(sorted(os.listdir(f"{self.capsules()[0]}/inputs")), ["in.inputs.npy", "in.targets.npy"])
        again = self.replay("last")
        self.assertEqual(again.returncode, 8, again.stderr)
        self.assertIn("the same error", again.stderr)

    def test_what_depends_on_what_came_before_is_told(self):
        """The weights have grown from batch to batch, and a new trainer has others."""
        process = self.fails(trainer_config([1e-29] * 30, 1e10))
        self.assertEqual(process.returncode, 8, process.stderr)
        again = self.replay("last")
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("error[replay-differs]: the call has not failed; in the run node `learn` has thrown error[diverged]", again.stderr)
        self.assertIn("= note: here the stage began without the state that it had in the run", again.stderr)

    def test_a_saved_state_is_in_it(self):
        config = trainer_config([1e-29] * 30, 1e-3).replace("epochs: 2", "epochs: 1")
        with open(f"{self.at}/fails.yaml", "w", encoding="utf-8") as file:
            file.write(config)
        self.assertEqual(run("fails.yaml", "--runs", "runs", cwd=self.at).returncode, 0)
        process = run("resume", "fails-1", "--set", "epochs=2", "--set", "large.scale=1e38", "--set", "learn.optimizer.sgd.learning_rate=1e30", "--runs", "runs", cwd=self.at)
        self.assertEqual(process.returncode, 8, process.stderr)
        self.assertTrue(os.path.exists(f"{self.capsules()[0]}/state.bin"), process.stderr)
        self.assertIn("behind epoch 1", self.replay("last").stderr)

    def test_without_a_folder_there_is_no_capsule(self):
        process = self.fails(tensor_config("faulty_odd_batch"), "--no-keep")
        self.assertNotIn("replay", process.stderr)

    def test_a_run_that_went_well_has_none(self):
        with open(f"{self.at}/fails.yaml", "w", encoding="utf-8") as file:
            file.write(tensor_config("faulty_not"))
        self.assertEqual(run("fails.yaml", "--runs", "runs", cwd=self.at).returncode, 0)
        self.assertEqual(self.capsules(), [])
        again = self.replay("last")
        self.assertEqual(again.returncode, 2)
        self.assertIn("error[no-capsule]", again.stderr)

    def test_a_stage_that_is_not_there_is_told_with_those_that_are(self):
        self.fails(tensor_config("faulty_odd_batch"))
        path = f"{self.capsules()[0]}/capsule.json"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for stage in ("faulty_old_batch", "recorded"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace('"stage": "faulty_odd_batch"', f'"stage": "{stage}"'))
            again = self.replay("last")
            self.assertEqual(again.returncode, 3, again.stderr)
            self.assertIn(f"error[unknown-stage]: `{stage}`", again.stderr)
            self.assertNotIn("(recorded)", again.stderr)

    def test_what_is_not_whole_is_refused(self):
        self.fails(tensor_config("faulty_odd_batch"))
        whole = self.capsules()[0]
        with open(f"{whole}/capsule.json", encoding="utf-8") as file:
            text = file.read()
        for before, after in ((text, text[:len(text) // 2]), ('"in.npy"', '"../../in.npy"'), ('"format": 1', '"format": 9'),
                              ('"rows": 6', '"rows": 60000'), ('"rows": 6', '"rows": -6'), ('"f32"', '"f99"'),
                              ('"draws"', '"drawn"'), ('"seed": 3', '"seed": "x"'), ('"packet"', '"pocket"'), ('"dtype"', '"type"'), (text, "[1]"), (text, 9000 * "[{\"a\": " + "1")):
            copy = shutil.copytree(whole, f"{self.at}/copy")
            with open(f"{copy}/capsule.json", "w", encoding="utf-8") as file:
                file.write(text.replace(before, after))
            again = self.replay(copy)
            self.assertEqual(again.returncode, 4, again.stderr)
            self.assertIn("error[capsule-unreadable]", again.stderr)
            self.assertNotIn("json.exception", again.stderr)
            shutil.rmtree(copy)
        with open(f"{whole}/inputs/in.npy", "r+b") as file:
            file.truncate(os.path.getsize(f"{whole}/inputs/in.npy") - 1)
        again = self.replay(whole)
        self.assertEqual(again.returncode, 4, again.stderr)
        self.assertIn("error[npy-size]", again.stderr)


if __name__ == "__main__":
    unittest.main()
