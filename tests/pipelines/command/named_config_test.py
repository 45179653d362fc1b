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

    def test_the_folder_of_a_run_means_its_config(self):
        process = self.here("linear_fit", "--set", "epochs=2", "--runs", "kept", "--json")
        for folder in ("kept/linear_fit-1", "kept/linear_fit-1/", os.path.join(self.folder, "kept/linear_fit-1")):
            plan = self.here("plan", folder, "--json")
            self.assertEqual(json.loads(plan.stdout)["config_hash"], json.loads(process.stdout)["config_hash"], plan.stderr)
        self.assertIn("error[config-unreadable]", self.here("plan", "kept").stderr + self.here("check", "./kept").stderr)

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

    def write(self, name, text):
        os.makedirs(os.path.dirname(os.path.join(self.folder, name)) or self.folder, exist_ok=True)
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def test_a_file_extends_one_of_them_by_its_name(self):
        self.write("sub/own.yaml", "extends: linear_fit\nepochs: 3\n")
        self.assertEqual(self.here("check", "sub/own.yaml").returncode, 0)
        self.write("sub/linear_fit", "nmae: x\n")  # a file of that name comes first
        self.assertIn("error[extends-foreign]: `sub/linear_fit` is no config", self.here("check", "sub/own.yaml").stderr)
        self.write("own.yaml", "extends: linear_fit.yaml\n")
        self.assertIn("= help: `extends: linear_fit` names the config of Millrace\n", self.here("check", "own.yaml").stderr)

    def test_a_file_beside_it_is_meant_even_without_its_suffix(self):
        self.write("linear_fit.yaml", run("show", "linear_fit", "--set", "epochs=77").stdout)
        self.write("child.yaml", "version: 1\nextends: linear_fit\n")
        process = self.here("check", "child.yaml")
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("error[extends-missing]", process.stderr)
        self.assertIn("linear_fit.yaml", process.stderr)

    def test_strict_paths_allow_one_that_is_extended(self):
        self.write("child.yaml", "version: 1\nextends: linear_fit\n")
        process = self.here("check", "child.yaml", "--strict-paths")
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_a_mistyped_file_to_extend_is_suggested_as_the_file_has_to_write_it(self):
        for name in ("cc/ok.yaml", "cc/e.yaml", "cc/deep/base.yaml", "cc/True.yaml"):
            self.write(name, "version: 1\n")
        for wrong, helped in (("okk.yaml", "did you mean `ok.yaml`?"), ("deep/bse.yaml", "did you mean `deep/base.yaml`?"),
                              ("ok.yml", "did you mean `ok.yaml`?"), ("nope.yaml", "the path is relative to the file that extends"),
                              ("ee.yaml", "did you mean `e.yaml`?"), ("cdf.yaml", "the path is relative to the file that extends")):
            self.write("cc/cde.yaml", f"extends: {wrong}\n")
            self.assertIn(f"= help: {helped}\n", self.here("check", "cc/cde.yaml").stderr, wrong)

    def test_names_are_completed(self):
        self.assertEqual(self.here("__complete", "check", "linear").stdout.split(), ["linear_fit", ":files"])
        self.assertIn("learn.loss=", self.here("__complete", "linear_fit", "--set", "learn.lo").stdout)


if __name__ == "__main__":
    unittest.main()
