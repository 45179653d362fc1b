"""What is derived from the descriptors: examples that pass check, the reference in docs, the schema, completion."""
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from checkpoint_files import write_checkpoint
from npy_files import write_npy
from program import PROGRAM, TINY, result_of, run

# The nodes that examples refer to, and one sink for each kind of port.
SCAFFOLD = {
    "train": "{stage: idx_loader, with: {dataset: mnist, split: train}}",
    "flat": "{stage: flatten, in: train.images}",
    "classes": "{stage: one_hot, in: train.labels, with: {classes: 10}}",
    "train_targets": "{stage: one_hot, in: train.labels, with: {classes: 10}}",
    "batches": "{stage: batcher, in: {inputs: flat, targets: classes}, with: {batch_size: 32}}",
    "train_batches": "{stage: batcher, in: {inputs: flat, targets: classes}, with: {batch_size: 32}}",
    "learn": "{stage: trainer, in: batches, with: {model: [dense: {units: 10, activation: softmax}], "
             "loss: categorical_crossentropy}}",
    "valid": "{stage: idx_loader, with: {dataset: mnist, split: test}}",
    "valid_flat": "{stage: flatten, in: valid.images}",
    "valid_classes": "{stage: one_hot, in: valid.labels, with: {classes: 10}}",
    "valid_batches": "{stage: batcher, in: {inputs: valid_flat, targets: valid_classes}, with: {batch_size: 100}}",
    "evaluate": "{stage: evaluator, in: {data: valid_batches, model: learn.model}}",
}


def config_of(stage):
    """The stage's example, the nodes it needs, and a sink for what it gives."""
    name, node = stage["example"].split(":", 1)
    nodes, wanted = {name: node.strip()}, [node]
    while wanted:
        for word in re.findall(r"\b(\w+)\b(?!\s*:)", wanted.pop()):
            if word in SCAFFOLD and word not in nodes:
                nodes[word] = SCAFFOLD[word]
                wanted.append(SCAFFOLD[word])
    if stage["outputs"]:
        port = stage["outputs"][0]
        if port["kind"] != "metrics":  # what is measured needs no sink
            taken_by = "model" if port["kind"] == "model" else "in"
            nodes["the_sink"] = "{stage: print, in: {%s: %s.%s}}" % (taken_by, name, port["name"])
    elif "any_outputs" in stage:
        column = re.search(r"columns: \{(\w+)", stage["example"]).group(1)
        nodes["the_sink"] = "{stage: print, in: {in: %s.%s}}" % (name, column)
    lines = "".join(f"  {key}: {value}\n" for key, value in nodes.items())
    return f"version: 1\nname: example\ngraph:\n{lines}"


def stages():
    return result_of(run("stages", "--json"))["stages"]


class Examples(unittest.TestCase):
    def test_every_example_passes_check(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        checkpoint = os.path.join(folder.name, "checkpoint.safetensors")
        write_checkpoint(checkpoint, [(0, [[0.5] * 784] * 10, [0.25] * 10)])
        for name, shape in (("x.npy", [3, 2]), ("y.npy", [3])):
            write_npy(os.path.join(folder.name, name), "B", shape, [0] * (3 * len(shape)))
        for stage in stages():
            with self.subTest(stage["name"]):
                config = config_of(stage).replace("checkpoint.safetensors", checkpoint)
                for name in ("x.npy", "y.npy"):
                    config = config.replace(name, os.path.join(folder.name, name))
                process = run("check", "-", input=config)
                self.assertEqual(process.returncode, 0, config + process.stderr)


class Pages(unittest.TestCase):
    def test_the_reference_in_docs_is_what_the_program_says(self):
        with open("docs/stages.md", encoding="utf-8") as file:
            self.assertEqual(file.read(), run("stages", "--markdown").stdout,
                             "make it again: pipeline-run stages --markdown > docs/stages.md")

    def test_one_stage_can_be_had_alone(self):
        page = run("stages", "one_hot", "--markdown").stdout
        self.assertEqual(page.count("\n## "), 1)
        self.assertIn("| `classes` |", page)
        self.assertEqual(run("stages", "one_hott", "--markdown").returncode, 2)

    def test_ports_are_data(self):
        facts = {stage["name"]: stage for stage in stages()}
        label, = facts["one_hot"]["inputs"]
        self.assertEqual(label["dtype"], ["u8", "i8", "i16", "i32"])
        self.assertEqual(label["shape"], "one_value")
        self.assertEqual(label["range"], {"below_param": "classes"})
        row, = facts["one_hot"]["outputs"]
        self.assertEqual((row["dtype"], row["shape"], row["range"]), (["f32"], {"ranks": [1, 1]}, [0, 1]))
        flat, = facts["flatten"]["outputs"]
        self.assertEqual((flat["dtype"], flat["range"]), ({"same_as": "in"}, {"same_as": "in"}))
        fields = {field["name"]: field for field in facts["trainer"]["inputs"][0]["fields"]}
        self.assertEqual(fields["inputs"]["shape"], {"ranks": [1, 1]})
        self.assertTrue(fields["weights"]["optional"])
        self.assertEqual(facts["transfer"]["outputs"][0]["fields"], {"same_as": "in"})
        self.assertEqual(facts["batcher"]["any_inputs"]["dtype"], "any")
        self.assertNotIn("dtype", facts["metrics_sink"]["any_inputs"])
        self.assertIn("f32 [n, *] in [0, 1]", run("stages", "one_hot").stdout)

    def test_a_page_says_which_threads_call_a_stage_and_what_it_keeps(self):
        self.assertIn("any number of threads at once", run("stages", "flatten").stdout)
        self.assertIn("one thread at a time, in order; resumable", run("stages", "trainer").stdout)
        facts = {stage["name"]: stage for stage in stages()}
        self.assertTrue(facts["flatten"]["any_number_of_threads"])
        self.assertEqual(facts["trainer"]["state"], "resumable")


class Schema(unittest.TestCase):
    def test_it_knows_every_stage_parameter_and_top_level_key(self):
        schema = json.loads(run("schema").stdout)
        self.assertEqual(schema["$schema"], "http://json-schema.org/draft-07/schema#")
        rules = {rule["if"]["properties"]["stage"]["const"]: rule["then"]["properties"]
                 for rule in schema["definitions"]["node"]["allOf"]}
        for stage in stages():
            params = rules[stage["name"]]["with"]["properties"]
            self.assertEqual(list(params), [param["name"] for param in stage["params"]])
            for param in stage["params"]:
                self.assertIn(param["doc"], params[param["name"]]["description"])
        for key in ["version", "seed", "epochs", "plugins", "extends", "chains", "graph"]:
            self.assertIn("description", schema["properties"][key])

    def test_it_has_the_stages_of_a_plugin(self):
        text = run("schema", "--plugin", os.environ["MOODY_PLUGIN"]).stdout
        self.assertIn('{"const":"moody","description":"Passes on what it gets."}', text)
        self.assertNotIn('"moody"', run("schema").stdout)


# What can be set of a batcher.
BATCHES = ["batches.batch_size=", "batches.run.isolate=", "batches.run.timeout="]


class Completion(unittest.TestCase):
    def candidates(self, *words):
        process = run("__complete", *words)
        self.assertEqual(process.returncode, 0, process.stderr)
        return process.stdout.split()

    def test_verbs_options_stages_and_values(self):
        self.assertIn("stages", self.candidates("st"))
        self.assertIn(":files", self.candidates("check", ""))
        self.assertIn("batcher", self.candidates("stages", "ba"))
        self.assertEqual(self.candidates("stages", "--w"), ["--why"])
        self.assertEqual(self.candidates("graph", TINY, "--format", "m"), ["mermaid"])
        self.assertEqual(self.candidates("run", TINY, "--device", "c"), ["cpu", "cuda"])
        self.assertEqual(self.candidates("completion", ""), ["bash", "zsh"])
        self.assertIn("mnist", self.candidates("fetch", ""))
        self.assertEqual(self.candidates("test-stage", "b"), ["built-in", ":files"])
        self.assertEqual(self.candidates("test-stage", "--w"), ["--with"])

    def test_a_value_behind_an_equals_sign_is_completed_as_one_behind_a_blank(self):
        self.assertEqual(self.candidates("graph", TINY, "--format=m"), ["--format=mermaid"])
        self.assertEqual(self.candidates(TINY, "--set=batches."), ["--set=" + path for path in BATCHES])
        self.assertEqual(self.candidates("--device=c"), ["--device=cpu", "--device=cuda"])
        self.assertEqual(self.candidates("check", "--set=epochs=1", TINY, "--set=epochs_"), ["--set=epochs_ahead="])
        self.assertEqual(self.candidates(TINY, "--plugin="), [":files"])
        self.assertEqual(self.candidates(TINY, "--strict="), [])

    def test_the_stages_of_a_plugin_that_is_named_are_offered(self):
        plugin = os.environ["MOODY_PLUGIN"]
        self.assertEqual(self.candidates("stages", "moo"), [])
        self.assertEqual(self.candidates("stages", "--plugin", plugin, "moo"), ["moody"])
        self.assertEqual(self.candidates("stages", f"--plugin={plugin}", "moo"), ["moody"])

    def test_every_verb_and_every_option_of_its_help_is_offered(self):
        for verb in re.findall(r"\n  ([\w-]+) ", run("--help").stdout.split("Verbs:")[1].split("Exit codes")[0]):
            self.assertIn(verb, self.candidates(verb[:1]))
            if verb == "help":  # it takes a verb, and no options
                continue
            for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", run(verb, "--help").stdout.split("Options:")[1].split("\nExample")[0]):
                self.assertIn(option, self.candidates(verb, "--"))

    def test_the_words_that_show_pages_are_offered_too(self):
        self.assertIn("version", self.candidates("v"))
        self.assertEqual(self.candidates("help", "che"), ["check"])
        self.assertEqual(self.candidates("help", "check", ""), [])

    def test_paths_for_set_come_from_the_config(self):
        self.assertIn("epochs=", self.candidates(TINY, "--set", "ep"))
        self.assertEqual(self.candidates(TINY, "--set", "batches."), BATCHES)
        self.assertEqual(self.candidates(TINY, "--set", "points.run.b"), ["points.run.blocks=", "points.run.bytes="])
        self.assertIn("learn.optimizer.adam.learning_rate=", self.candidates("check", TINY, "-s", "learn.optimizer.adam"))
        self.assertEqual(self.candidates("nowhere.yaml", "--set", "learn."), [])

    def shell(self, program, script):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(PROGRAM, f"{folder}/pipeline-run")
            shutil.copy(TINY, f"{folder}/a config.yaml")
            shutil.copy(TINY, f"{folder}/a=b:c.yaml")
            env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": folder}
            done = subprocess.run([program, "-c", script], capture_output=True, text=True, env=env, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def bash(self, line, behind=""):
        """What is offered for `line`, behind whose end `behind` stands."""
        return self.shell("bash", f"source <(pipeline-run completion bash); COMP_LINE={shlex.quote(line + behind)}; "
                                  f"COMP_POINT={len(line)}; _pipeline_run; printf '%s\\n' \"${{COMPREPLY[@]}}\"")

    def test_bash_completes_with_it(self):
        self.assertEqual(self.bash("pipeline-run stages batc"), ["batcher"])
        self.assertEqual(self.bash("pipeline-run graph --form"), ["--format"])
        self.assertEqual(self.bash(f"pipeline-run {TINY} --set batches."), BATCHES)
        self.assertEqual(self.bash("pipeline-run check configs/linear_f"), [TINY])
        self.assertEqual(self.bash("pipeline-run stages batc", behind="h --json"), ["batcher"])

    def test_bash_completes_behind_words_in_quotes_and_with_backslashes(self):
        for config in ('~/"a config.yaml"', "~/'a config.yaml'", "~/a\\ config.yaml", '~/a" "config.yaml', "~/a=b:c.yaml"):
            self.assertEqual(self.bash(f"pipeline-run {config} --set batches."), BATCHES, config)
        self.assertEqual(self.bash(f"pipeline-run {TINY} --set 'batches."), BATCHES)
        self.assertEqual(self.bash(f"pipeline-run '' {TINY} --set batches."), [""])  # the empty word is the config

    def test_bash_completes_a_file_whose_name_has_a_blank(self):
        for typed in ("~/a\\ conf", "~/'a conf", '~/"a conf'):
            ending = "~/" if "\\" in typed else ""  # readline puts what follows an open quote behind it
            self.assertEqual(self.bash(f"pipeline-run check {typed}"), [ending + "a config.yaml"], typed)

    def test_bash_completes_a_value_behind_an_equals_sign(self):
        self.assertEqual(self.bash(f"pipeline-run graph {TINY} --format=m"), ["mermaid"])
        self.assertEqual(self.bash(f"pipeline-run graph {TINY} '--format=m"), ["--format=mermaid"])
        self.assertEqual(self.bash(f"pipeline-run {TINY} --set=batches."), BATCHES)
        self.assertEqual(self.bash(f"pipeline-run {TINY} --plugin=configs/linear_f"), [TINY])
        self.assertEqual(self.bash("pipeline-run check ~/a=b:"), ["c.yaml"])

    def test_bash_finds_a_program_in_the_home_folder(self):
        self.assertEqual(self.bash("~/pipeline-run stages batc"), ["batcher"])
        self.assertEqual(self.bash("'~/pipeline-run' stages batc"), [""])

    def test_bash_runs_nothing_of_what_is_typed(self):
        typed = 'pipeline-run stages "$(touch ~/ran)" `touch ~/ran` $(touch ~/ran) b'
        script = f"source <(pipeline-run completion bash); COMP_LINE={shlex.quote(typed)}; COMP_POINT={len(typed)}; _pipeline_run; ls ~"
        self.assertNotIn("ran", self.shell("bash", script))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_completes_with_it(self):
        # Outside of its line editor: what the shell would be offered is printed.
        stand_in = ("compdef() { :; }; compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- \"$@\"; }; "
                    "_files() { print FILES; }; compset() { print -- \"$@\"; }; source <(pipeline-run completion zsh); ")
        for words, expected in [("stages batc", ["batcher"]), (f"{TINY} --set batches.", BATCHES),
                                ("check line", ["FILES", "linear_fit"]), ("graph --form", ["--format"]), ("graph --format=m", ["--format=mermaid"]),
                                ("check --plugin=x", ["-P *=", "FILES"])]:
            line = f"words=(pipeline-run {words}); CURRENT=$#words; _pipeline_run; true"
            self.assertEqual(self.shell("zsh", stand_in + line), expected)
        home = "words=('~/pipeline-run' stages batc); CURRENT=$#words; _pipeline_run; true"
        self.assertEqual(self.shell("zsh", stand_in + home), ["batcher"])

    def test_another_shell_is_refused(self):
        self.assertEqual(run("completion", "tcsh").returncode, 2)


if __name__ == "__main__":
    unittest.main()
