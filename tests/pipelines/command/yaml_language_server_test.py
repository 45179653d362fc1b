"""An editor's YAML language server, given the schema that pipeline-run prints: errors and completion of a config.

Needs `yaml-language-server` (npm install --ignore-scripts yaml-language-server) on the PATH, or its path in YAML_LANGUAGE_SERVER;
exits with 77, which ctest shows as skipped, where it is not there."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from program import run

SERVER = os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")
WRONG = {
    "a misspelled parameter": ("with: {classes: 10}}", "with: {class: 10}}", "class"),
    "a value out of range": ("batch_size: 32", "batch_size: 0", "0"),
    "an unknown stage": ("stage: batcher, in: {inputs: train_inputs", "stage: bacher, in: {inputs: train_inputs", "bacher"),
    "a wrong type": ("shuffle: true", "shuffle: 7", "7"),
    "an unknown key of a node": ("train:            {stage", "train:            {stages: 1, stage", "stages"),
    "an unknown top-level key": ("epochs: 5", "epoch: 5", "epoch"),
    "a parameter of a layer": ("units: 512", "unit: 512", "dense"),
    "a missing parameter": (", with: {batch_size: 1000}", "", "{stage: batcher"),
}


class Server:
    """Speaks the language server protocol over a pipe."""

    def __init__(self, folder):
        self.schema = pathlib.Path(folder, "schema.json")
        self.schema.write_text(run("schema").stdout, encoding="utf-8")
        self.process = subprocess.Popen([SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.number, self.version = 0, 0
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {"workspace": {"configuration": True}}})
        self.has_settings = False
        self.tell("initialized", {})
        while not self.has_settings:
            self.answer(self.receive())

    def close(self):
        self.process.kill()
        self.process.communicate()

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        for line in iter(self.process.stdout.readline, b"\r\n"):
            if not line:
                raise EOFError("the language server has ended")
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def settings(self):
        return {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False},
                "schemas": {self.schema.as_uri(): "*.yaml"}}

    def answer(self, message):
        """True when the message was a question of the server."""
        if "method" not in message or "id" not in message:
            return False
        items = message.get("params", {}).get("items", [])
        self.has_settings |= any(item.get("section") == "yaml" for item in items)
        answers = [self.settings() if item.get("section") == "yaml" else {} for item in items]
        self.send({"id": message["id"], "result": answers if items else None})
        return True

    def wait_for(self, is_it):
        """Answers what the server asks on the way."""
        while True:
            message = self.receive()
            if not self.answer(message) and is_it(message):
                return message

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        return self.wait_for(lambda message: message.get("id") == self.number and "method" not in message)["result"]

    def open(self, name, text):
        uri = f"file:///configs/{name}.yaml"
        self.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
        return uri

    def errors(self, name, text):
        uri = self.open(name, text)
        found = self.wait_for(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
        return found["params"]["diagnostics"]

    def completions(self, name, text):
        """At the place marked with |."""
        before = text[:text.index("|")]
        uri = self.open(name, text.replace("|", ""))
        place = {"line": before.count("\n"), "character": len(before.rsplit("\n", 1)[-1])}
        found = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
        return [item["label"] for item in (found["items"] if isinstance(found, dict) else found)]


class YamlLanguageServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = Server(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.folder.cleanup()

    def test_it_finds_nothing_wrong_with_our_configs(self):
        for path in sorted(pathlib.Path("configs").glob("*.yaml")):
            self.assertEqual(self.server.errors("good_" + path.stem, path.read_text(encoding="utf-8")), [], path)

    def test_it_underlines_each_mistake_in_its_line(self):
        good = pathlib.Path("configs/mnist_mlp.yaml").read_text(encoding="utf-8")
        for number, (what, (old, new, underlined)) in enumerate(WRONG.items()):
            with self.subTest(what):
                text = good.replace(old, new, 1)
                self.assertNotEqual(text, good)
                lines = [i for i, (a, b) in enumerate(zip(good.splitlines(), text.splitlines())) if a != b]
                errors = self.server.errors(f"wrong_{number}", text)
                self.assertIn(lines[0], [error["range"]["start"]["line"] for error in errors], errors)
                self.assertIn(underlined, text.splitlines()[lines[0]])

    def test_it_completes_stages_parameters_and_keys(self):
        head = "version: 1\ngraph:\n  train: {stage: idx_loader}\n  x:\n    stage: one_hot\n    in: train.labels\n"
        self.assertIn("classes", self.server.completions("a", head + "    with:\n      c|\n"))
        self.assertIn("batcher", self.server.completions("b", "version: 1\ngraph:\n  x:\n    stage: |\n"))
        self.assertIn("epochs", self.server.completions("c", "version: 1\nep|\n"))


if __name__ == "__main__":
    if not SERVER:
        print("SKIPPED: there is no yaml-language-server (npm install --ignore-scripts yaml-language-server)")
        sys.exit(77)
    unittest.main()
