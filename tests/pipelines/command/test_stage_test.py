"""`pipeline-run test-stage`: every planted fault is named and nothing else, and the built-in stages are clean."""
import gzip
import os
import pathlib
import struct
import tempfile
import unittest

from checkpoint_files import write_checkpoint
from npy_files import write_npy
from program import result_of, run

FAULTY = os.environ["FAULTY_PLUGIN"]
SANITIZER = os.environ["MILLRACE_SANITIZER"]

# Stage of the fixture plugin -> the one check that it has to fail.
FAULTS = {
    "faulty_shape": "output-mismatch",
    "faulty_range": "range-left",
    "faulty_end": "epoch-not-ended",
    "faulty_one_row": "one-row",
    "faulty_empty_epoch": "empty-epoch",
    "faulty_odd_batch": "odd-last-batch",
    "faulty_repeat": "repeat-differs",
    "faulty_threads": "thread-count-matters",
    "faulty_blocks": "block-size-matters",
    "faulty_input": "input-modified",
    "faulty_leak": "memory-leaks",
    "faulty_heap": "memory-leaks",
    "faulty_throw": "throw-leaves-packet",
    "faulty_swallow": "throw-leaves-packet",
    "faulty_state": "state-differs",
    "faulty_resume": "state-differs",
    "faulty_crash": "runs",
    "faulty_exit": "runs",
}
CHECKS = ["runs", "output-mismatch", "range-left", "epoch-not-ended", "one-row", "empty-epoch", "odd-last-batch",
          "repeat-differs", "thread-count-matters", "block-size-matters", "input-modified", "memory-leaks",
          "throw-leaves-packet", "state-differs"]


def report(*arguments):
    process = run("test-stage", *arguments, "--json")
    return process, result_of(process)


def checks_of(stage, verdict):
    return [check["name"] for check in stage["checks"] if check["result"] == verdict]


class Faults(unittest.TestCase):
    def test_each_planted_fault_is_named_and_nothing_else(self):
        for stage, check in FAULTS.items():
            # A sanitizer's heap keeps no account of what is live; its own leak check finds this one.
            if stage == "faulty_heap" and SANITIZER != "none":
                continue
            with self.subTest(stage):
                process, result = report(f"{FAULTY}:{stage}")
                self.assertEqual(checks_of(result["stages"][0], "failed"), [check], process.stdout)
                self.assertEqual(process.returncode, 1)

    def test_a_stage_that_mixes_rows_and_says_so_is_no_fault(self):
        process, result = report(f"{FAULTY}:faulty_blocks_declared")
        self.assertEqual(process.returncode, 0, process.stdout)
        self.assertIn("block-size-matters", checks_of(result["stages"][0], "not applicable"))

    def test_a_stage_without_a_fault_passes_every_check(self):
        process, result = report(f"{FAULTY}:faulty_not")
        self.assertEqual(checks_of(result["stages"][0], "passed"), CHECKS, process.stdout)
        self.assertEqual(process.returncode, 0)

    def test_a_stage_that_hangs_takes_nobody_along(self):
        process = run("test-stage", f"{FAULTY}:faulty_hang", "--timeout", "1")
        self.assertEqual(process.returncode, 1)
        self.assertRegex(process.stdout, r"failed +runs +the stage was not done within 1 s")

    def test_a_failure_says_what_was_seen_and_what_to_do(self):
        process = run("test-stage", f"{FAULTY}:faulty_range")
        self.assertRegex(process.stdout, r"failed +range-left +output `out` sends -2, infer promises \[0, 1\]; given in: f32 \[n, 3\]")
        self.assertIn("= help: let infer give the range that process keeps", process.stdout)
        self.assertRegex(process.stdout, r"not applicable  one-row +`range-left` has to pass first")
        crash = run("test-stage", f"{FAULTY}:faulty_crash").stdout
        self.assertIn("the stage crashes: Segmentation fault", crash)

    def test_another_seed_feeds_other_numbers(self):
        self.assertEqual(run("test-stage", f"{FAULTY}:faulty_not", "--seed", "7").returncode, 0)
        self.assertIn("seed 7", run("test-stage", f"{FAULTY}:faulty_not", "--seed", "7").stdout)


class BuiltIn(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def idx_files(self, rows):
        images = struct.pack(">HBBIII", 0, 8, 3, rows, 4, 5) + bytes(i * 7 % 256 for i in range(rows * 20))
        labels = struct.pack(">HBBI", 0, 8, 1, rows) + bytes(i % 10 for i in range(rows))
        (self.folder / "images.gz").write_bytes(gzip.compress(images))
        (self.folder / "labels").write_bytes(labels)
        return f"images: {self.folder}/images.gz, labels: {self.folder}/labels, dataset: null, split: null"

    def assert_clean(self, process, result):
        for stage in result["stages"]:
            self.assertEqual(checks_of(stage, "failed"), [], stage)
            self.assertIn("runs", checks_of(stage, "passed"), stage)
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_every_built_in_stage_is_clean(self):
        stages = result_of(run("stages", "--json"))["stages"]
        plugins = {stage["name"]: "built-in" if stage["plugin"] == "millrace" else stage["file"] for stage in stages}
        self.assertEqual(plugins["trainer"], "built-in")
        for name in ("idx_loader", "npy_loader", "row_file", "saved_model"):  # the next tests give them files
            del plugins[name]
        for name, plugin in plugins.items():
            with self.subTest(name):
                self.assert_clean(*report(f"{plugin}:{name}"))

    def test_idx_loader_is_clean_on_small_files(self):
        files = self.idx_files(41)
        for more in ["shuffle: true, block_rows: 8", "shuffle: false, block_rows: 41", "rows: [3, 20], block_rows: 7"]:
            with self.subTest(more):
                process, result = report("built-in:idx_loader", "--with", "{%s, %s}" % (files, more))
                self.assert_clean(process, result)
                self.assertIn("block-size-matters", checks_of(result["stages"][0], "passed"))

    def test_sources_of_numpy_files_are_clean_on_small_files(self):
        for name, shape in (("x.npy", [41, 2]), ("y.npy", [41])):
            write_npy(self.folder / name, "B", shape, range(41 * len(shape)))
        files = f"inputs: {self.folder}/x.npy, targets: {self.folder}/y.npy"
        for stage, given in (("npy_loader", f"{files}, shuffle: true, block_rows: 8"), ("npy_loader", f"{files}, rows: [3, 20], block_rows: 7"),
                             ("row_file", f"file: {self.folder}/x.npy, block_rows: 8")):
            with self.subTest(given):
                process, result = report(f"built-in:{stage}", "--with", "{%s}" % given)
                self.assert_clean(process, result)
                self.assertIn("block-size-matters", checks_of(result["stages"][0], "passed"))

    def test_saved_model_is_clean_on_a_small_checkpoint(self):
        path = self.folder / "checkpoint.safetensors"
        write_checkpoint(path, [(0, [[0.5, -1.0, 2.0]] * 10, [0.25] * 10)])
        self.assert_clean(*report("built-in:saved_model", "--with", "{file: %s}" % path))

    def test_a_source_without_its_files_says_so(self):
        process, result = report("built-in:idx_loader", "--with",
                                 "{images: %s/nowhere, dataset: null, split: null}" % self.folder)
        self.assertEqual(process.returncode, 4)
        self.assertEqual(checks_of(result["stages"][0], "not applicable"), CHECKS)
        self.assertIn("it needs data that is not there", result["stages"][0]["checks"][0]["seen"])


class Usage(unittest.TestCase):
    def test_what_cannot_be_tested_is_refused(self):
        for arguments, code, name in [
                (["nowhere.so"], 6, "plugin-missing"),
                ([f"{FAULTY}:faulty_nott"], 2, "unknown-stage"),
                ([], 2, "wrong-arguments"),
                ([FAULTY, "--with", "{a: 1}"], 2, "wrong-arguments"),
                (["built-in:one_hot", "--with", "{clases: 3}"], 2, "unknown-parameter"),
                (["built-in:one_hot", "--with", "3"], 2, "wrong-type"),
                (["built-in:one_hot", "--timeout", "0"], 2, "wrong-arguments")]:
            with self.subTest(arguments):
                process = run("test-stage", *arguments)
                self.assertEqual(process.returncode, code, process.stderr)
                self.assertIn(f"error[{name}]", process.stderr)

    def test_a_stage_without_its_plugin_is_told_with_it(self):
        self.assertIn("= help: the built-in stage is `built-in:normalize`\n", run("test-stage", "normalize").stderr)
        self.assertIn("did you mean `built-in:normalize`?", run("test-stage", "normalise").stderr)
        self.assertNotIn("built-in:", run("test-stage", "nowhere").stderr)


if __name__ == "__main__":
    unittest.main()
