"""What check, plan, show, graph, stages and devices print."""
import os
import tempfile
import unittest

from program import TINY, result_of, run


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

    def test_plan_says_where_sources_begin_when_a_run_goes_on(self):
        self.assertRegex(run("plan", "configs/mnist_mlp.yaml").stdout, r"\n  train +resumes at the position\n")
        isolated = ("configs/mnist_mlp.yaml", "--set", "train.run.isolate=process")
        self.assertRegex(run("plan", *isolated).stdout, r"\n  train +replays the epoch, because source `train` works in a process of its own\n")
        self.assertEqual(result_of(run("plan", "configs/mnist_mlp.yaml", "--json"))["resume"], [{"source": "train", "begins": "position"}])
        self.assertEqual(result_of(run("plan", *isolated, "--json"))["resume"],
                         [{"source": "train", "begins": "epoch", "because": "source `train` works in a process of its own"}])

    def test_plan_fits_80_columns_and_begins_with_the_run_and_its_model(self):
        for config in ("configs/linear_fit.yaml", "configs/mnist_mlp.yaml"):
            lines = run("plan", config).stdout.splitlines()
            self.assertEqual([line for line in lines if len(line) > 80], [], config)
            self.assertRegex(lines[0], r"^\w+: \d+ nodes, epochs \d+, seed \d+, threads \d+$")
            self.assertTrue(lines[1].startswith("device: cpu ("), lines[1])
            self.assertLess(next(i for i, line in enumerate(lines) if "parameters" in line), 6, config)

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


if __name__ == "__main__":
    unittest.main()
