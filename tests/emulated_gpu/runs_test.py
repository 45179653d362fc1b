"""Whole runs on the emulated GPU: the CUDA part's own code, on the host. PIPELINE_RUN and MPIRUN are programs, GPU_FOLDER the folder of
the GPU."""
import glob
import json
import os
import re
import subprocess
import tempfile
import unittest

import kept_runs  # for what it does
from checkpoint_files import read_tensors
from idx_files import write_images

PROGRAM = os.environ["PIPELINE_RUN"]
MPIRUN = os.environ.get("MPIRUN", "")
HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = {"train": 130, "valid": 50}  # the last batch of each epoch is short
LOST = 719


class EmulatedGpu(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        for split, rows in ROWS.items():
            write_images(folder.name, split, rows)
        cls.sets = [word for split in ROWS for kind in ("images", "labels")
                    for word in ("--set", f"{split}.{kind}={folder.name}/{split}-{kind}")]

    def start(self, *arguments, device="cuda", ranks=0, config="small.yaml", **gpu):
        """`gpu`: seed, fault and so on of the emulated GPU."""
        env = {**os.environ, "LD_LIBRARY_PATH": os.environ["GPU_FOLDER"], "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        env.update({f"EMULATED_GPU_{name.upper()}": str(value) for name, value in gpu.items() if name.isidentifier()})
        env.update(gpu.get("env", {}))
        launcher = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-np", str(ranks)] if ranks else []
        words = [os.path.join(HERE, config), *(self.sets if config == "small.yaml" else []), "--device", device, *arguments]
        return subprocess.run([*launcher, PROGRAM, *words], capture_output=True, text=True, timeout=200, env=env)

    def report(self, *arguments, **how):
        done = self.start("--json", "--quiet", *arguments, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def check_near(self, report, expected, relative):
        self.assertEqual(len(report["epochs"]), len(expected["epochs"]))
        for ours, theirs in zip(report["epochs"], expected["epochs"]):
            for metric in ("loss", "val_loss"):
                self.assertAlmostEqual(ours[metric] / theirs[metric], 1, delta=relative)


class Runs(EmulatedGpu):
    def test_a_run_is_judged_by_what_the_device_predicts(self):
        with tempfile.TemporaryDirectory() as runs:
            report = self.report("--runs", runs)
            with open(f"{report['run']}/current/validation.json", encoding="utf-8") as file:
                judged, = json.load(file)["models"]
        self.assertEqual((judged["rows"], judged["accuracy"]), (ROWS["valid"], report["epochs"][-1]["val_accuracy"]))
        self.assertTrue(all("picture" in row for row in judged["worst"]))

    def test_a_run_gives_what_the_cpu_gives(self):
        expected = self.report(device="cpu")
        hashes = {}
        for epilogues in ("all", "none", "separate"):
            report = self.report(epilogues=epilogues)
            self.assertEqual(report["device"], "cuda:0")
            self.check_near(report, expected, 1e-4)
            hashes[epilogues] = report["weights_sha256"]
        self.assertEqual(hashes["separate"], hashes["none"])  # an epilogue that is a launch of its own is left to our kernel

    def test_coarser_products_train_as_well(self):
        expected = self.report(device="cpu")
        for precision, relative in (("tf32", 0.01), ("bf16", 0.05)):
            self.check_near(self.report("--set", f"learn.precision={precision}"), expected, relative)

    def weights(self, report):
        return read_tensors(sorted(glob.glob(f"{report['run']}/checkpoints/*"))[-1])[1]

    def test_frozen_layers_stay_and_the_others_learn_as_on_the_cpu(self):
        for freeze, frozen, optimizer in (("[0]", "0", "rmsprop={clip_norm: 5}"), ("[0, 3]", "03", "adam={}"), ("[3]", "3", "rmsprop={}")):
            words = ("--set", f"learn.freeze={freeze}", "--set", f"learn.optimizer.{optimizer}", "--set", "learn.model.0.dense.l2=0.001")
            expected, report = self.report(*words, device="cpu"), self.report(*words)
            self.check_near(report, expected, 1e-4)
            ours, theirs = self.weights(report), self.weights(expected)
            for layer in "035":
                (self.assertEqual if layer in frozen else self.assertNotEqual)(ours[f"{layer}.weight"], theirs[f"{layer}.weight"], (freeze, layer))

    def test_what_needs_each_step_at_once_is_refused_before_it_runs(self):
        for on_nan in ("skip", "rollback"):
            done = self.start("--set", f"learn.on_nan={on_nan}")
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("error[on-nan-device]", done.stderr)

    def test_a_run_that_ends_early_restores_its_best_weights(self):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "stopping.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"extends: {HERE}/small.yaml\ngraph:\n  stop: {{stage: early_stop, in: evaluate.metrics, with: {{patience: 100}}}}\n")
            report = self.report("--no-keep", "--set", "epochs=4", *self.sets, config=config)
        best = report["early_stop"]["stop"]["best_epoch"]
        self.assertEqual(report["weights_sha256"], self.report("--no-keep", "--set", f"epochs={best}")["weights_sha256"])

    def test_no_order_of_the_gpus_work_changes_a_bit(self):
        ways = [((), {"seed": 2}), ((), {"seed": 3}), (("--threads", "1"), {"seed": 4}), (("--threads", "4"), {"seed": 5}),
                (("--set", "train_to_device.gather_bytes=0"), {"seed": 6}),
                (("--set", "train.cache=device", "--set", "valid.cache=device"), {"seed": 7})]
        reports = [self.report(), *(self.report(*words, **gpu) for words, gpu in ways)]
        self.assertEqual(len({r["weights_sha256"] for r in reports}), 1)
        for metric in ("loss", "val_loss", "val_accuracy"):
            self.assertEqual(len({r["epochs"][-1][metric] for r in reports}), 1)

    def predictions(self, **how):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "predicting.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"extends: {HERE}/small.yaml\ngraph:\n"
                           "  predictions: {stage: predictor, in: {data: valid_to_device, model: learn.model}}\n"
                           "  show: {stage: print, in: {in: predictions}, with: {rows: 50, epochs: all}}\n")
            done = self.start("--quiet", *self.sets, config=config, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(row) for row in re.findall(r"\[[^\[\]]+\]", done.stdout)]
        return [probability for row in rows if len(row) == 10 for probability in row]

    def test_predictions_are_those_of_the_cpu(self):
        expected = self.predictions(device="cpu")
        ours = self.predictions()
        self.assertEqual([len(ours), len(expected)], [2 * ROWS["valid"] * 10] * 2)
        self.assertLess(max(abs(a - b) for a, b in zip(ours, expected)), 1e-3)
        self.assertEqual(self.predictions(seed=2), ours)

    def test_the_summary_tells_of_the_gpu_and_of_no_leak(self):
        done = self.start()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr + done.stdout, r"device cuda:0 \(emulated GPU.*\ndevice memory: peak [0-9.]+ MiB, leaked 0 B")
        self.assertRegex(done.stderr + done.stdout, r"copies .*hidden behind computation")

    def test_another_gpu_than_the_first(self):
        self.assertEqual(self.report(device="cuda:1", count=2)["device"], "cuda:1")

    def test_auto_takes_the_gpu(self):
        self.assertEqual(self.report(device="auto")["device"], "cuda:0")


class Failures(EmulatedGpu):
    def fails(self, name, code, node, **gpu):
        done = self.start("--quiet", **gpu)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(f"error[{name}]", done.stderr)
        if node:
            self.assertIn(f"in node `{node}`", done.stderr)
        return done.stderr

    def test_no_room_on_the_gpu(self):
        self.assertIn("cudaMalloc: out of memory", self.fails("out-of-memory", 1, "learn", memory=30_000_000))

    def test_a_call_that_fails_is_named_with_node_and_batch(self):
        text = self.fails("cuda-failed", 1, "learn", fault="cudaGraphLaunch:3:1")
        self.assertIn("cudaGraphLaunch: invalid argument (cudaErrorInvalidValue, 1)", text)
        self.assertIn("epoch 1, batch 3", text)

    def test_a_kernel_that_is_refused_is_named(self):
        self.assertIn("kernel Update", self.fails("cuda-failed", 1, "learn", fault="kernel Update:1:98"))

    def test_a_lost_gpu_is_told_with_the_node_that_met_it(self):
        for pieces in (50, 150, 250):
            text = self.fails("device-lost", 1, "", fault=f"lost:{pieces}:{LOST}")
            self.assertRegex(text, r"launch failure(.|\n)*in node `(learn|evaluate|\w+_to_device)`")

    def test_every_error_that_ends_a_context_is_a_lost_gpu(self):
        for code in (220, 226, 709, 721, 810, 911, 999):
            self.fails("device-lost", 1, "learn", fault=f"cudaGraphLaunch:3:{code}")

    def test_a_product_that_fails_for_a_lost_gpu_says_so(self):
        self.fails("device-lost", 1, "learn", fault=f"cublasLtMatmul:2:{LOST}")

    def test_a_gpu_that_hangs_is_given_up(self):
        text = self.fails("device-hung", 75, "learn", fault="hang:150:0", env={"MILLRACE_DEVICE_TIMEOUT": "2"})
        self.assertIn("for 2 s", text)

    def test_a_timeout_that_is_none_is_refused(self):
        self.assertIn("MILLRACE_DEVICE_TIMEOUT", self.fails("wrong-arguments", 2, "", env={"MILLRACE_DEVICE_TIMEOUT": "soon"}))


@unittest.skipUnless(MPIRUN, "there is no mpirun")
class Ranks(EmulatedGpu):
    def test_several_gpus_give_what_one_gives(self):
        expected = self.report()
        self.assertEqual(expected["device_times"]["idle"]["communication"], 0)
        for ranks in (2, 3):
            report = self.report(ranks=ranks, count=ranks)
            self.assertEqual(report["ranks"], ranks)
            self.assertGreater(report["device_times"]["idle"]["communication"], 0)
            self.check_near(report, expected, 1e-4)

    def test_no_order_of_the_gpus_work_changes_a_bit(self):
        hashes = {self.report(ranks=2, count=2, seed=seed)["weights_sha256"] for seed in (1, 2)}
        hashes.add(self.report("--set", "train.cache=device", ranks=2, count=2, seed=3)["weights_sha256"])
        self.assertEqual(len(hashes), 1)

    def test_gpus_of_two_models_are_refused_since_their_bits_may_differ(self):
        done = self.start(ranks=2, count=2, names="a GPU,another GPU")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr, r"error\[rank-config\]: rank 1 runs on another device than rank 0: cuda \(another GPU.* instead of cuda \(a GPU")

    def test_too_few_gpus_are_refused(self):
        done = self.start("--quiet", ranks=3, count=2)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("3 processes of this machine need a GPU each, there are 2", done.stderr)

    def test_a_gpu_that_fails_ends_all_ranks(self):
        done = self.start("--quiet", ranks=2, count=2, fault="ncclAllReduce:1:1", env={"MILLRACE_PEER_TIMEOUT": "5"})
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"rank \d: error\[nccl-failed\]")


class Devices(EmulatedGpu):
    def test_the_gpu_is_listed(self):
        env = {**os.environ, "LD_LIBRARY_PATH": os.environ["GPU_FOLDER"]}
        done = subprocess.run([PROGRAM, "devices", "--json"], capture_output=True, text=True, timeout=60, env=env)
        gpus = [d for d in json.loads(done.stdout)["devices"] if d["kind"] == "cuda"]
        self.assertEqual(len(gpus), 1)
        self.assertTrue(gpus[0]["available"])
        self.assertTrue(re.search("emulated", json.dumps(gpus[0])))


if __name__ == "__main__":
    unittest.main()
