"""Every verb and option of pipeline-run, its exit codes, and the examples of its help."""
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import unittest

from program import PROGRAM, TINY, result_of, run, verbs


def target_of(verb):
    return [verb["target"]["example"]] if "target" in verb else []


class Help(unittest.TestCase):
    def test_it_fits_on_one_screen(self):
        for arguments in [["--help"]] + [[verb["name"], "--help"] for verb in verbs()]:
            process = run(*arguments)
            self.assertEqual(process.returncode, 0)
            lines = process.stdout.splitlines()
            self.assertLessEqual(len(lines), 40)
            self.assertLessEqual(max(map(len, lines)), 100)

    def test_it_names_every_verb(self):
        text = run("--help").stdout
        for verb in verbs():
            if verb["name"] != "run":
                self.assertIn(f"\n  {verb['name']} ", text)

    def test_it_names_every_option_and_example_of_a_verb(self):
        for verb in verbs():
            text = run(verb["name"], "--help").stdout
            for option in verb["options"]:
                self.assertIn("--" + option["name"], text)
            for example in verb["examples"]:
                self.assertIn(f"\n  {example}\n", text)
            self.assertTrue(text.startswith("usage: pipeline-run"))

    def test_quickstart_lets_every_option_of_a_run_through(self):
        with open("tools/quickstart", encoding="utf-8") as script:
            known = script.read()
        for option in re.findall(r"--[a-z-]+", run("help", "run").stdout.split("Options:")[1].split("Example")[0]):
            self.assertRegex(known, rf"(?m)[ (|]{option}[ )]", option)

    def test_every_example_works_as_written(self):
        fetched = run("fetch", "mnist", "--from", "file:///nowhere").returncode == 0
        for example in [example for verb in verbs() for example in verb["examples"]]:
            words = shlex.split(example)
            needs_data = "fetch" in words or words[1] == "mnist_mlp"
            if needs_data and not fetched:
                continue
            with self.subTest(example):
                process = self.run_example(words)
                self.assertEqual(process.returncode, 0, process.stderr)

    def run_example(self, words):
        with tempfile.TemporaryDirectory() as folder:  # as good a place as any; new-stage writes where it is run
            return run(*words[1:], cwd=folder, timeout=300)

    def test_every_value_that_an_option_names_is_taken(self):
        for verb in verbs():
            words = []
            for option in verb["options"]:
                name = "--" + option["name"]
                words += [name] if option["kind"] == "flag" else [f"{name}={value}" for value in option.get("choices", []) + [option["example"]]]
            process = run(verb["name"], *target_of(verb), *words)
            self.assertEqual((process.returncode, process.stderr), (0, ""), words)
            self.assertTrue(process.stdout.startswith("usage: "))  # --help is among them

    def test_every_example_of_an_option_works_as_written(self):
        for verb in [verb for verb in verbs() if verb["name"] != "fetch"]:  # whose example is no server
            target = [TINY if word == "mnist_mlp" else word for word in target_of(verb)]
            options = [f"--{option['name']}={option['example']}" for option in verb["options"] if option.get("example")]
            with self.subTest(verb["name"]):
                process = self.run_example(["", verb["name"], *(os.path.abspath(w) if w == TINY else w for w in target), *options])
                self.assertEqual(process.returncode, 0, process.stderr)

    def test_a_value_that_is_no_choice_and_no_number_is_refused(self):
        for verb in verbs():
            for option in verb["options"]:
                if option["kind"] in ("choice", "count"):
                    process = run(verb["name"], *target_of(verb), "--" + option["name"], "-7")
                    self.assertEqual(process.returncode, 2)
                    self.assertIn(f"error[wrong-arguments]: `--{option['name']} -7`: not ", process.stderr)

    def test_the_reference_in_docs_is_what_the_program_says(self):
        with open("docs/commands.md", encoding="utf-8") as file:
            self.assertEqual(file.read(), run("help", "--markdown").stdout,
                             "make it again: pipeline-run help --markdown > docs/commands.md")

    def test_version_names_the_compiler(self):
        self.assertRegex(run("--version").stdout, r"^pipeline-run \d+\.\d+\.\d+ \((g\+\+|clang) ")


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
        self.assertEqual(set(found["nodes"]["learn"]), {"stage", "busy", "starved", "blocked", "packets", "emitted", "discarded"})

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


class Signals(unittest.TestCase):
    """A million epochs take minutes, so only the signal can end the run."""

    def started(self):
        process = subprocess.Popen([PROGRAM, TINY, "--set", "epochs=1000000", "--json"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        while not process.stderr.readline().startswith("Epoch 3/"):  # trains now
            self.assertIsNone(process.poll())
        return process

    def unread(self, *arguments, until):
        """A run whose standard output is a full pipe that nobody reads, when it has said `until`."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        process = subprocess.Popen([PROGRAM, TINY, *arguments, "--json"], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        self.addCleanup(process.stderr.close)
        while not process.stderr.readline().startswith(until):
            self.assertIsNone(process.poll())
        return process

    def test_one_ends_a_run_whose_results_nobody_reads(self):
        # The summary's last line, then the object has its turn.
        process = self.unread("--set", "epochs=1", until="device memory")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130)

    def test_one_during_the_training_ends_a_run_whose_results_nobody_reads(self):
        process = self.unread("--set", "epochs=1000000", until="Epoch 3/")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 143)

    def test_one_that_the_kernel_repeats_ends_nothing_at_once(self):
        process = self.started()
        process.send_signal(signal.SIGXCPU)
        process.send_signal(signal.SIGXCPU)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGXCPU)
        self.assertEqual(json.loads(out)["exit"]["reason"], f"signal {int(signal.SIGXCPU)}")

    def test_one_ends_the_run_after_the_batch_with_the_object(self):
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU]:
            process = self.started()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + number)
            self.assertRegex(err, f"stopping on signal {int(number)} .*; a second signal ends the process at once\n")
            found = json.loads(out)
            self.assertEqual(found["exit"], {"code": 128 + number, "reason": f"signal {int(number)}"})
            self.assertGreaterEqual(len(found["epochs"]), 3)
            self.assertEqual(len(found["weights_sha256"]), 64)

    def test_a_second_one_ends_the_program_at_once(self):
        # It waits for the rest of its config and would wait for ever. The pipe holds 64 KiB, so once twice as much is
        # written it reads, and listens to signals.
        process = subprocess.Popen([PROGRAM, "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b"# comment\n" * 20000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        self.assertIn(b"stopping on signal 2 (Interrupt); a second signal", process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 128 + signal.SIGTERM)
        process.stdin.close()
        process.stderr.close()

    def test_what_only_reads_ends_at_the_first_one(self):
        process = subprocess.Popen([PROGRAM, "check", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdin.write(b"# comment\n" * 20000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), -signal.SIGINT)
        process.stdin.close()


class Pages(unittest.TestCase):
    def test_check_says_that_nothing_is_wrong(self):
        self.assertIn("no errors", run("check", TINY).stdout)
        self.assertEqual(result_of(run("check", TINY, "--json"))["errors"], [])

    def test_check_prints_every_error_with_its_place(self):
        config = "version: 1\nname: x\ngraph:\n  a: {stage: flaten}\n  b: {stage: one_hott}\n"
        process = run("check", "-", "--json", input=config)
        self.assertEqual(process.returncode, 3)
        places = [(error["name"], error["line"]) for error in result_of(process)["errors"]]
        self.assertEqual(places, [("unknown-stage", 4), ("unknown-stage", 5)])
        for error in result_of(process)["errors"]:
            self.assertEqual(set(error), {"name", "file", "line", "column", "message", "help", "notes"})

    def test_the_mistake_of_the_readme_is_answered_as_it_says(self):
        with open("README.md", encoding="utf-8") as file:
            blocks = [block for block in file.read().split("```") if block.strip().startswith("error[")]
        self.assertEqual(len(blocks), 1)
        with open("configs/mnist_mlp.yaml", encoding="utf-8") as file:
            text = file.read().replace("classes: 10", "class: 10", 1)
        process = run("check", "-", input=text)
        self.assertEqual(process.returncode, 3)
        printed = [line.rstrip() for line in process.stderr.splitlines() if line.strip()]
        promised = [line.replace("configs/mnist_mlp.yaml", "<stdin>") for line in blocks[0].strip().splitlines()]
        self.assertEqual(printed, promised + ["1 error"])

    def test_plan_counts_the_parameters_of_the_notebooks_model(self):
        text = run("plan", "configs/mnist_mlp.yaml").stdout
        for number in ["401,920", "262,656", "5,130", "669,706", "200,704"]:
            self.assertIn(number, text)
        plan = result_of(run("plan", "configs/mnist_mlp.yaml", "--json"))
        self.assertEqual(plan["models"][0]["parameters"], 669706)
        terms = sum(node["working"] + node["flowing"] + node["snapshots"] for node in plan["memory"])
        self.assertEqual(plan["memory_bound_bytes"], terms + sum(plan["memory_of_process"].values()))

    def test_plan_widens_a_budget_that_a_batch_needs(self):
        plan = result_of(run("plan", "configs/mnist_mlp.yaml", "-s", "train_batches.batch_size=4096", "--json"))
        self.assertEqual(plan["budgets"][0], {"source": "train", "declared_blocks": 8, "effective_blocks": 17,
                                              "rows_per_block": 256, "bytes": plan["budgets"][0]["bytes"]})

    def test_a_run_stays_under_the_bound_of_its_plan(self):
        for extra in [[], ["-s", "batches.batch_size=3"]]:
            bound = result_of(run("plan", TINY, *extra, "--json"))["memory_bound_bytes"]
            self.assertLessEqual(result_of(run(TINY, "-s", "epochs=3", *extra, "--json"))["peak_bytes"], bound)

    def test_show_names_the_origin_of_each_value(self):
        lines = run("show", TINY, "--set", "epochs=7").stdout.splitlines()
        self.assertRegex([line for line in lines if line.startswith("epochs:")][0], r"^epochs: 7 +# command line, --set #1$")
        self.assertRegex([line for line in lines if line.startswith("name:")][0], r"# configs/linear_fit.yaml:\d+$")
        self.assertTrue(any(line.endswith("# default") for line in lines))

    def test_what_show_prints_is_a_config_of_the_same_run(self):
        for config in ["configs/linear_fit.yaml", "configs/mnist_mlp.yaml", "configs/colors_onehot.yaml"]:
            shown = run("show", config)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            again = run("plan", "-", "--json", input=shown.stdout)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertEqual(result_of(again)["edges"], result_of(run("plan", config, "--json"))["edges"])
            self.assertEqual(result_of(again)["config_hash"], result_of(run("plan", config, "--json"))["config_hash"])

    def test_what_show_prints_names_plugins_from_the_current_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(TINY, encoding="utf-8") as tiny, open(f"{folder}/c.yaml", "w", encoding="utf-8") as config:
                config.write(tiny.read() + "\nplugins: [mine.so, random_affine]\n")
            os.symlink(os.environ["MOODY_PLUGIN"], f"{folder}/mine.so")
            os.mkdir(f"{folder}/sub")
            shown = run("show", "../c.yaml", cwd=f"{folder}/sub")
            self.assertIn('plugins: [../mine.so, random_affine]', shown.stdout, shown.stderr)
            again = run("check", "-", input=shown.stdout, cwd=f"{folder}/sub")
            self.assertEqual(again.returncode, 0, again.stderr)

    def test_show_says_where_a_node_less_means_other_numbers(self):
        twice = ("version: 1\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1, 2]}, shuffle: true}}\n"
                 "  b: {stage: table_source, with: {columns: {x: [1, 2]}, shuffle: true}}\n"
                 "  show_a: {stage: print, in: a}\n  show_b: {stage: print, in: b}\n")
        without = lambda name: ["--set", f"{name}=null", "--set", f"show_{name}=null"]
        said = "# What --set took away still counts"
        self.assertTrue(run("show", "-", *without("a"), input=twice).stdout.startswith(said))
        self.assertEqual(run("check", "-", input=run("show", "-", *without("a"), input=twice).stdout).returncode, 0)
        for same in (without("b"), [*without("a"), "--set", "b.seed=3"], []):
            self.assertNotIn(said, run("show", "-", *same, input=twice).stdout)

    def test_show_as_json_has_values_and_origins(self):
        config = result_of(run("show", TINY, "--set", "epochs=7", "--json"))["config"]
        self.assertEqual(config["epochs"], {"value": "7", "origin": "command line, --set #1"})

    def test_graph_draws_every_node_and_edge(self):
        plan = result_of(run("plan", "configs/mnist_mlp.yaml", "--json"))
        dot = run("graph", "configs/mnist_mlp.yaml").stdout
        mermaid = run("graph", "configs/mnist_mlp.yaml", "--format", "mermaid").stdout
        self.assertTrue(dot.startswith('digraph "mnist_mlp" {'))
        self.assertTrue(mermaid.startswith("flowchart LR\n"))
        self.assertEqual(dot.count(" -> "), len(plan["edges"]))
        self.assertEqual(mermaid.count(" -->|"), len(plan["edges"]))
        self.assertIn('"train" -> "train_targets" [label="u8 [n]"]', dot)

    def test_stages_lists_all_and_describes_one(self):
        names = [stage["name"] for stage in result_of(run("stages", "--json"))["stages"]]
        text = run("stages").stdout
        for name in ["batcher", "flatten", "idx_loader", "one_hot", "trainer"]:
            self.assertIn(name, names)
            self.assertIn(f"\n{name} ", "\n" + text)
        for name in names:
            page = run("stages", name).stdout
            stage = result_of(run("stages", name, "--json"))
            self.assertIn(stage["summary"], page)
            self.assertIn(stage["example"], page)
            for param in stage["params"]:
                self.assertIn(f"  {param['name']}: {param['type']}", page)
                self.assertIn(param["doc"], page)

    def test_a_page_says_which_outputs_a_parameter_names(self):
        self.assertIn("one for each key of `columns`", run("stages", "table_source").stdout)
        self.assertEqual(result_of(run("stages", "table_source", "--json"))["any_outputs"]["keys_of"], "columns")

    def test_a_page_explains_a_choice_once(self):
        page = run("stages", "trainer").stdout
        self.assertEqual(page.count("\n            he_uniform: "), 1)
        self.assertIn("(as for kernel_initializer)", page)

    def test_devices_says_what_there_is_and_why_not(self):
        devices = result_of(run("devices", "--json"))
        self.assertTrue(devices["devices"][0]["available"])
        self.assertEqual(devices["devices"][0]["kind"], "cpu")
        self.assertIn(devices["reason"], run("devices").stdout)
        for library in ["mpi", "nccl"]:
            says = ("yes, " if devices[library]["available"] else "no, ") + devices[library]["detail"]
            self.assertIn(f"({library.upper()}): {says}", run("devices").stdout)

    def test_color_always_colors_errors_and_never_does_not(self):
        self.assertIn("\x1b[", run("check", "nowhere.yaml", "--color", "always").stderr)
        self.assertNotIn("\x1b[", run("check", "nowhere.yaml", "--color", "never").stderr)
        self.assertNotIn("\x1b[", run("check", "nowhere.yaml").stderr)
        self.assertIn("\x1b[", run("check", "nowhere.yaml", env={"FORCE_COLOR": "1"}).stderr)
        self.assertNotIn("\x1b[", run("check", "nowhere.yaml", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stderr)


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
