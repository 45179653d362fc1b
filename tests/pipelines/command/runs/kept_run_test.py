"""What a run keeps: its folder from start to end, whichever way it ends, and the verb `runs`."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from program import PROGRAM, TINY, result_of, run

CONFIG = os.path.abspath(TINY)
QUICK = (CONFIG, "-s", "epochs=3")
PARTS = ["attempts", "checkpoints", "claim", "config.yaml", "current", "environment.json", "log.txt", "metrics.jsonl", "report.html"]


class WithRuns(unittest.TestCase):
    """Each test starts in a folder of its own, where runs are kept in `runs`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.runs = self.folder / "runs"

    def run_it(self, *arguments, env=None, **more):
        return run(*arguments, cwd=self.folder, env={"MILLRACE_RUNS": "", **(env or {})}, **more)

    def kept(self, *arguments, code=0, **more):
        process = self.run_it(*arguments, **more)
        self.assertEqual(process.returncode, code, process.stderr)
        return process

    def names(self):
        return sorted(os.listdir(self.runs)) if self.runs.exists() else []

    def status(self, name):
        """Of one run, as `runs` tells it."""
        return next(found for found in result_of(self.kept("runs", "--json"))["runs"] if found["name"] == name)

    def running(self):
        """A run that ends only when it is stopped, and has trained three epochs."""
        process = subprocess.Popen([PROGRAM, CONFIG, "-s", "epochs=1000000", "-s", "name=long", "-s", "learn.optimizer.sgd.learning_rate=1e-3"],
                                   cwd=self.folder, env={**os.environ, "MILLRACE_RUNS": ""}, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while "Epoch 3/" not in (line := process.stdout.readline()):
            self.assertNotEqual(line, "", process.poll())
        return process

    def stopped(self, process, number):
        process.send_signal(number)
        process.stdout.read()
        return process.wait(timeout=60)


class Kept(WithRuns):
    def test_a_run_is_named_at_its_start_and_its_end_and_has_all_of_its_parts(self):
        process = self.kept(*QUICK)
        self.assertEqual(process.stderr, "run runs/linear_fit-1\n")
        self.assertEqual(process.stdout.splitlines()[-1], "run runs/linear_fit-1")
        self.assertEqual(sorted(os.listdir(self.runs / "linear_fit-1")), sorted([*PARTS, "summary.json"]))
        self.kept(*QUICK, "--quiet")
        self.assertEqual(self.names(), ["linear_fit-1", "linear_fit-2"])

    def test_quiet_names_it_nowhere(self):
        process = self.kept(*QUICK, "--quiet")
        self.assertEqual(process.stderr, "")
        self.assertNotIn("runs/", process.stdout)

    def test_the_object_names_it_and_is_its_summary(self):
        found = result_of(self.kept(*QUICK, "--json"))
        self.assertEqual(found["run"], "runs/linear_fit-1")
        summary = json.loads((self.runs / "linear_fit-1/summary.json").read_text())
        self.assertEqual(summary.pop("status"), "finished")
        self.assertEqual(summary.keys(), found.keys())
        for key in ("epochs", "weights_sha256", "config_hash", "bits_class", "exit", "failures", "nodes"):
            self.assertEqual(summary[key], found[key], key)

    def test_the_journal_has_the_values_of_each_epoch(self):
        found = result_of(self.kept(*QUICK, "--json"))
        lines = [json.loads(line) for line in (self.runs / "linear_fit-1/metrics.jsonl").read_text().splitlines()]
        lines = [line for line in lines if line["kind"] == "epoch"]
        self.assertEqual([{"epoch": line["epoch"], **line["values"]} for line in lines],
                         [dict(epoch) for epoch in found["epochs"]])
        for line in lines:
            self.assertEqual((line["v"], line["attempt"], line["batch"], line["kind"]), (1, 1, 0, "epoch"))

    def test_its_config_is_what_show_prints_and_gives_the_same_weights(self):
        first = result_of(self.kept(*QUICK, "--json"))
        config = self.runs / "linear_fit-1/config.yaml"
        self.assertEqual(config.read_text(), self.kept("show", *QUICK).stdout)
        again = result_of(self.kept(str(config), "--json"))
        self.assertEqual(again["run"], "runs/linear_fit-2")
        self.assertEqual((again["weights_sha256"], again["config_hash"]), (first["weights_sha256"], first["config_hash"]))

    def test_its_environment_says_what_it_ran_in(self):
        self.kept(*QUICK, env={"MILLRACE_DATASET": "fashion_mnist", "SOMEBODYS_TOKEN": "hush"})
        text = (self.runs / "linear_fit-1/environment.json").read_text()
        found = json.loads(text)
        summary = json.loads((self.runs / "linear_fit-1/summary.json").read_text())
        self.assertEqual(found["command"], [PROGRAM, *QUICK])
        self.assertEqual(found["variables"]["MILLRACE_DATASET"], "fashion_mnist")
        self.assertTrue(all(name.startswith("MILLRACE_") for name in found["variables"]))
        self.assertNotIn("hush", text)
        self.assertEqual(os.path.realpath(found["folder"]), os.path.realpath(self.folder))
        for key in ("config_hash", "bits_class", "data", "plugins", "device"):
            self.assertEqual(found[key], summary[key], key)

    def test_its_log_has_what_stages_print_and_warn(self):
        config = pathlib.Path(TINY).read_text().replace("learning_rate: 0.01", "learning_rate: 1e-3").replace("x: [0,", "x: [900,")
        process = self.kept("-", "-s", "epochs=2", input=config)
        log = (self.runs / "linear_fit-1/log.txt").read_text()
        self.assertIn("0.dense.kernel", log)
        for warning in re.findall(r"warning\[[a-z-]+\]", process.stderr):
            self.assertIn(warning, log)

    def test_a_config_of_standard_input_is_kept_too(self):
        with open(TINY, encoding="utf-8") as config:
            found = result_of(self.kept("-", "-s", "epochs=1", "-s", "name=from/a pipe", "--json", stdin=config))
        self.assertEqual(found["run"], "runs/from_a_pipe-1")
        self.assertEqual(json.loads((self.runs / "from_a_pipe-1/environment.json").read_text())["config"], "-")

    def test_runs_are_kept_where_the_option_says_else_where_the_variable_says(self):
        self.kept(*QUICK, env={"MILLRACE_RUNS": "by_variable"})
        self.kept(*QUICK, "--runs", "by/option", env={"MILLRACE_RUNS": "by_variable"})
        for folder in ("by_variable", "by/option"):
            self.assertEqual(os.listdir(self.folder / folder), ["linear_fit-1"])
        self.assertEqual(self.names(), [])

    def test_a_run_that_is_not_to_be_kept_leaves_nothing(self):
        for arguments in (["--no-keep"], ["-s", "keep=false"], ["--dry-run"]):
            process = self.kept(*QUICK, *arguments)
            self.assertEqual(process.stderr, "")
        self.assertNotIn("run", result_of(self.kept(*QUICK, "--no-keep", "--json")))
        for verb in ("check", "plan", "show", "graph"):
            self.kept(verb, *QUICK)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_config_that_is_not_valid_makes_no_folder(self):
        self.kept(CONFIG, "-s", "learn.loss=nonsense", code=3)
        self.kept(CONFIG, "-s", "keep=perhaps", code=3)
        self.kept(CONFIG, "--device", "cuda:77", code=5)
        self.assertEqual(os.listdir(self.folder), [])

    def test_what_cannot_be_written_is_an_error_before_training(self):
        self.runs.write_text("a file")
        process = self.kept(*QUICK, code=7)
        self.assertIn("error[output-unwritable]", process.stderr)
        for way_out in ("--runs DIR", "--no-keep"):
            self.assertIn(way_out, process.stderr)
        self.assertNotIn("Epoch", process.stdout)
        found = result_of(self.kept(*QUICK, "--json", code=7))
        self.assertEqual((found["errors"][0]["name"], found["exit"]["code"]), ("output-unwritable", 7))
        self.kept(*QUICK, "--no-keep")

    def test_eight_at_once_get_eight_folders(self):
        processes = [subprocess.Popen([PROGRAM, *QUICK, "--quiet"], cwd=self.folder, env={**os.environ, "MILLRACE_RUNS": ""},
                                      stdout=subprocess.DEVNULL) for _ in range(8)]
        self.assertEqual([process.wait(timeout=120) for process in processes], [0] * 8)
        self.assertEqual(self.names(), [f"linear_fit-{number}" for number in range(1, 9)])
        self.assertEqual({run["status"] for run in result_of(self.kept("runs", "--json"))["runs"]}, {"finished"})


class Ends(WithRuns):
    def test_a_run_that_fails_says_so(self):
        process = self.kept(CONFIG, "-s", "learn.optimizer.sgd.learning_rate=1e30", "--json", code=8)
        self.assertEqual(self.status("linear_fit-1")["status"], "failed")
        run_folder = self.runs / "linear_fit-1"
        self.assertFalse((run_folder / "summary.json").exists())
        summary = json.loads((run_folder / "current/summary.json").read_text())
        self.assertEqual(summary["failures"], result_of(process)["failures"])
        self.assertIn("error[diverged]", (run_folder / "log.txt").read_text())

    def test_a_run_that_is_stopped_says_so(self):
        process = self.running()
        self.assertEqual(self.status("long-1")["status"], "running")
        self.assertEqual(self.stopped(process, signal.SIGINT), 128 + signal.SIGINT)
        found = self.status("long-1")
        self.assertEqual(found["status"], "stopped")
        self.assertGreaterEqual(found["epochs"], 3)
        self.assertEqual(json.loads((self.runs / "long-1/current/summary.json").read_text())["exit"]["reason"], "signal 2")

    def test_a_run_that_is_killed_is_interrupted_and_keeps_the_epochs_that_it_showed(self):
        self.assertEqual(self.stopped(self.running(), signal.SIGKILL), -signal.SIGKILL)
        found = self.status("long-1")
        self.assertEqual(found["status"], "interrupted")
        self.assertGreaterEqual(found["epochs"], 3)
        self.assertEqual(found["epochs_planned"], 1000000)

    def test_a_summary_is_there_also_when_nobody_takes_the_results(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            process = subprocess.run([PROGRAM, *QUICK], cwd=self.folder, env={**os.environ, "MILLRACE_RUNS": ""}, stdout=full,
                                     stderr=subprocess.PIPE, text=True, check=False, timeout=120)
        self.assertEqual(process.returncode, 7, process.stderr)
        self.assertEqual(self.status("linear_fit-1")["status"], "finished")


class Listed(WithRuns):
    def three(self):
        for name in ("a", "b", "c"):
            self.kept(*QUICK, "--quiet", "-s", f"name={name}")

    def test_the_newest_comes_first_in_80_columns(self):
        self.three()
        lines = self.kept("runs").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["RUN", "STATUS", "EPOCHS", "BEST", "(EPOCH)", "SIZE", "AGE"])
        self.assertEqual([line.split()[0] for line in lines[1:]], ["c-1", "b-1", "a-1"])
        for line in lines[1:]:
            self.assertRegex(line, r"^\w-1  finished +3/3  val_loss \S+ \(\d\) +\S+ \w+ +\d+ \w+$")
            self.assertLessEqual(len(line), 80)

    def test_the_object_has_what_the_table_has(self):
        self.three()
        found = result_of(self.kept("runs", "--json"))
        self.assertEqual((found["schema"], found["folder"]), (1, "runs"))
        self.assertEqual([run["run"] for run in found["runs"]], ["runs/c-1", "runs/b-1", "runs/a-1"])
        first = found["runs"][0]
        self.assertEqual(first.keys(), {"name", "run", "status", "attempt", "epochs", "epochs_planned", "best", "bytes", "started", "age_s"})
        self.assertEqual((first["epochs"], first["attempt"], first["best"]["metric"]), (3, 1, "val_loss"))

    def test_there_need_not_be_any(self):
        for arguments in (["runs"], ["runs", "--runs", "elsewhere"], ["runs", "prune", "--keep", "0"]):
            self.assertIn(self.kept(*arguments).stdout, ("no runs in runs\n", "no runs in elsewhere\n", "nothing to remove\n"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_rm_removes_what_is_named_and_nothing_when_a_name_is_wrong(self):
        self.three()
        process = self.kept("runs", "rm", "a-1", "d-1", code=2)
        self.assertIn("error[unknown-run]", process.stderr)
        self.assertEqual(self.names(), ["a-1", "b-1", "c-1"])
        self.assertEqual(re.findall(r"would remove (\S+)", self.kept("runs", "rm", "a-1", "--dry-run").stdout), ["runs/a-1"])
        self.assertEqual(self.names(), ["a-1", "b-1", "c-1"])
        process = self.kept("runs", "rm", "a-1", "last", "runs/a-1")
        self.assertEqual(re.findall(r"removed (\S+)", process.stdout), ["runs/a-1", "runs/c-1"])
        self.assertEqual(self.names(), ["b-1"])
        self.assertEqual(result_of(self.kept("runs", "rm", "--json", "b-1"))["removed"][0]["name"], "b-1")
        self.assertEqual(self.names(), [])

    def test_prune_keeps_the_newest(self):
        self.three()
        process = self.kept("runs", "prune", "--keep", "1", "--dry-run")
        self.assertEqual(re.findall(r"would remove (\S+)", process.stdout), ["runs/b-1", "runs/a-1"])
        self.assertEqual(self.names(), ["a-1", "b-1", "c-1"])
        self.kept("runs", "prune", "--keep", "1")
        self.assertEqual(self.names(), ["c-1"])

    def test_what_never_became_a_run_is_none_of_the_newest(self):
        self.three()
        for part in ("claim", "attempts"):
            os.makedirs(f"{self.folder}/runs/d-1/{part}")
        process = self.kept("runs", "prune", "--keep", "1", "--dry-run")
        self.assertEqual(re.findall(r"would remove (\S+)", process.stdout), ["runs/b-1", "runs/a-1"])
        self.assertEqual(re.findall(r"would remove (\S+)", self.kept("runs", "rm", "last", "--dry-run").stdout), ["runs/c-1"])

    def test_a_link_to_a_run_is_not_followed_with_a_slash_behind_it_either(self):
        self.three()
        os.symlink("a-1", f"{self.folder}/runs/short")
        for word in ("runs/short", "runs/short/", "runs/short/."):
            self.assertIn("error[no-run-folder]", self.kept("runs", "rm", word, code=2).stderr)
        self.assertTrue(os.path.exists(f"{self.folder}/runs/a-1/summary.json"))

    def test_a_run_that_is_running_is_neither_removed_nor_pruned(self):
        process = self.running()
        self.kept(*QUICK, "--quiet")
        refused = self.kept("runs", "rm", "long-1", code=7)
        self.assertIn("error[run-in-use]", refused.stderr)
        self.kept("runs", "prune", "--keep", "0")
        self.assertEqual(self.names(), ["long-1"])
        self.assertEqual(self.stopped(process, signal.SIGTERM), 128 + signal.SIGTERM)
        self.assertEqual(self.status("long-1")["status"], "stopped")

    def test_folders_of_others_stay(self):
        self.kept(*QUICK, "--quiet")
        (self.runs / "thesis-1").mkdir()
        (self.runs / "link-1").symlink_to(self.runs / "linear_fit-1")
        self.kept("runs", "prune", "--keep", "0")
        self.assertEqual(self.names(), ["link-1", "thesis-1"])
        for name in ("thesis-1", "link-1", "/", ".", "..", "run", "check"):
            self.kept("runs", "rm", name, code=2)
        self.assertEqual(self.names(), ["link-1", "thesis-1"])

    def test_what_somebody_has_put_into_a_run_stays_and_is_named(self):
        self.kept(*QUICK, "--quiet")
        (self.runs / "linear_fit-1" / "notes.txt").write_text("mine")
        would = self.kept("runs", "rm", "last", "--dry-run").stdout
        self.assertIn("would keep runs/linear_fit-1/notes.txt, which is no part of a run", would)
        self.assertIn("kept runs/linear_fit-1/notes.txt", self.kept("runs", "prune", "--keep", "0").stdout)
        self.assertEqual(os.listdir(self.runs / "linear_fit-1"), ["notes.txt"])
        self.assertEqual(result_of(self.kept("runs", "--json"))["runs"], [])

    def test_words_that_mean_nothing_are_answered_with_those_that_do(self):
        for words, said in ((["remove"], "words: rm, prune"), (["rm"], "takes the names of runs"), (["prune"], "--keep N"),
                            (["prune", "a-1", "--keep", "1"], "takes no names"), (["--keep", "1"], "belongs to `runs prune`")):
            self.assertIn(said, self.kept("runs", *words, code=2).stderr)

    def test_the_shell_completes_the_names_of_runs(self):
        self.three()
        self.assertEqual(self.kept("__complete", "runs", "").stdout.split(), ["rm", "prune"])
        self.assertEqual(self.kept("__complete", "runs", "rm", "").stdout.split(), ["c-1", "b-1", "a-1", "last"])
        self.assertEqual(self.kept("__complete", "runs", "rm", "a-1", "b").stdout.split(), ["b-1"])
        self.assertEqual(self.kept("__complete", "runs", "--runs", "elsewhere", "rm", "").stdout, "")


if __name__ == "__main__":
    unittest.main()
