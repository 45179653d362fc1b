"""What the program answers where a user's first guess was wrong, or where something outside of it gave way."""
import gzip
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import unittest

from program import PROGRAM, TINY, result_of, run

MOODY = os.environ["MOODY_PLUGIN"]


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class Plugins(WithFolder):
    CONFIG = "version: 1\nname: p\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1, 2]}}}\n  b: {stage: print, in: a}\n"

    def test_set_loads_them_as_the_key_in_the_file_does(self):
        process = run("check", "-", "--set", "plugins=[nowhere.so]", input=self.CONFIG)
        self.assertEqual(process.returncode, 6, process.stderr)
        self.assertIn("error[plugin-missing]", process.stderr)
        self.assertIn("command line, --set", process.stderr)

    def test_set_replaces_one_of_those_in_the_file(self):
        config = self.CONFIG + f"plugins: [{MOODY}]\n"
        self.assertEqual(run("check", "-", input=config).returncode, 0)
        self.assertEqual(run("check", "-", "--set", "plugins.0=nowhere.so", input=config).returncode, 6)


class Rules(unittest.TestCase):
    def test_each_is_a_name_and_a_sentence(self):
        rules = result_of(run("check", "--rules", "--json"))
        names = [rule["name"] for rule in rules]
        self.assertGreater(len(names), 80)
        self.assertEqual(len(names), len(set(names)))
        self.assertIn({"name": "unused-chain", "rule": "Every chain is used."}, rules)
        lines = run("check", "--rules").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines], names)
        self.assertEqual([line.split(maxsplit=1)[1] for line in lines], [rule["rule"] for rule in rules])

    def test_they_are_told_of_no_config_and_a_config_is_not_left_out_otherwise(self):
        for arguments, told in [(["mnist_mlp", "--rules"], "--rules takes no CONFIG"), ([], "no config given")]:
            process = run("check", *arguments)
            self.assertEqual(process.returncode, 2)
            self.assertIn(told, process.stderr)


class Labels(WithFolder):
    def config(self, labels, head=b""):
        images = struct.pack(">HBBIII", 0, 8, 3, 20, 2, 2) + bytes(80)
        (self.folder / "images").write_bytes(images)
        packed = struct.pack(">HBBI", 0, 8, 1, len(labels)) + bytes(labels)
        (self.folder / "labels.gz").write_bytes(gzip.compress(packed))
        return ("version: 1\nname: l\ngraph:\n"
                f"  src: {{stage: idx_loader, with: {{images: {self.folder}/images, labels: {self.folder}/labels.gz}}}}\n"
                "  hot: {stage: one_hot, in: src.labels, with: {classes: 10}}\n  show: {stage: print, in: hot}\n")

    def test_one_out_of_range_is_named_with_file_row_and_byte(self):
        process = run("check", "-", input=self.config([0, 1, 10] + [9] * 17))
        self.assertEqual(process.returncode, 3)
        self.assertRegex(process.stderr, r"labels reach 10 \(.*/labels\.gz: row 2 at byte 10\), 10 classes allow 0 to 9")

    def test_too_few_of_them_point_at_the_parameter_and_the_header(self):
        process = run("check", "-", input=self.config([0] * 19))
        self.assertEqual(process.returncode, 4)
        self.assertIn("has 20 rows", process.stderr)
        self.assertIn("(at byte 4 of each)", process.stderr)
        self.assertIn("labels.gz", process.stderr.split("-->")[1].split("^")[0])

    def test_a_broken_file_given_by_set_points_at_the_argument(self):
        config = self.config([0] * 20)
        (self.folder / "short").write_bytes(b"\0\0\x08")
        process = run("check", "-", "--set", f"src.images={self.folder}/short", input=config)
        self.assertEqual(process.returncode, 4)
        self.assertIn("error[idx-short]", process.stderr)
        self.assertIn("--> command line, --set", process.stderr)
        self.assertIn("= help: copy or download the file again", process.stderr)


class DataSets(WithFolder):
    CONFIG = "version: 1\nname: d\ngraph:\n  a: {stage: idx_loader, with: {dataset: mnist, split: test, max_bytes: 1000}}\n  b: {stage: print, in: a.images}\n"

    def test_max_bytes_holds_for_them_too(self):
        process = run("check", "-", input=self.CONFIG)
        self.assertEqual(process.returncode, 3)
        self.assertIn("error[idx-limit]", process.stderr)
        self.assertIn("the limit is 1000", process.stderr)

    def test_the_root_that_torchvision_is_given_is_looked_into(self):
        config = self.CONFIG.replace(", max_bytes: 1000", "")
        process = run("-", input=config, env={"MILLRACE_DATA_DIR": str(self.folder), "XDG_CACHE_HOME": str(self.folder)})
        self.assertEqual(process.returncode, 4)
        self.assertIn(f"{self.folder}/MNIST/raw", process.stderr)


class MissingData(WithFolder):
    MNIST = "configs/mnist_mlp.yaml"

    def run_without(self, *arguments):
        empty = str(self.folder)
        return run(*arguments, env={"MILLRACE_DATA_DIR": empty, "HOME": empty, "XDG_CACHE_HOME": empty})

    def test_check_and_plan_warn_of_it_once_as_the_run_says_it(self):
        said = re.search("= help: (.*)", self.run_without(self.MNIST).stderr).group(1)
        for arguments in (["check", self.MNIST], ["plan", self.MNIST], [self.MNIST, "--dry-run"]):
            process = self.run_without(*arguments)
            self.assertEqual(process.returncode, 0, process.stderr)
            self.assertEqual(process.stderr.count("warning[dataset-missing]: node `train` (idx_loader): data set `mnist`"), 1)
            self.assertEqual(process.stderr.count("warning["), 1)
            self.assertIn(f"= help: {said}\n", process.stderr)
        self.assertIn("no errors, 1 warning, ", self.run_without("check", self.MNIST).stdout)

    def test_it_is_told_of_one_place(self):
        places = {re.search("--> (.*)", self.run_without(*arguments, self.MNIST).stderr).group(1) for arguments in ([], ["check"])}
        self.assertEqual(len(places), 1, places)

    def test_with_strict_it_is_an_error_of_the_data(self):
        for verb in ("check", "plan"):
            process = self.run_without(verb, self.MNIST, "--strict")
            self.assertEqual(process.returncode, 4, process.stderr)
            self.assertIn("error[dataset-missing]", process.stderr)

    def test_those_who_only_show_a_config_are_silent_of_it(self):
        for verb in ("show", "graph"):
            self.assertEqual(self.run_without(verb, self.MNIST).stderr, "")

    def test_of_two_files_that_are_not_there_both_are_told(self):
        config = "version: 1\ngraph:\n  a: {stage: idx_loader, with: {images: nope.gz, labels: nope2.gz}}\n  b: {stage: print, in: a.images}\n"
        process = run("check", "-", input=config)
        self.assertEqual(process.returncode, 4)
        self.assertIn("nope.gz", process.stderr)
        self.assertIn("= note: of `labels`: ", process.stderr)
        self.assertIn("nope2.gz", process.stderr.split("of `labels`")[1])


class Inputs(WithFolder):
    def test_a_list_of_files_to_extend_is_no_missing_graph(self):
        process = run("check", "-", input="extends: [a.yaml, b.yaml]\n")
        self.assertEqual((process.returncode, process.stderr.count("error[")), (3, 1), process.stderr)
        self.assertIn("error[wrong-type]: `extends` takes the name of one file, and this is a list", process.stderr)

    def test_a_fifo_is_never_waited_for(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        for verb in ("check", "plan", "show", "graph"):
            self.assertIn("not a regular file", run(verb, fifo).stderr)
        self.assertIn("not a regular file", run("check", "-", input=f"extends: {fifo}\n").stderr)
        self.assertIn("epochs=", run("__complete", fifo, "--set", "").stdout)


class Overrides(unittest.TestCase):
    def test_nothing_behind_the_equals_sign_has_a_place(self):
        process = run("check", TINY, "--set", "epochs=")
        self.assertEqual(process.returncode, 3)
        self.assertRegex(process.stderr, r"--> command line, --set #1\n   \|\n   \| epochs=\n   \|       \^ expected: integer")

    def test_one_that_leads_nowhere_leaves_nothing_behind(self):
        table = "version: 1\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1]}}}\n  b: {stage: print, in: a}\n"
        chained = ("version: 1\nchains:\n  rows: [{normalize: {scale: 2}}]\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1]}}}\n"
                   "  rows: {chain: rows, in: a}\n  b: {stage: print, in: rows}\n")
        for config, path in ((table, "a.columns.y.0"), (chained, "rows.normalize.zzz")):
            object_ = result_of(run("check", "-", "--json", "--set", f"{path}=1", input=config))
            self.assertEqual([e["name"] for e in object_["errors"]], ["unknown-path"], object_)
            self.assertEqual(object_["warnings"], [], path)

    def test_graph_in_front_of_a_node_is_one_word_too_many(self):
        process = run("check", TINY, "--set", "graph.points.block_rows=2")
        self.assertIn("leave out `graph.`", process.stderr)

    def test_the_output_that_fits_the_input_is_suggested(self):
        self.assertIn("write learn.model", run("check", TINY, "--set", "evaluate.in.model=learn").stderr)
        self.assertIn("{NAME: learn.metrics}", run("check", TINY, "--set", "log.in=learn.metrics").stderr)


class Words(unittest.TestCase):
    """Words of the command line that stand where something else is wanted."""

    def test_a_double_dash_ends_the_options(self):
        self.assertEqual(run("check", "--", TINY).returncode, 0)
        self.assertEqual(run("check", TINY, "--").returncode, 0)
        self.assertIn("one argument too many: `--json`", run("check", "--", TINY, "--json").stderr)
        self.assertIn("cannot read `-x`", run("check", "--", "-x").stderr)
        self.assertIn("one argument too many: `x`", run("devices", "--", "x").stderr)

    def test_an_override_without_its_option_is_told_the_option(self):
        process = run("check", TINY, "epochs=1")
        self.assertEqual(process.returncode, 2)
        self.assertIn("= help: to override a value write --set epochs=1", process.stderr)
        self.assertIn("pipeline-run CONFIG --set epochs=1", run("epochs=1").stderr)

    def test_a_word_too_long_for_a_file_is_no_defect_of_ours(self):
        self.assertIn("error[unknown-verb]", run("a" * 5000).stderr)

    def test_stages_are_found_by_what_they_are_called_elsewhere(self):
        self.assertIn("did you mean `one_hot`?", run("stages", "to_categorical").stderr)
        self.assertIn("did you mean `normalize`?", run("stages", "Rescaling").stderr)

    def test_a_new_stage_does_not_take_the_name_of_a_built_in_one(self):
        process = run("new-stage", "flatten")
        self.assertEqual(process.returncode, 2)
        self.assertIn("error[bad-name]: `flatten` is a built-in stage", process.stderr)

    def test_a_new_stage_takes_no_name_of_a_target_that_every_build_has(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("test", "all", "install", "clean", "help", "package", "edit_cache", "rebuild_cache", "preinstall"):
                process = run("new-stage", name, cwd=folder)
                self.assertEqual(process.returncode, 2, name)
                self.assertIn(f"error[bad-name]: `{name}` is a target of every CMake build", process.stderr)
            self.assertEqual(os.listdir(folder), [])

    def test_a_name_of_nothing_is_seen_in_a_list(self):
        config = "version: 1\nname: e\ngraph:\n  table: {stage: table_source, with: {columns: {x: [1]}}}\n  '': {}\n  show: {stage: print, in: tabel}\n"
        self.assertIn('table, "", show', run("check", "-", input=config).stderr)


class Numbers(unittest.TestCase):
    def test_one_out_of_range_is_called_so_for_every_key(self):
        for key, value in [("threads", "0"), ("threads", "9" * 30), ("epochs", "-1"), ("seed", "-1")]:
            stderr = run("check", TINY, "--set", f"{key}={value}").stderr
            self.assertIn(f"error[out-of-range]: `{key}` is {value}\n", stderr)
            self.assertIn("expected: ", stderr)

    def test_a_seed_that_is_too_large_is_told_the_largest(self):
        self.assertEqual(run("check", TINY, "--set", "seed=9223372036854775807").returncode, 0)
        stderr = run("check", TINY, "--set", "seed=18446744073709551615").stderr
        self.assertIn("expected: integer, at least 0; no integer is above 9223372036854775807", stderr)

    def test_a_seed_that_stands_for_itself_is_one_error(self):
        for seed in ("${seed}", "1${seed}", "${env:MILLRACE_NOT_SET_ANYWHERE:-${seed}}"):
            process = run("check", TINY, "--set", f"seed={seed}", "--json")
            self.assertEqual([e["name"] for e in result_of(process)["errors"]], ["bad-reference"], seed)
        self.assertEqual(run("check", TINY, "--set", "seed=7", "--set", "learn.seed=${seed}").returncode, 0)


class Terminals(WithFolder):
    """What a config says is shown and never obeyed."""

    ESCAPES = r'"a\e[31mb\x9b2Jc\rd"'

    def test_no_control_character_of_a_config_reaches_them(self):
        config = ("version: 1\nname: " + self.ESCAPES + "\nepochs: 1\ngraph:\n"
                  "  points: {stage: table_source, with: {columns: {" + self.ESCAPES + ": [1, 2]}}}\n  show: {stage: print, in: points}\n")
        wrong = config.replace("print, in: points", "print, in: " + self.ESCAPES)
        for arguments, text in [(["-"], config), (["plan", "-"], config), (["show", "-"], config), (["graph", "-"], config),
                                (["check", "-"], wrong), (["check", "no\x1b[31m"], config), (["stages", "no\x1b[31m"], config),
                                (["check", TINY, "--set", "x\x1b[31m=1"], "")]:
            process = run(*arguments, input=text)
            shown = process.stdout + process.stderr
            self.assertNotRegex(shown, "[\x00-\x08\x0b-\x1f\x7f-\x9f]", arguments)
            self.assertRegex(shown, r"\\x1b|\\u001b|\\e", arguments)

    def test_carets_stand_under_what_is_shown(self):
        process = run("check", "-", input="version: 1\nname: a\x01b\n")
        self.assertIn(" | name: a\\x01b\n   |        ^^^^\n", process.stderr)

    def test_show_writes_a_text_that_reads_the_same_again(self):
        config = "version: 1\nname: $${seed}\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1]}}}\n  b: {stage: print, in: a}\n"
        once = run("show", "-", input=config).stdout
        self.assertIn('name: "$${seed}"', once)
        self.assertIn('"${seed}"', run("show", "-", "--json", input=once).stdout)


class Files(WithFolder):
    def test_a_config_that_may_not_be_read_is_not_looked_for_elsewhere(self):
        path = self.folder / "c.yaml"
        path.write_text("version: 1\n")
        path.chmod(0)
        if os.access(path, os.R_OK):
            self.skipTest("root reads everything")
        stderr = run("check", str(path)).stderr
        self.assertIn("Permission denied", stderr)
        self.assertIn("let yourself read it", stderr)

    def test_errors_beyond_the_kept_ones_are_counted(self):
        config = pathlib.Path(TINY).read_text() + "".join(f"unknown_{i}: 1\n" for i in range(10_050))
        self.assertRegex(run("check", "-", input=config).stderr, r"\n\.\.\. and 9950 more\n10050 errors\n$")

    def test_too_many_nodes_are_one_error(self):
        shows = "".join(f"  show{i}: {{stage: print, in: points}}\n" for i in range(999))
        config = ("version: 1\nchains:\n  rows: [flatten]\ngraph:\n  points: {stage: table_source, with: {columns: {x: [0]}}}\n"
                  "  others: {stage: table_source, with: {columns: {x: [0]}}}\n" + shows + "  late: {chain: rows, in: others}\n")
        process = run("check", "-", "--json", input=config)
        self.assertEqual([error["name"] for error in result_of(process)["errors"]], ["too-large"])


class Ends(unittest.TestCase):
    def test_a_look_at_untrained_weights_is_no_epoch_of_none(self):
        stdout = run(TINY, "--set", "epochs=0").stdout
        self.assertIn("Epoch 0 (not trained)  val_loss 475.5000\n", stdout)
        self.assertNotIn("limited by", stdout)


    def test_a_failing_trainer_names_epoch_and_batch(self):
        process = run(TINY, "--set", "learn.optimizer.sgd.learning_rate=1e30", "--set", "batches.batch_size=1", "--json")
        self.assertEqual(process.returncode, 8, process.stderr)
        failure = result_of(process)["failures"][0]
        self.assertEqual((failure["node"], failure["batch"]), ("learn", 2))
        self.assertRegex(process.stderr, r"in node `learn` \(stage trainer\), epoch 1, batch 2\b")

    def test_what_cannot_be_printed_is_an_error_with_a_reason(self):
        with open("/dev/full", "w") as full:
            process = subprocess.run([PROGRAM, TINY, "--quiet"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        self.assertEqual(process.returncode, 7)
        self.assertIn("error[output-unwritable]", process.stderr)
        self.assertIn("No space left on device", process.stderr)

    def test_the_threads_have_a_reason_only_where_they_are_fewer_than_could_be(self):
        cores = os.cpu_count()
        if len(os.sched_getaffinity(0)) == cores:
            self.assertNotIn("threads: ", run(TINY, "--threads", "auto").stdout + run("plan", TINY, "--threads", "auto").stdout)
        one = min(os.sched_getaffinity(0))
        if cores > 1:
            text = run(TINY, "--threads", "auto", preexec_fn=lambda: os.sched_setaffinity(0, {one})).stdout
            self.assertRegex(text, r", 1 thread\nthreads: 1 core by ")
        many = run(TINY, "--threads", "1024").stdout
        self.assertRegex(many, r" threads\nthreads: 1024 asked for, but .*: a run takes no more threads than cores, or 8 if that is more\n")

    def test_results_that_cannot_be_written_hide_no_failure_and_keep_its_exit_code(self):
        for rate, code, names in [("0.01", 7, ["output-unwritable"]), ("1e38", 8, ["diverged", "output-unwritable"])]:
            with open("/dev/full", "w") as full:
                process = subprocess.run([PROGRAM, TINY, "--json", "--set", f"learn.optimizer.sgd.learning_rate={rate}"],
                                         stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
            self.assertEqual(process.returncode, code, process.stderr)
            for name in names:
                self.assertEqual(process.stderr.count(f"error[{name}]"), 1, process.stderr)

    def test_the_memory_stays_under_the_bound_of_plan_also_for_packets_of_one_row(self):
        small = ["--set", "epochs=5"]
        for path in ["points.block_rows", "all_points.block_rows", "all_batches.batch_size", "batches.batch_size"]:
            small += ["--set", f"{path}=1"]
        bound = result_of(run("plan", TINY, *small, "--json"))["memory_bound_bytes"]
        for threads in ["1", "8"]:
            self.assertLessEqual(result_of(run(TINY, *small, "--threads", threads, "--json"))["peak_bytes"], bound)


if __name__ == "__main__":
    unittest.main()
