"""What a run's JSON says of what its bits depend on: plugins, data and instructions."""
import hashlib
import os
import struct
import tempfile
import unittest

from meddled import CONFIG, MEDDLING, meddled
from program import result_of, run

IMAGES = """version: 1
device: cpu
graph:
  images: {stage: idx_loader, with: {images: IMAGES}}
  flat: {stage: flatten, in: images.images}
  batches: {stage: batcher, in: {inputs: flat, targets: flat}, with: {batch_size: 3}}
  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 4}], loss: mse}}
  show: {stage: print, in: {model: learn.model}}
"""


class Facts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_plugins_are_named_with_version_digest_and_stages(self):
        result = result_of(meddled())
        with open(MEDDLING, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        self.assertEqual(result["plugins"], [{"name": "meddling", "version": "1.2.3", "file": os.path.realpath(MEDDLING),
                                              "sha256": digest, "stages": ["meddling"]}])

    def test_a_run_without_plugins_names_none(self):
        self.assertEqual(result_of(run("configs/linear_fit.yaml", "--set", "epochs=1", "--json"))["plugins"], [])

    def images(self, value):
        path = f"{self.folder}/images.idx"
        with open(path, "wb") as file:
            file.write(struct.pack(">IIII", 0x00000803, 7, 2, 2) + bytes(27) + bytes([value]))
        process = run("-", "--json", input=IMAGES.replace("IMAGES", path))
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)

    def test_data_of_the_same_shape_have_other_digests_and_the_config_hash_does_not_tell(self):
        one, same, other = self.images(1), self.images(1), self.images(2)
        self.assertEqual(one["data"]["images"]["rows"], 7)
        self.assertTrue(one["data"]["images"]["whole"])
        self.assertEqual(one["data"], same["data"])
        self.assertNotEqual(one["data"]["images"]["sha256"], other["data"]["images"]["sha256"])
        self.assertEqual(one["config_hash"], other["config_hash"])

    def test_the_instruction_set_is_told_and_part_of_the_class(self):
        natural = result_of(meddled())
        limited = result_of(meddled(env={"ONEDNN_MAX_CPU_ISA": "SSE41"}))
        self.assertEqual(limited["isa"], "sse41")
        self.assertEqual(natural["bits_class"] == limited["bits_class"], natural["isa"] == limited["isa"])
        ordered = result_of(meddled("--set", "learn.reduction=ordered"))
        self.assertNotEqual(ordered["bits_class"], natural["bits_class"])


class Alone(unittest.TestCase):
    def test_a_run_can_be_alone_whatever_the_launcher_says(self):
        launched = {"PMI_SIZE": "3", "PMI_RANK": "1", "MILLRACE_PEER_TIMEOUT": "1"}
        process = run("-", "--plugin", MEDDLING, "--json", "--alone", "--set", "learn.reduction=ordered", env=launched, input=CONFIG)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertNotIn("ranks", result_of(process))


if __name__ == "__main__":
    unittest.main()
