"""Nobody's code changes how the processor computes: not a plugin that is loaded, nor a stage in any of its calls."""
import os
import unittest

from program import result_of, run

MEDDLING = os.environ["MEDDLING_PLUGIN"]
CONFIG = """version: 1
name: meddled
epochs: 2
threads: 1
device: cpu
graph:
  points:
    stage: table_source
    with: {block_rows: 2, columns: {x: [[0.1, 1], [1, 0.3], [2, 1], [3, 2.7], [4, 1], [5, 0.9], [6, 3]], y: [1, 0, 3, 5, 2, 0, 9]}}
  meddled: {stage: meddling, in: points.x}
  batches: {stage: batcher, in: {inputs: meddled, targets: points.y}, with: {batch_size: 3}}
  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 9, activation: tanh}, dense: {units: 1}], loss: mse}}
  show: {stage: print, in: {model: learn.model}}
"""


def meddled(*arguments, env=None):
    return run("-", "--plugin", MEDDLING, "--json", *arguments, env=env, input=CONFIG)


class FloatEnvironment(unittest.TestCase):
    def hash_of(self, *arguments, env=None):
        process = meddled(*arguments, env=env)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)["weights_sha256"]

    def warnings_of(self, *arguments):
        warnings = result_of(meddled(*arguments))["warnings"]
        return len([warning for warning in warnings if warning["name"] == "float-environment"])

    def test_a_stage_that_changes_rounding_and_denormals_changes_no_bit(self):
        plain = self.hash_of()
        for when in ["construct", "infer", "open", "process", "close"]:
            for threads in ["1", "3"]:
                with self.subTest(when=when, threads=threads):
                    self.assertEqual(self.hash_of("--set", f"meddled.when={when}", "--threads", threads), plain)

    def test_it_is_told_in_a_warning(self):
        for when in ["infer", "open", "process", "close"]:
            with self.subTest(when=when):
                self.assertEqual(self.warnings_of("--set", f"meddled.when={when}"), 1)
        self.assertEqual(self.warnings_of(), 0)

    def test_nor_does_one_in_a_process_of_its_own(self):
        self.assertEqual(self.hash_of("--set", "meddled.when=process", "--set", "meddled.run.isolate=process"), self.hash_of())

    def test_nor_does_a_plugin_that_changes_them_when_it_is_loaded(self):
        self.assertEqual(self.hash_of(env={"MEDDLE_AT_LOAD": "1"}), self.hash_of())

    def test_and_why_tells_it_of_the_plugin(self):
        for changes, env in [(True, {"MEDDLE_AT_LOAD": "1"}), (False, {})]:
            page = run("stages", "meddling", "--why", "--plugin", MEDDLING, env=env)
            self.assertEqual("changes rounding or denormals" in page.stdout, changes, page.stdout)


if __name__ == "__main__":
    unittest.main()
