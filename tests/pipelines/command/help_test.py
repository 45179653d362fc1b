"""Every verb and option of pipeline-run, and the examples of its help."""
import os
import re
import shlex
import tempfile
import unittest

from npy_files import write_npy
from program import TINY, run, verbs


def target_of(verb):
    return verb["target"]["example"].split() if "target" in verb else []

# TINY with a test set.
TESTED = f"""version: 1
extends: {os.path.abspath(TINY)}
graph:
  final:       {{stage: table_source, role: test, with: {{columns: {{x: [1, 2], y: [2, 4]}}}}}}
  final_rows:  {{stage: batcher, in: {{inputs: final.x, targets: final.y}}, with: {{batch_size: 2}}}}
  judge:       {{stage: evaluator, in: {{data: final_rows, model: learn.model}}}}
"""


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
            self.assertEqual(bool(verb["examples"]), "\nExample" in text)
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
                process = self.run_example(words, needs_run="last" in words)
                self.assertEqual(process.returncode, 0, process.stderr)

    def run_example(self, words, needs_run=False):
        with tempfile.TemporaryDirectory() as folder:  # as good a place as any; new-stage writes where it is run
            if needs_run:
                kept = [word for word in words if word.startswith("--runs=")]
                with open(os.path.join(folder, "tested.yaml"), "w", encoding="utf-8") as file:
                    file.write(TESTED)
                self.assertEqual(run("tested.yaml", "--set", "epochs=1", *kept, cwd=folder).returncode, 0)
                write_npy(os.path.join(folder, "x.npy"), "f", [2, 1], [1, 2])
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
        for verb in [verb for verb in verbs() if verb["name"] not in ("fetch", "replay", "test")]:  # no server, no run that has failed, no test set
            target = [TINY if word == "mnist_mlp" else word for word in target_of(verb)]
            options = [f"--{option['name']}={option['example']}" for option in verb["options"]
                       if option.get("example") and option["name"] != "expect"]  # whose example is another plan
            with self.subTest(verb["name"]):
                process = self.run_example(["", verb["name"], *(os.path.abspath(w) if w == TINY else w for w in target), *options],
                                           needs_run="last" in target)
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


if __name__ == "__main__":
    unittest.main()
