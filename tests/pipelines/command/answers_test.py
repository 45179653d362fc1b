"""What the program answers where a user's first guess was wrong, or where something outside of it gave way."""
import gzip
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

from program import PROGRAM, TINY, result_of, run

MOODY = os.environ["MOODY_PLUGIN"]


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class Plugins(WithFolder):
    CONFIG = "version: 1\nname: p\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1, 2]}}}\n  b: {stage: print, in: a}\n"

    def test_set_loads_them_as_the_key_in_the_file_does(self):
        process = run("check", "-", "--set", "plugins=[nowhere.so]", input=self.CONFIG)
        self.assertEqual(process.returncode, 6, process.stderr)
        self.assertIn("error[plugin-missing]", process.stderr)
        self.assertIn("command line, --set", process.stderr)

    def test_set_replaces_one_of_those_in_the_file(self):
        config = self.CONFIG + f"plugins: [{MOODY}]\n"
        self.assertEqual(run("check", "-", input=config).returncode, 0)
        self.assertEqual(run("check", "-", "--set", "plugins.0=nowhere.so", input=config).returncode, 6)


class Labels(WithFolder):
    def config(self, labels, head=b""):
        images = struct.pack(">HBBIII", 0, 8, 3, 20, 2, 2) + bytes(80)
        (self.folder / "images").write_bytes(images)
        packed = struct.pack(">HBBI", 0, 8, 1, len(labels)) + bytes(labels)
        (self.folder / "labels.gz").write_bytes(gzip.compress(packed))
        return ("version: 1\nname: l\ngraph:\n"
                f"  src: {{stage: idx_loader, with: {{images: {self.folder}/images, labels: {self.folder}/labels.gz}}}}\n"
                "  hot: {stage: one_hot, in: src.labels, with: {classes: 10}}\n  show: {stage: print, in: hot}\n")

    def test_one_out_of_range_is_named_with_file_row_and_byte(self):
        process = run("check", "-", input=self.config([0, 1, 10] + [9] * 17))
        self.assertEqual(process.returncode, 3)
        self.assertRegex(process.stderr, r"labels reach 10 \(.*/labels\.gz: row 2 at byte 10\), 10 classes allow 0 to 9")

    def test_too_few_of_them_point_at_the_parameter_and_the_header(self):
        process = run("check", "-", input=self.config([0] * 19))
        self.assertEqual(process.returncode, 4)
        self.assertIn("has 20 rows", process.stderr)
        self.assertIn("(at byte 4 of each)", process.stderr)
        self.assertIn("labels.gz", process.stderr.split("-->")[1].split("^")[0])

    def test_a_broken_file_given_by_set_points_at_the_argument(self):
        config = self.config([0] * 20)
        (self.folder / "short").write_bytes(b"\0\0\x08")
        process = run("check", "-", "--set", f"src.images={self.folder}/short", input=config)
        self.assertEqual(process.returncode, 4)
        self.assertIn("error[idx-short]", process.stderr)
        self.assertIn("--> command line, --set", process.stderr)
        self.assertIn("= help: copy or download the file again", process.stderr)


class DataSets(WithFolder):
    CONFIG = "version: 1\nname: d\ngraph:\n  a: {stage: idx_loader, with: {dataset: mnist, split: test, max_bytes: 1000}}\n  b: {stage: print, in: a.images}\n"

    def test_max_bytes_holds_for_them_too(self):
        process = run("check", "-", input=self.CONFIG)
        self.assertEqual(process.returncode, 3)
        self.assertIn("error[idx-limit]", process.stderr)
        self.assertIn("the limit is 1000", process.stderr)

    def test_the_root_that_torchvision_is_given_is_looked_into(self):
        config = self.CONFIG.replace(", max_bytes: 1000", "")
        process = run("-", input=config, env={"MILLRACE_DATA_DIR": str(self.folder), "XDG_CACHE_HOME": str(self.folder)})
        self.assertEqual(process.returncode, 4)
        self.assertIn(f"{self.folder}/MNIST/raw", process.stderr)


class Overrides(unittest.TestCase):
    def test_nothing_behind_the_equals_sign_has_a_place(self):
        process = run("check", TINY, "--set", "epochs=")
        self.assertEqual(process.returncode, 3)
        self.assertRegex(process.stderr, r"--> command line, --set #1\n   \|\n   \| epochs=\n   \|       \^ expected: integer")

    def test_graph_in_front_of_a_node_is_one_word_too_many(self):
        process = run("check", TINY, "--set", "graph.points.block_rows=2")
        self.assertIn("leave out `graph.`", process.stderr)

    def test_the_output_that_fits_the_input_is_suggested(self):
        self.assertIn("write learn.model", run("check", TINY, "--set", "evaluate.in.model=learn").stderr)
        self.assertIn("{NAME: learn.metrics}", run("check", TINY, "--set", "log.in=learn.metrics").stderr)


class Ends(unittest.TestCase):
    def test_a_failing_trainer_names_epoch_and_batch(self):
        process = run(TINY, "--set", "learn.optimizer.sgd.learning_rate=100", "--json")
        self.assertEqual(process.returncode, 8, process.stderr)
        failure = result_of(process)["failures"][0]
        self.assertEqual((failure["node"], failure["batch"]), ("learn", 1))
        self.assertRegex(process.stderr, r"in node `learn` \(stage trainer\), epoch \d+, batch 1\b")

    def test_what_cannot_be_printed_is_an_error_with_a_reason(self):
        with open("/dev/full", "w") as full:
            process = subprocess.run([PROGRAM, TINY, "--quiet"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        self.assertEqual(process.returncode, 7)
        self.assertIn("error[output-unwritable]", process.stderr)
        self.assertIn("No space left on device", process.stderr)

    def test_the_memory_stays_under_the_bound_of_plan_also_for_packets_of_one_row(self):
        small = ["--set", "epochs=5"]
        for path in ["points.block_rows", "all_points.block_rows", "all_batches.batch_size", "batches.batch_size"]:
            small += ["--set", f"{path}=1"]
        bound = result_of(run("plan", TINY, *small, "--json"))["memory_bound_bytes"]
        for threads in ["1", "8"]:
            self.assertLessEqual(result_of(run(TINY, *small, "--threads", threads, "--json"))["peak_bytes"], bound)


if __name__ == "__main__":
    unittest.main()
