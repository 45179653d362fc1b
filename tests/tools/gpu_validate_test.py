#!/usr/bin/env python3
"""tools/bench/gpu_validate: says cleanly that there is no device, and with made-up programs in the place of the real ones finds,
judges and writes what it should."""
import argparse
import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "bench"))
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "bench" / "gpu_validate"
PARTS = ["correctness", "micro", "compare", "profile"]

GPU = {"devices": [{"kind": "cpu", "available": True, "detail": ""}, {"kind": "cuda", "available": True, "detail": "a GPU"}]}
NO_GPU = {"devices": [{"kind": "cuda", "available": False, "detail": "no CUDA device: no NVIDIA driver is installed"}]}
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
if sys.argv[1] == "copy": print(json.dumps({{"device": "a GPU"}})); sys.exit()
print(json.dumps({{"batch": int(sys.argv[3]), "precision": sys.argv[4], "place": sys.argv[5], "us_a_step": 40.0,
                  "weights_sha256": {hash}}}))
"""


def load_script():
    loader = importlib.machinery.SourceFileLoader("gpu_validate", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class GpuValidate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

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
            done, found = self.validate(part, NO_GPU)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn("no device: no CUDA device: no NVIDIA driver", done.stderr)
            self.assertEqual(found["part"], part)
            self.assertIn("no NVIDIA driver", found["no_device"])

    def test_micro_measures_every_batch_precision_and_place(self):
        done, found = self.validate("micro", GPU)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(found["rows"]), 1 + 4 * 3 * 4)
        self.assertIn("commit", found)

    def test_correctness_fails_when_five_runs_differ(self):
        done, found = self.validate("correctness", GPU, weights="str(os.getpid())")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(any("weights" in what for what in found["failed"]))

    def test_correctness_fails_below_the_accuracy_and_passes_above(self):
        done, found = self.validate("correctness", GPU, accuracy=0.9)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(any("0.9 only" in what for what in found["failed"]))
        done, found = self.validate("correctness", GPU)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(all(row["passed"] for row in found["rows"]))

    def test_compare_names_the_rivals_that_are_missing(self):
        done, found = self.validate("compare", GPU)
        self.assertEqual(len(found["rows"]), 4 + 4)
        self.assertEqual(found["rows"][-1]["median"]["ours"], 40.0)
        for rival in ("torch_eager", "torch_compile", "torch_graph", "torch_compile_graph", "jax_scan", "jax_scan_unrolled"):
            self.assertTrue(any(what.startswith(rival) for what in found["left_out"]), found["left_out"])
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_what_a_stopped_program_printed_is_kept(self):
        rival = self.program("rival", f"#!{sys.executable} -SE\nimport time\nprint('{{\"name\": \"r\", \"batch\": 32, \"us_a_step\": 7.5}}', "
                             "flush=True)\nprint('{\"cut', flush=True)\ntime.sleep(60)\n")
        part = self.part()
        part.found["left_out"].clear()
        code, out, _ = part.run("rival", [str(rival)], 2)
        self.assertIsNone(code)
        self.assertIn('"us_a_step": 7.5', out)
        self.assertEqual(part.found["left_out"], ["rival: stopped after 2 s"])

    def test_a_program_that_is_missing_is_a_failure_and_the_json_is_written(self):
        part = self.part()
        code, _, _ = part.run("parity", [str(self.folder / "not there")], 5)
        self.assertIsNone(code)
        self.assertIn("parity: ", json.loads((self.folder / "part.json").read_text(encoding="utf-8"))["failed"][0])

    def part(self):
        module = load_script()
        return module.Validation(argparse.Namespace(part="compare", limit_seconds=60, json=self.folder / "part.json"))

    def streamed(self, **how):
        done, found = self.validate("compare", GPU, **how)
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
