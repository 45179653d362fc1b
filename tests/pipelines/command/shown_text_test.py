"""Texts of configs, paths and plugins are shown and never obeyed: no control character, no change of direction, nothing that is no
UTF-8, no forged message and no endless one reaches standard output or standard error."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from program import PROGRAM

LOUD = os.environ["LOUD_PLUGIN"]
NASTY = "\x1b[31m\x9b2J\u202e\u2066\u2028\x07\x7f"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Shown(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def shown(self, *arguments, text=""):
        """What a terminal gets; the test fails where it would obey."""
        done = subprocess.run([PROGRAM, *arguments], input=text.encode(), capture_output=True, timeout=120, check=False, cwd=self.folder,
                              env={**os.environ, "XDG_DATA_HOME": self.folder, "MILLRACE_PLUGIN_PATH": self.folder})
        for stream in (done.stdout, done.stderr):
            seen = stream.decode()  # raises for what is no UTF-8
            self.assertIsNone(OBEYED.search(seen), ascii(seen[:2000]))
            self.assertIsNone(re.search(r"^error\[forged\]", seen, re.M), seen[:2000])
            self.assertLess(len(seen), 200_000)
        return done.stdout.decode() + done.stderr.decode()

    def run_every_verb(self, text, *more):
        for verb in ("check", "plan", "show", "graph"):
            self.shown(verb, "-", *more, text=text)
            if verb != "graph":
                self.shown(verb, "-", "--json", *more, text=text)
        self.shown("-", "--json", *more, text=text)
        return self.shown("-", *more, text=text)

    def test_names_of_a_config(self):
        name = json.dumps("n" + NASTY)
        for text in (
                f"version: 1\nname: {name}\ngraph:\n  a: {{stage: table_source, with: {{columns: {{{name}: [1]}}}}}}\n  {name}: {{stage: print, in: a}}\n",
                f"version: 1\ngraph:\n  a: {{stage: {name}}}\n",
                f"version: 1\n{name}: 3\ngraph: {{}}\n",
                f"version: 1\nextends: {name}\ngraph: {{}}\n",
                f"version: 1\nplugins: [{name}]\ngraph: {{}}\n",
                f"version: 1\ngraph:\n  a: {{stage: idx_loader, with: {{images: {name}}}}}\n  p: {{stage: print, in: a.images}}\n",
                f"version: 1\ngraph:\n  c: {{stage: table_source, with: {{columns: {{x: [{name}]}}}}}}\n  p: {{stage: print, in: c.x}}\n"):
            self.run_every_verb(text)

    def test_arguments(self):
        for arguments in (["x" + NASTY], ["check", "./" + NASTY], ["--" + NASTY], ["check", "linear_fit", "--set", NASTY + "=1"],
                          ["check", "linear_fit", "--set", "epochs=" + NASTY], ["check", "linear_fit", "--plugin", "./" + NASTY],
                          ["stages", NASTY], ["stages", NASTY, "--why"], ["stages", NASTY, "--why", "--json"], ["fetch", NASTY],
                          ["fetch", "mnist", "--to", self.folder + "/" + NASTY, "--from", "file:///" + NASTY], ["new-stage", NASTY],
                          ["test-stage", NASTY], ["completion", NASTY], ["check", "--json", "./" + NASTY]):
            self.shown(*arguments)

    def test_texts_of_a_plugin(self):
        plugin = f"{self.folder}/p{NASTY}.so"
        shutil.copy(LOUD, plugin)
        for arguments in (["stages"], ["stages", "loud"], ["stages", "--json"], ["stages", "loud", "--json"], ["stages", "--markdown"],
                          ["stages", "loud", "--why"], ["stages", "loud", "--why", "--json"], ["schema"], ["test-stage", plugin],
                          ["test-stage", plugin, "--json"]):
            self.shown(*arguments)
        text = "version: 1\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1, 2]}}}\n  b: {stage: loud, in: a.x}\n  c: {stage: print, in: b}\n"
        self.run_every_verb(text)
        self.run_every_verb(text, "--plugin", plugin)
        told = self.run_every_verb(text, "--set", "b.bytes=50000000")
        self.assertIn("more bytes)", told)
        self.assertRegex(told, r"\n +error\[forged\]: no")


if __name__ == "__main__":
    unittest.main()
