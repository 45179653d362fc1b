"""A checkpoint that cannot be written: counted and warned of, or the end of the run. The system refuses files that are longer than a checkpoint's beginning."""
import resource
import signal
import tempfile
import unittest

from program import result_of, run

MOST_BYTES = 60_000
CONFIG = """version: 1
name: full
epochs: {epochs}
device: cpu
keep: {{on_failed_save: {policy}}}
graph:
  rows:    {{stage: table_source, with: {{columns: {{x: [0, 1, 2, 3], y: [1, 0, 3, 2]}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 2}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 200, activation: tanh}}, dense: {{units: 200}}, dense: {{units: 1}}], loss: mse}}}}
"""


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))


class FailedSaves(unittest.TestCase):
    def start(self, policy, epochs, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = f"{folder.name}/full.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(policy=policy, epochs=epochs))
        return run(config, "--runs", f"{folder.name}/runs", *arguments, preexec_fn=limit_files)

    def test_they_are_counted_and_warned_of(self):
        process = self.start("warn", 3, "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        result = result_of(process)
        self.assertGreaterEqual(result["failed_saves"], 1)
        self.assertIn("checkpoint-failed", [warning["name"] for warning in result["warnings"]])
        self.assertIn("could not be kept", self.start("warn", 3).stdout)

    def test_they_end_the_run_where_that_is_wanted(self):
        process = self.start("stop", 2000, "--json")
        self.assertEqual(process.returncode, 7, process.stderr)
        result = result_of(process)
        self.assertEqual([failure["name"] for failure in result["failures"]], ["checkpoint-failed"])
        self.assertGreaterEqual(result["failed_saves"], 1)
        self.assertLess(len(result["epochs"]), 2000)
        self.assertGreaterEqual(len(result["epochs"]), 1)

    def test_the_last_one_counts_too(self):
        process = self.start("stop", 1, "--json")
        self.assertEqual(process.returncode, 7, process.stderr)
        self.assertEqual([failure["name"] for failure in result_of(process)["failures"]], ["checkpoint-failed"])


if __name__ == "__main__":
    unittest.main()
