"""Few threads, few open files, more threads asked for than there are cores: told as what they are."""
import json
import os
import resource
import subprocess
import unittest

import kept_runs  # for what it does

PROGRAM = os.environ["PIPELINE_RUN"]
TINY = "configs/linear_fit.yaml"
PRELOAD = os.environ.get("FAILING_ALLOCATIONS")


def run(*arguments, files=None, **environment):
    limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
    return subprocess.run([PROGRAM, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=300,
                          check=False, preexec_fn=limit)


def has_mnist():
    return any(os.path.exists(os.path.join(os.environ.get("MILLRACE_DATA_DIR", "/nowhere"), "mnist", name))
               for name in ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])


@unittest.skipUnless(PRELOAD, "sanitizers start threads of their own")
class Threads(unittest.TestCase):
    def test_one_that_cannot_be_started_is_told_as_such(self):
        for number in range(1, 5):
            process = run(TINY, "--set", "epochs=2", "--threads", "4", "--json", LD_PRELOAD=PRELOAD, FAIL_THREADS=str(number))
            self.assertEqual(process.returncode, 1, (number, process.stderr))
            self.assertIn("error[no-thread]", process.stderr)
            self.assertIn("ulimit -u", process.stderr)
            self.assertNotIn("defect of Millrace", process.stderr)
            self.assertEqual(json.loads(process.stdout)["exit"]["code"], 1)

    @unittest.skipUnless(has_mnist(), "MNIST is not there")
    def test_a_data_set_is_hashed_without_one_too(self):
        own = next(number for number in range(1, 10)  # the first that a run can do without
                   if run(TINY, "--set", "epochs=0", "--threads", "1", LD_PRELOAD=PRELOAD, FAIL_THREADS=str(number)).returncode == 0)
        arguments = ["configs/mnist_mlp.yaml", "--set", "epochs=0", "--threads", "1", "--json", "--quiet"]
        process = run(*arguments, LD_PRELOAD=PRELOAD, FAIL_THREADS=str(own))
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(json.loads(process.stdout)["epochs"][0]["val_loss"], json.loads(run(*arguments).stdout)["epochs"][0]["val_loss"])


class Files(unittest.TestCase):
    def test_too_few_for_an_isolated_stage_are_told_as_such(self):
        ends = {}
        for files in range(8, 40):
            process = run(TINY, "--set", "epochs=1", "--set", "batches.run.isolate=process", files=files)
            ends[files] = process.returncode
            if process.returncode == 0:
                break
            self.assertGreater(process.returncode, 0, (files, process.stderr))
            self.assertRegex(process.stderr.lower(), "too many open files", (files, process.stderr))
            self.assertNotIn("exit code 2", process.stderr)
            self.assertNotIn("Invalid argument", process.stderr)
        self.assertEqual(process.returncode, 0, ends)


    def test_the_first_file_that_cannot_be_opened_blames_no_permissions(self):
        process = run("check", TINY, files=4)
        self.assertEqual(process.returncode, 1, process.stderr)
        self.assertIn("error[too-many-files]", process.stderr)
        self.assertIn("this process may have 4 files open (`ulimit -n`)", process.stderr)
        self.assertNotIn("ls -l", process.stderr)


class ManyThreads(unittest.TestCase):
    def test_no_more_run_than_there_are_cores_or_eight(self):
        most = max(8, len(os.sched_getaffinity(0)))
        results = {}
        for threads in ["2", "1024"]:
            process = run(TINY, "--set", "epochs=300", "--threads", threads, "--json")
            self.assertEqual(process.returncode, 0, process.stderr)
            results[threads] = json.loads(process.stdout)
        self.assertEqual(results["2"]["threads"], 2)
        self.assertLessEqual(results["1024"]["threads"], most)
        self.assertEqual(results["1024"]["weights_sha256"], results["2"]["weights_sha256"])
        self.assertIn("1024 asked for", run("plan", TINY, "--threads", "1024").stdout)
        self.assertIn("1024 asked for", process.stderr)

    def test_devices_says_where_the_number_comes_from(self):
        device = json.loads(run("devices", "--json").stdout)["devices"][0]
        self.assertTrue(device["cores_from"])
        self.assertTrue(device["memory_limit_from"])
        self.assertLessEqual(device["memory_limit_bytes"], device["memory_bytes"])
        self.assertIn(device["memory_limit_from"], run("devices").stdout)


if __name__ == "__main__":
    unittest.main()
