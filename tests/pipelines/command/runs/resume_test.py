"""`resume`: a run that was killed, stopped or failed goes on to the bits of one that never was."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from kept_training import CONFIG, EPOCHS, journal
from program import PROGRAM, result_of, run


class Resume(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.config = f"{cls.shared.name}/kept.yaml"
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        process = run(cls.config, "--runs", f"{cls.shared.name}/whole", "--json")
        assert process.returncode == 0, process.stderr
        cls.whole = result_of(process)
        cls.whole_journal = journal(f"{cls.shared.name}/whole/kept-1")

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs = folder.name
        self.folder = f"{self.runs}/kept-1"

    def start(self, *arguments):
        return subprocess.Popen([PROGRAM, *arguments, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def checkpoints(self):
        return sorted(glob.glob(f"{self.folder}/attempts/*/checkpoints/*.safetensors"))

    def start_and_end(self, how, checkpoints):
        """Starts a run and ends it by a signal once it has written so many checkpoints."""
        process = self.start(self.config, "--runs", self.runs)
        while len(glob.glob(f"{self.folder}/attempts/*/checkpoints/*.safetensors")) < checkpoints and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(how)
        return process.wait()

    def resume(self, *arguments):
        return run("resume", self.folder, "--json", *arguments)

    def require_whole(self, process):
        self.assertEqual(process.returncode, 0, process.stderr)
        result = result_of(process)
        self.assertEqual(result["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual([epoch["epoch"] for epoch in result["epochs"]], list(range(1, EPOCHS + 1)))
        self.assertEqual(journal(self.folder), self.whole_journal)

    def test_a_run_that_was_killed_goes_on_to_the_same_bits(self):
        for kills in range(1, 3):
            self.start_and_end(signal.SIGKILL, kills)
            self.require_whole(self.resume())
            shutil.rmtree(self.folder)

    def test_one_that_is_killed_again_and_again_does_too(self):
        moments = random.Random(1)
        process = self.start(self.config, "--runs", self.runs)
        for _ in range(25):
            time.sleep(moments.uniform(0, 0.08))
            process.kill()
            process.wait()
            if not os.path.isdir(f"{self.folder}/current"):  # killed before the folder was whole
                shutil.rmtree(self.folder, ignore_errors=True)
                process = self.start(self.config, "--runs", self.runs)
            else:
                process = self.start("resume", self.folder)
        process.wait()
        self.require_whole(self.resume())

    def test_one_that_was_stopped_by_a_signal_goes_on_from_its_last_batch(self):
        code = self.start_and_end(signal.SIGINT, 1)
        if code != 0:
            self.assertEqual(code, 130)
        self.require_whole(self.resume())

    def test_other_threads_and_blocks_change_nothing(self):
        self.start_and_end(signal.SIGKILL, 2)
        self.require_whole(self.resume("--threads", "3"))

    def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again_and_says_so(self):
        self.start_and_end(signal.SIGKILL, 1)
        for path in self.checkpoints():
            os.remove(path)
        process = self.resume()
        self.assertIn("from its beginning", process.stderr)
        self.require_whole(process)

    def test_a_run_that_was_killed_when_all_was_trained_tells_its_last_epoch_again(self):
        self.finish(EPOCHS)
        os.remove(f"{self.folder}/summary.json")
        process = self.resume()
        self.assertIn(f"behind epoch {EPOCHS}", process.stderr)
        self.require_whole(process)

    def test_a_poisoned_checkpoint_is_never_taken(self):
        self.start_and_end(signal.SIGKILL, 2)
        with open(f"{self.folder}/metrics.jsonl", encoding="utf-8") as lines:
            kept = [line for line in map(json.loads, lines) if line["kind"] == "checkpoint"]
        newest = f"{self.folder}/{kept[-1]['values']['path']}"
        with open(newest, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        process = self.resume()
        self.assertIn(os.path.basename(newest), process.stderr)
        self.require_whole(process)

    def test_a_finished_run_tells_its_result_again(self):
        self.assertEqual(run(self.config, "--runs", self.runs, "--quiet").returncode, 0)
        before = {path: os.path.getmtime(path) for path in glob.glob(f"{self.folder}/**", recursive=True)}
        process = self.resume()
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual({path: os.path.getmtime(path) for path in glob.glob(f"{self.folder}/**", recursive=True)}, before)

    def test_a_run_in_use_is_left_alone(self):
        process = self.start(self.config, "--runs", self.runs)
        while not os.path.isdir(f"{self.folder}/current") and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        try:
            refused = run("resume", self.folder)
        finally:
            process.kill()
            process.wait()
        if os.path.exists(f"{self.folder}/summary.json"):
            self.skipTest("the run was over before it could be stopped")
        self.assertIn("error[run-in-use]", refused.stderr)
        self.assertIn(str(process.pid), refused.stderr)
        self.assertNotEqual(refused.returncode, 0)

    def test_what_differs_is_told(self):
        self.start_and_end(signal.SIGKILL, 1)
        path = f"{self.folder}/config.yaml"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        os.chmod(path, 0o644)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("seed: 3", "seed: 4"))
        refused = self.resume()
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("resume-differs", refused.stdout + refused.stderr)
        self.assertIn("config", refused.stdout + refused.stderr)

    def test_the_best_checkpoint_stays_and_a_metric_that_nobody_tells_is_refused(self):
        process = run(self.config, "--runs", self.runs, "--set", "keep.monitor=val_mae", "--set", "keep.last=1", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        names = {os.path.basename(path) for path in self.checkpoints()}
        self.assertIn(f"epoch-{EPOCHS:04}.safetensors", names)
        self.assertLessEqual(len(names), 2)
        refused = run(self.config, "--runs", self.runs, "--set", "keep.monitor=val_los")
        self.assertEqual(refused.returncode, 3)
        self.assertIn("error[unknown-metric]", refused.stderr)
        self.assertIn("val_loss", refused.stderr)

    def test_checkpoints_of_earlier_attempts_go_too(self):
        self.start_and_end(signal.SIGKILL, 2)
        self.assertTrue(self.checkpoints())
        self.require_whole(self.resume())
        # One that was written when the process was killed, and not told of, is nobody's.
        left = [path for path in self.told_of() if os.path.exists(f"{self.folder}/{path}")]
        self.assertLessEqual(len(left), 2, left)
        self.assertTrue(left[-1].endswith(f"epoch-{EPOCHS:04}.safetensors"), left)

    def told_of(self):
        """Checkpoints that a journal of any attempt names, from the run's folder on."""
        lines = [json.loads(line) for journal in glob.glob(f"{self.folder}/attempts/*/metrics.jsonl")
                 for line in open(journal, encoding="utf-8")]
        return sorted({line["values"]["path"] for line in lines if line["kind"] == "checkpoint"})

    def finish(self, epochs):
        process = run(self.config, "--runs", self.runs, "--set", f"epochs={epochs}", "--quiet")
        self.assertEqual(process.returncode, 0, process.stderr)

    def require_child(self, process):
        """A child that went on to the end with the rest of the config as it was; the folder of it."""
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual([epoch["epoch"] for epoch in result_of(process)["epochs"]], list(range(1, EPOCHS + 1)))
        self.assertEqual(journal(f"{self.runs}/kept-2"), self.whole_journal)

    def test_a_finished_run_goes_on_to_the_bits_of_more_epochs_in_a_run_of_its_own(self):
        self.finish(EPOCHS - 2)
        before = {path: os.path.getmtime(path) for path in glob.glob(f"{self.folder}/**", recursive=True)}
        process = self.resume("--set", f"epochs={EPOCHS}")
        self.require_child(process)
        self.assertEqual({path: os.path.getmtime(path) for path in glob.glob(f"{self.folder}/**", recursive=True)}, before)
        with open(f"{self.runs}/kept-2/environment.json", encoding="utf-8") as file:
            parent = json.load(file)["parent"]
        self.assertEqual((os.path.realpath(parent["run"]), parent["epoch"], parent["is_epoch_complete"]),
                         (os.path.realpath(self.folder), EPOCHS - 2, True))

    def test_a_child_needs_no_parent_any_more(self):
        self.finish(EPOCHS - 2)
        child = f"{self.runs}/kept-2"
        process = self.start("resume", self.folder, "--set", f"epochs={EPOCHS}")
        while not os.path.isdir(f"{child}/current") and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.wait()
        shutil.rmtree(self.folder)
        self.require_child(run("resume", child, "--json"))

    def test_a_child_may_learn_otherwise_and_is_told_when_nothing_is_left_to_do(self):
        self.finish(EPOCHS - 2)
        process = self.resume("--set", f"epochs={EPOCHS}", "--set", "learn.optimizer.adam.learning_rate=0.5")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertNotEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual(journal(f"{self.runs}/kept-2")[:EPOCHS - 2], self.whole_journal[:EPOCHS - 2])
        refused = run("resume", self.folder, "--set", "seed=9")
        self.assertEqual(refused.returncode, 3)
        self.assertIn("error[no-epochs-left]", refused.stderr)
        self.assertIn(f"--set epochs={EPOCHS - 1}", refused.stderr)

    def test_a_child_of_another_shape_is_refused(self):
        self.finish(EPOCHS - 2)
        refused = run("resume", self.folder, "--set", f"epochs={EPOCHS}", "--set", "learn.model.0.dense.units=17")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("error[resume-unfit]", refused.stderr)
        self.assertFalse(os.path.exists(f"{self.runs}/kept-2"))

    def test_other_bits_make_a_run_of_its_own_and_only_if_wanted(self):
        self.finish(EPOCHS - 2)
        path = f"{self.folder}/attempts/1/environment.json"
        with open(path, encoding="utf-8") as file:
            environment = json.load(file)
        environment["bits_class"] = "another"
        os.chmod(path, 0o644)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(environment, file)
        refused = run("resume", self.folder, "--set", f"epochs={EPOCHS}")
        self.assertEqual(refused.returncode, 3)
        self.assertIn("--other-bits", refused.stderr)
        self.require_child(self.resume("--set", f"epochs={EPOCHS}", "--other-bits"))

    def write_config(self, name, text):
        path = f"{self.runs}/{name}.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def finish_again(self, config, *sets):
        """The hash of a run with these overrides, and of one that goes on from its middle."""
        sets = [word for value in sets for word in ("--set", value)]
        whole = run(config, "--runs", f"{self.runs}/a", "--json", *sets)
        self.assertEqual(whole.returncode, 0, whole.stderr)
        self.assertEqual(run(config, "--runs", f"{self.runs}/b", "--quiet", "--set", f"epochs={EPOCHS - 2}", *sets).returncode, 0)
        name = os.path.splitext(os.path.basename(config))[0]
        again = run("resume", f"{self.runs}/b/{name}-1/", "--set", f"epochs={EPOCHS}", "--json")
        self.assertEqual(again.returncode, 0, again.stderr)
        os.remove(f"{self.runs}/a/{name}-1/summary.json")
        same = run("resume", f"{self.runs}/a/{name}-1", "--json")
        self.assertEqual(same.returncode, 0, same.stderr)
        return [result_of(process)["models"] for process in (whole, again, same)]

    def test_nodes_draw_as_beside_those_that_the_command_line_took_away(self):
        extra = "graph:\n  extra:   {stage: table_source, with: {shuffle: true, columns: {x: [1, 2]}}}\n"
        config = self.write_config("nulls", CONFIG.replace("graph:\n", extra).replace("name: kept", "name: nulls"))
        whole, again, same = self.finish_again(config, "extra=null")
        self.assertEqual(again["learn"]["weights_sha256"], whole["learn"]["weights_sha256"])
        self.assertEqual(same["learn"]["weights_sha256"], whole["learn"]["weights_sha256"])

    def test_two_trainers_of_other_batch_sizes_are_kept_in_the_middle_of_an_epoch(self):
        second = CONFIG[CONFIG.index("  batches:"):CONFIG.index("  all:")].replace("batches", "others").replace("learn:", "second:")
        config = self.write_config("two", CONFIG.replace("name: kept", "name: two").replace("  all:", second.replace("batch_size: 4", "batch_size: 10") + "  all:"))
        whole, again, same = self.finish_again(config)
        for node in ("learn", "second"):
            self.assertEqual(again[node]["weights_sha256"], whole[node]["weights_sha256"])
            self.assertEqual(same[node]["weights_sha256"], whole[node]["weights_sha256"])
        for epoch in range(1, EPOCHS + 1):  # from each place that is left
            shutil.rmtree(f"{self.runs}/c", ignore_errors=True)
            process = run(config, "--runs", f"{self.runs}/c", "--quiet", "--set", "keep.last=1000")
            self.assertEqual(process.returncode, 0, process.stderr)
            folder = f"{self.runs}/c/two-1"
            os.remove(f"{folder}/summary.json")
            for path in glob.glob(f"{folder}/checkpoints/epoch-*"):
                if int(os.path.basename(path)[6:10]) >= epoch and (int(os.path.basename(path)[6:10]) > epoch or "batch" not in path):
                    os.remove(path)
            resumed = run("resume", folder, "--json")
            self.assertEqual(resumed.returncode, 0, resumed.stderr)
            for node in ("learn", "second"):
                self.assertEqual(result_of(resumed)["models"][node]["weights_sha256"], whole[node]["weights_sha256"])

    def test_a_checkpoint_that_the_journal_does_not_mean_is_never_taken(self):
        self.start_and_end(signal.SIGKILL, 2)
        other = run(self.config, "--runs", f"{self.runs}/other", "--quiet", "--set", "seed=99", "--set", "keep.last=1000")
        self.assertEqual(other.returncode, 0, other.stderr)
        newest = f"{self.folder}/{self.kept_lines()[-1]['values']['path']}"
        theirs = f"{self.runs}/other/kept-1/checkpoints/{os.path.basename(newest)}"
        if not os.path.exists(theirs):
            theirs = sorted(glob.glob(f"{self.runs}/other/kept-1/checkpoints/*"))[0]
        shutil.copy(theirs, newest)
        process = self.resume()
        self.assertIn("is not the file that the journal tells of", process.stderr)
        self.require_whole(process)

    def kept_lines(self):
        with open(f"{self.folder}/metrics.jsonl", encoding="utf-8") as lines:
            return [line for line in map(json.loads, lines) if line["kind"] == "checkpoint"]

    def test_a_journal_leads_to_no_file_outside_of_the_run(self):
        self.start_and_end(signal.SIGKILL, 2)
        precious = f"{self.runs}/precious.txt"
        with open(precious, "w", encoding="utf-8") as file:
            file.write("mine")
        line = self.kept_lines()[0]
        for path in ("../precious.txt", precious, "attempts/1/checkpoints/../../../../precious.txt"):
            line["values"]["path"] = path
            with open(f"{self.folder}/metrics.jsonl", "a", encoding="utf-8") as journal:
                journal.write(json.dumps(line) + "\n")
        process = self.resume()
        self.assertIn("is no place where a run keeps checkpoints", process.stderr)
        self.require_whole(process)
        self.assertTrue(os.path.exists(precious))

    def test_a_journal_that_lacks_an_epoch_is_not_gone_on_with_from_behind_it(self):
        self.finish(EPOCHS)
        os.remove(f"{self.folder}/summary.json")
        path = f"{self.folder}/metrics.jsonl"
        with open(path, encoding="utf-8") as journal:
            lines = [line for line in journal if not (json.loads(line)["kind"] == "epoch" and json.loads(line)["epoch"] == 2)]
        with open(path, "w", encoding="utf-8") as journal:
            journal.writelines(lines)
        process = self.resume()
        self.assertIn("the journal says nothing of epoch 2", process.stderr)
        self.require_whole(process)

    def test_a_child_lies_beside_its_parent_however_that_is_named_or_where_it_is_told(self):
        self.finish(EPOCHS - 2)
        for word in (f"{self.folder}/", f"{self.folder}/."):
            process = run("resume", word, "--set", f"epochs={EPOCHS}", "--quiet")
            self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(sorted(os.listdir(self.runs)), ["kept-1", "kept-2", "kept-3"])
        process = run("resume", self.folder, "--set", f"epochs={EPOCHS}", "--runs", f"{self.runs}/elsewhere", "--quiet")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertTrue(os.path.isdir(f"{self.runs}/elsewhere/kept-1"))

    def test_a_child_that_is_not_to_be_kept_leaves_nothing(self):
        self.finish(EPOCHS - 2)
        process = self.resume("--set", f"epochs={EPOCHS}", "--set", "keep=false")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual(os.listdir(self.runs), ["kept-1"])

    def test_odd_values_of_keep_are_refused_at_their_place(self):
        for value in ("0", "-1", "null", "many"):
            process = run(self.config, "--no-keep", "--set", f"keep.last={value}")
            self.assertEqual(process.returncode, 3, process.stderr)
            self.assertIn("keep.last", process.stderr)

    def test_a_folder_that_is_no_run_is_refused(self):
        process = run("resume", self.runs)
        self.assertIn("error[no-run-folder]", process.stderr)


if __name__ == "__main__":
    unittest.main()
