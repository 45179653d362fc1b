"""Nobody's code changes how the processor computes: not a plugin that is loaded, nor a stage in any of its calls."""
import unittest

from meddled import MEDDLING, meddled
from program import result_of, run


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

    def test_it_is_told_once_of_a_process_of_its_own_too(self):
        for when in ["infer", "open", "process", "close"]:
            with self.subTest(when=when):
                arguments = ["--set", f"meddled.when={when}", "--set", "meddled.run.isolate=process"]
                self.assertEqual(self.warnings_of(*arguments), 1)
                self.assertEqual(meddled(*arguments, "--strict").returncode, 1 if when != "infer" else 3)

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
