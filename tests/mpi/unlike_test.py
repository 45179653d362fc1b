"""Ranks that read other data, compute with other instructions or run other plugins: named before anything trains."""
import os
import shutil
import tempfile
import unittest

from idx_files import write_images
from launch import HERE, POINTS, alone, launch, result_of

CONFIG = os.path.join(HERE, "images.yaml")
PLUGIN = os.environ["FAULTY_PLUGIN"]


class Unlike(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.one, self.other = f"{folder.name}/one", f"{folder.name}/other"
        for path in (self.one, self.other):
            os.makedirs(path)
            write_images(path, "train", 45)
            write_images(path, "valid", 19)

    def run_two(self):
        """Two ranks; the paths of the config are relative, and each rank is in a folder of its own."""
        shutil.copy(CONFIG, f"{self.one}/images.yaml")
        shutil.copy(CONFIG, f"{self.other}/images.yaml")
        return launch(2, "images.yaml", "--json", env={"IMAGES": "."}, folders=(self.one, self.other))

    def refused(self, process, name, *parts):
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn(f"error[{name}]", process.stderr)
        self.assertNotIn("peer-lost", process.stderr)
        self.assertNotIn("Epoch", process.stderr)
        for part in parts:
            self.assertIn(part, process.stderr)

    def test_equal_files_train(self):
        process = self.run_two()
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_other_content_of_the_same_shape_is_named(self):
        with open(f"{self.other}/train-images", "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        self.refused(self.run_two(), "rank-data", "on rank 1", "sha256", "`train`")

    def test_another_number_of_rows_is_named_and_no_peer_is_blamed(self):
        write_images(self.other, "train", 30)
        self.refused(self.run_two(), "rank-data", "30 rows", "45 rows")

    def test_other_instructions_are_named(self):
        limited = {"ONEDNN_MAX_CPU_ISA": "SSE41"}
        if result_of(alone(POINTS, "--json"))["isa"] == "sse41":
            self.skipTest("this processor has no others")
        self.refused(launch(2, POINTS, env_of_others=limited), "rank-config", "rank 1", "sse41")

    def test_another_build_of_a_plugin_is_named(self):
        config = os.path.join(HERE, "faulty.yaml")
        copy = f"{self.other}/faulty.so"
        shutil.copy(PLUGIN, copy)
        with open(copy, "ab") as file:
            file.write(b"\0")  # behind all that is loaded
        arguments = (config, "--set", "faults.rank=1", "--set", "faults.fault=throw", "--plugin")
        self.refused(launch(2, *arguments, PLUGIN, others=(*arguments, copy)), "rank-config", "rank 1", "plugins")

    def test_a_warning_of_another_ranks_machine_alone_is_told_with_its_rank(self):
        config = os.path.join(HERE, "faulty.yaml")
        shutil.copy(PLUGIN, f"{self.one}/faulty.so")
        for name in ("a.so", "b.so"):
            shutil.copy(PLUGIN, f"{self.other}/{name}")
        path = "MILLRACE_PLUGIN_PATH"
        quiet = (config, "--set", "faults.rank=5")  # nobody fails
        twice = launch(2, *quiet, env={path: self.one}, env_of_others={path: self.other})
        self.assertEqual(twice.returncode, 0, twice.stderr)
        self.assertEqual(twice.stderr.count("warning[plugin-shadowed]"), 1, twice.stderr)
        self.assertIn("rank 1: warning[plugin-shadowed]", twice.stderr)
        everywhere = launch(2, *quiet, env={path: self.other})
        self.assertEqual(everywhere.stderr.count("warning[plugin-shadowed]"), 1, everywhere.stderr)
        self.assertNotIn("rank 1: warning", everywhere.stderr)


if __name__ == "__main__":
    unittest.main()
