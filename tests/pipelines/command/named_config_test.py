"""Configs that come with Millrace are found by name, from every folder."""
import json
import os
import tempfile
import unittest

from program import run

NAMES = sorted(file[:-len(".yaml")] for file in os.listdir("configs") if file.endswith(".yaml"))


class ByName(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def here(self, *arguments):
        return run(*arguments, cwd=self.folder)

    def test_every_verb_that_takes_a_config_takes_a_name(self):
        for name in NAMES:
            for verb in ("check", "plan", "show", "graph"):
                process = self.here(verb, name)
                self.assertEqual(process.returncode, 0, process.stderr)
        process = self.here("linear_fit", "--set", "epochs=2", "--json")
        self.assertEqual(len(json.loads(process.stdout)["epochs"]), 2, process.stderr)

    def test_a_file_of_that_name_comes_first(self):
        with open(os.path.join(self.folder, "linear_fit"), "w", encoding="utf-8") as file:
            file.write("version: 1\nnmae: x\n")
        self.assertIn("linear_fit:2:1", self.here("check", "linear_fit").stderr)

    def test_a_mistyped_name_gets_a_suggestion(self):
        for arguments, name in ((["linear_fti"], "unknown-verb"), (["check", "linear_fti"], "unknown-config")):
            process = self.here(*arguments)
            self.assertEqual(process.returncode, 2)
            self.assertIn(f"error[{name}]", process.stderr)
            self.assertIn("did you mean `linear_fit`?", process.stderr)

    def test_the_path_that_the_documents_use_leads_to_the_name(self):
        process = self.here("check", "configs/linear_fit.yaml")
        self.assertIn("error[config-unreadable]", process.stderr)
        self.assertIn("`linear_fit` comes with Millrace", process.stderr)

    def test_names_are_completed(self):
        self.assertEqual(self.here("__complete", "check", "linear").stdout.split(), ["linear_fit", ":files"])
        self.assertIn("learn.loss=", self.here("__complete", "linear_fit", "--set", "learn.lo").stdout)


if __name__ == "__main__":
    unittest.main()
