#!/usr/bin/env python3
"""tools/bench/gpu_validate: says cleanly that there is no device, and with made-up programs in the place of the real ones finds,
judges and writes what it should."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "bench" / "gpu_validate"
PARTS = ["correctness", "micro", "compare", "profile"]

CARD = {"devices": [{"kind": "cpu", "available": True, "detail": ""}, {"kind": "cuda", "available": True, "detail": "a card"}]}
NO_CARD = {"devices": [{"kind": "cuda", "available": False, "detail": "no CUDA device: no NVIDIA driver is installed"}]}
PIPELINE_RUN = """#!{python} -SE
import json, os, sys
if "devices" in sys.argv: print('''{devices}''')
else:
    seconds = {streamed} if "train.cache=none" in sys.argv else 1.0
    print(json.dumps({{"epochs": 3 * [{{"val_accuracy": {accuracy}, "seconds": seconds}}], "weights_sha256": {hash},
                      "device_times": {{"copy": 2.0, "copy_hidden": 1.98}}}}))
"""
GPU_STEP = """#!{python} -SE
import json, os, sys
if sys.argv[1] == "copy": print(json.dumps({{"device": "a card"}})); sys.exit()
print(json.dumps({{"batch": int(sys.argv[3]), "precision": sys.argv[4], "place": sys.argv[5], "us_a_step": 40.0,
                  "weights_sha256": {hash}}}))
"""


class GpuValidate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def validate(self, part, devices, accuracy=0.98, weights="'same'", streamed=1.05):
        self.program("pipeline-run", PIPELINE_RUN.format(python=sys.executable, devices=json.dumps(devices), accuracy=accuracy,
                                                         hash=weights, streamed=streamed))
        self.program("gpu_step", GPU_STEP.format(python=sys.executable, hash=weights))
        self.program("cuda_parity_test", f"#!{sys.executable} -SE\nprint('All tests passed')\n")
        out = self.folder / "out.json"
        done = subprocess.run([sys.executable, str(SCRIPT), part, "--rounds", "1", "--pipeline-run",
                               str(self.folder / "pipeline-run"), "--json", str(out)], capture_output=True, text=True, check=False)
        return done, json.loads(out.read_text(encoding="utf-8"))

    def test_without_a_device_every_part_says_so_and_ends_with_5(self):
        for part in PARTS:
            done, found = self.validate(part, NO_CARD)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn("no device: no CUDA device: no NVIDIA driver", done.stderr)
            self.assertEqual(found["part"], part)
            self.assertIn("no NVIDIA driver", found["no_device"])

    def test_micro_measures_every_batch_precision_and_place(self):
        done, found = self.validate("micro", CARD)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(found["rows"]), 1 + 4 * 3 * 3)
        self.assertIn("commit", found)

    def test_correctness_fails_when_five_runs_differ(self):
        done, found = self.validate("correctness", CARD, weights="str(os.getpid())")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(any("weights" in what for what in found["failed"]))

    def test_correctness_fails_below_the_accuracy_and_passes_above(self):
        done, found = self.validate("correctness", CARD, accuracy=0.9)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(any("0.9 only" in what for what in found["failed"]))
        done, found = self.validate("correctness", CARD)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(all(row["passed"] for row in found["rows"]))

    def test_compare_names_the_rivals_that_are_missing(self):
        done, found = self.validate("compare", CARD)
        self.assertEqual(len(found["rows"]), 4 + 4)
        self.assertEqual(found["rows"][0]["median"]["ours"], 40.0)
        for rival in ("torch_eager", "torch_compile", "torch_graph", "jax_scan"):
            self.assertTrue(any(what.startswith(rival) for what in found["left_out"]), found["left_out"])
        self.assertEqual(done.returncode, 0, done.stdout)

    def streamed(self, **how):
        done, found = self.validate("compare", CARD, **how)
        return done, [row for row in found["rows"] if "streamed_to_resident" in row]

    def test_compare_judges_streaming_beside_resident_data(self):
        done, rows = self.streamed()
        self.assertEqual([row["median"] for row in rows], [1.05] * 4)
        self.assertTrue(all(row["reached"] and row["copy_hidden_reached"] for row in rows))
        done, rows = self.streamed(streamed=1.2)
        self.assertFalse(any(row["reached"] for row in rows))
        done, rows = self.streamed(weights="str(os.getpid())")
        self.assertEqual(done.returncode, 1, done.stdout)


if __name__ == "__main__":
    unittest.main()
