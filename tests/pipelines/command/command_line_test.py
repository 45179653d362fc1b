"""Arguments that are refused, what a run prints, and the exit codes."""
import os
import re
import subprocess
import tempfile
import unittest

from program import PROGRAM, TINY, result_of, run


class Usage(unittest.TestCase):
    def refused(self, name, *arguments):
        process = run(*arguments)
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertEqual(process.stdout, "")
        self.assertIn(f"error[{name}]", process.stderr)
        self.assertEqual(process.stderr.count("usage: pipeline-run"), 1)
        return process.stderr

    def test_no_argument_is_refused(self):
        self.refused("wrong-arguments")

    def test_a_mistyped_verb_gets_a_suggestion(self):
        self.assertIn("did you mean `check`?", self.refused("unknown-verb", "chekc", TINY))

    def test_a_mistyped_option_gets_a_suggestion(self):
        self.assertIn("did you mean `--threads`?", self.refused("unknown-option", TINY, "--thread", "2"))

    def test_an_option_of_another_verb_is_refused(self):
        self.refused("unknown-option", "check", TINY, "--dry-run")
        self.refused("unknown-option", "devices", "--plugin", "built_in_stages.so")  # no device comes from a plugin

    def test_the_version_is_named_with_the_words_that_print_it(self):
        for asked in ("-v", "-V", "--version"):
            for words in ([TINY], ["check", TINY], ["devices"]):
                said = self.refused("unknown-option", *words, asked)
                self.assertIn("write pipeline-run version", said)
                self.assertNotIn("did you mean", said)
                self.assertNotIn("--set", said)

    def test_only_a_transform_is_written_with_a_kernel(self):
        self.assertIn("--cuda writes a transform, not a source", self.refused("wrong-arguments", "new-stage", "x", "--cuda", "--kind", "source"))

    def test_two_forms_of_one_answer_are_refused(self):
        for message, *arguments in (("--markdown and --json are two answers", "stages", "--json", "--markdown"),
                                    ("--json and --markdown are two answers", "help", "--json", "--markdown"),
                                    ("--json is of all verbs: leave out `check`", "help", "check", "--json")):
            process = run(*arguments)
            self.assertEqual(process.returncode, 2)
            self.assertIn(message, process.stderr)

    def test_a_verb_behind_options_is_refused(self):
        self.assertIn("a verb comes first", self.refused("wrong-arguments", "--quiet", "check", TINY))

    def test_two_configs_are_refused(self):
        self.refused("wrong-arguments", TINY, TINY)

    def test_threads_outside_the_range_are_refused(self):
        for threads in ["0", "1025", "-1", "two", "1.5", ""]:
            self.refused("wrong-arguments", TINY, f"--threads={threads}")

    def test_a_wrong_color_or_format_is_refused(self):
        self.refused("wrong-arguments", TINY, "--color", "red")
        self.refused("wrong-arguments", "graph", TINY, "--format", "png")

    def test_set_without_a_value_is_refused(self):
        self.refused("wrong-arguments", TINY, "--set")

    def test_an_empty_value_does_not_pass_for_an_option_left_out(self):
        for words in (("plan", TINY, "--expect"), (TINY, "--runs"), (TINY, "--set"), (TINY, "--plugin"), ("predict", "last", "--checkpoint"), ("peek", TINY, "a.b", "-o")):
            process = run(*words, "")
            self.assertEqual((process.returncode, process.stdout), (2, ""), words)
            self.assertRegex(process.stderr, r"`--\w+ `: empty, where [A-Z=]+ is wanted: --\w+ \S")

    def test_with_json_the_error_is_an_object(self):
        process = run(TINY, "--json", "--nonsense")
        self.assertEqual(process.returncode, 2)
        found = result_of(process)
        self.assertEqual([error["name"] for error in found["errors"]], ["unknown-option"])
        self.assertEqual(found["exit"]["code"], 2)

    def test_an_unknown_stage_gets_a_suggestion(self):
        process = run("stages", "bacher")
        self.assertEqual(process.returncode, 2)
        self.assertIn("did you mean `batcher`", process.stderr)


class Run(unittest.TestCase):
    def test_json_is_one_object_with_the_keys_of_the_schema(self):
        process = run(TINY, "--set", "epochs=2", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        found = result_of(process)
        for key in ["schema", "name", "config_hash", "device", "threads", "cpu", "onednn", "build", "epochs", "weights_sha256",
                    "nodes", "failures", "seconds", "peak_bytes", "leaked_bytes", "rss_peak_bytes", "first_batch_seconds",
                    "launch_to_first_batch_seconds", "exit"]:
            self.assertIn(key, found)
        self.assertEqual(found["schema"], 1)
        self.assertEqual([epoch["epoch"] for epoch in found["epochs"]], [1, 2])
        self.assertIn("val_loss", found["epochs"][0])
        self.assertNotIn("val_accuracy", found["epochs"][0])
        self.assertEqual(found["exit"], {"code": 0, "reason": "done"})
        self.assertEqual(found["leaked_bytes"], 0)
        self.assertEqual(set(found["nodes"]["learn"]), {"stage", "busy", "starved", "blocked", "packets", "emitted", "discarded", "inputs"})

    def test_set_before_the_config_does_not_swallow_it(self):
        for arguments in [["-s", "epochs=1", TINY], ["--set", "epochs=3", "--set", "epochs=1", TINY], [TINY, "-s", "epochs=1"]]:
            found = result_of(run(*arguments, "--json"))
            self.assertEqual(len(found["epochs"]), 1)

    def test_of_threads_and_set_the_later_one_wins(self):
        self.assertEqual(result_of(run(TINY, "-s", "epochs=1", "--threads", "3", "--json"))["threads"], 3)
        self.assertEqual(result_of(run(TINY, "-s", "epochs=1", "--threads", "3", "-s", "threads=2", "--json"))["threads"], 2)

    def test_the_config_may_come_from_standard_input(self):
        with open(TINY) as config:
            self.assertEqual(len(result_of(run("-", "-s", "epochs=1", "--json", stdin=config))["epochs"]), 1)

    def test_what_stages_print_goes_to_standard_output_but_not_into_json(self):
        self.assertNotEqual(run(TINY, "-s", "epochs=1").stdout, "")
        result_of(run(TINY, "-s", "epochs=1", "--json"))

    def test_quiet_prints_no_progress(self):
        process = run(TINY, "-s", "epochs=1", "--quiet")
        self.assertEqual(process.stderr, "")
        self.assertTrue(process.stdout.startswith("0.dense.kernel"), process.stdout)
        self.assertNotRegex(process.stdout, "Epoch|sha256")

    def test_dry_run_prints_the_plan_and_trains_nothing(self):
        process = run(TINY, "--dry-run")
        self.assertEqual(process.returncode, 0)
        self.assertEqual(process.stderr, "")
        # The process itself is measured, and may take a page more or less the next time.
        without_memory = [re.sub(r"\d+\.\d MiB", "MiB", text) for text in (process.stdout, run("plan", TINY).stdout)]
        self.assertEqual(*without_memory)

    def test_an_unavailable_device_is_exit_code_5(self):
        process = run(TINY, "--device", "cuda:77", "--json")
        self.assertEqual(process.returncode, 5, process.stderr)
        self.assertEqual(result_of(process)["exit"]["code"], 5)

    def test_errors_of_a_config_are_an_object_too(self):
        process = run(TINY, "--set", "epochs=-1", "--set", "learn.lss=mse", "--json")
        self.assertEqual(process.returncode, 3)
        found = result_of(process)
        self.assertEqual(len(found["errors"]), 2)
        self.assertEqual(found["exit"], {"code": 3, "reason": "invalid"})
        self.assertEqual({error["file"] for error in found["errors"]}, {"command line, --set #1", "command line, --set #2"})

    def test_missing_data_is_exit_code_4(self):
        with tempfile.TemporaryDirectory() as empty:
            env = {"MILLRACE_DATA_DIR": empty, "HOME": empty, "XDG_CACHE_HOME": empty}
            process = run("configs/mnist_mlp.yaml", "--json", env=env)
        self.assertEqual(process.returncode, 4, process.stderr)
        self.assertEqual(result_of(process)["failures"][0]["name"], "dataset-missing")
        self.assertEqual(result_of(process)["data"], {})  # nothing was read

    def test_a_loss_that_is_not_finite_is_exit_code_8_and_absent_from_the_object(self):
        # Ten batches an epoch: the second one of the first tells, before anything is measured beside the training.
        process = run(TINY, "-s", "learn.optimizer.sgd.learning_rate=1e30", "-s", "batches.batch_size=1", "--json")
        self.assertEqual(process.returncode, 8, process.stderr)
        self.assertNotIn("NaN", process.stdout)
        found = result_of(process)
        self.assertEqual(found["exit"], {"code": 8, "reason": "failed"})
        self.assertEqual(found["failures"][0]["node"], "learn")

    def test_standard_output_that_cannot_be_written_is_exit_code_7(self):
        with open("/dev/full", "w") as full:
            for arguments in [["devices"], ["plan", TINY], [TINY, "-s", "epochs=1", "--json"], [TINY, "-s", "epochs=1"]]:
                process = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
                self.assertEqual(process.returncode, 7, arguments)

    def test_a_reader_that_has_gone_is_exit_code_7(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.run([PROGRAM, "stages"], stdout=writer, stderr=subprocess.DEVNULL, timeout=120, check=False)
        os.close(writer)
        self.assertEqual(process.returncode, 7)


class Plugins(unittest.TestCase):
    def test_a_plugin_that_cannot_be_used_is_exit_code_6(self):
        process = run("check", TINY, "--plugin", "README.md", "--json")
        self.assertEqual(process.returncode, 6, process.stderr)
        self.assertEqual(result_of(process)["errors"][0]["name"], "plugin-not-elf")

    def test_a_plugin_named_by_the_config_is_refused_at_its_line_and_its_stages_are_not_missed(self):
        config = "version: 1\nname: x\nplugins: [nowhere.so]\ngraph:\n  a: {stage: from_the_plugin}\n"
        process = run("check", "-", "--json", input=config)
        self.assertEqual(process.returncode, 6, process.stderr)
        self.assertEqual([(error["name"], error["line"]) for error in result_of(process)["errors"]], [("plugin-missing", 3)])

    def test_naming_the_built_in_plugin_again_changes_nothing(self):
        file = result_of(run("stages", "flatten", "--json"))["file"]
        self.assertEqual(run("check", TINY, "--plugin", file).returncode, 0)


if __name__ == "__main__":
    unittest.main()
