"""From each place of a run, in each way: one hash of the weights, one state of the optimizer, each epoch once in the journal."""
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from kept_training import EPOCHS, ROWS, copy_cut_back, cut_back, journal, lines_of, place, slow_run, state_bits
from program import PROGRAM, result_of, run

AS_IT_WAS = ()
WAYS = {
    "as it was": AS_IT_WAS,
    "one thread": ("--threads", "1"),
    "three threads": ("--threads", "3"),
    "shallow queues": ("--set", "rows.run.blocks=1"),
    "deep queues": ("--set", "rows.run.blocks=64"),
    "small blocks": ("--set", "rows.block_rows=3"),
    "one block": ("--set", f"rows.block_rows={ROWS}"),
    "an isolated stage": ("--set", "small.run.isolate=process"),
    "an isolated source": ("--set", "rows.run.isolate=process"),
}


class ResumeMatrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.kept, cls.whole = slow_run(cls.shared.name)
        cls.checkpoints = lines_of(cls.kept, "checkpoint")

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs, self.folder = folder.name, f"{folder.name}/kept-1"

    def in_epoch(self, epoch):
        """Checkpoints in the middle of an epoch."""
        return [line for line in self.checkpoints if line["epoch"] == epoch and line["batch"] > 0]

    def places(self):
        found = {
            "in epoch 1": self.in_epoch(1)[-1:],
            "in epoch 3": self.in_epoch(3)[-1:],
            "at the end of epoch 2": [line for line in self.checkpoints if place(line) == (3, 0)],
            "after the last batch": self.checkpoints[-1:],
        }
        return {name: lines[0] for name, lines in found.items()}

    def require_whole(self, process, folder):
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual([epoch for epoch, _ in journal(folder)], list(range(1, EPOCHS + 1)))
        self.assertEqual(journal(folder), journal(self.kept))
        self.assertEqual(state_bits(folder), state_bits(self.kept))
        for kind in ("epoch", "checkpoint", "probe"):
            places = [place(line) for line in lines_of(folder, kind)]
            self.assertEqual(places, sorted(set(places)), kind)

    def resume(self, checkpoint, *words):
        copy_cut_back(self.kept, self.folder, checkpoint)
        process = run("resume", self.folder, "--json", *words)
        is_child = "--set" in words
        self.require_whole(process, f"{self.runs}/kept-2" if is_child else self.folder)
        shutil.rmtree(f"{self.runs}/kept-2", ignore_errors=True)

    def test_from_each_place(self):
        for (where, checkpoint), threads in itertools.product(self.places().items(), ("1", "3")):
            with self.subTest(where=where, threads=threads):
                self.resume(checkpoint, "--threads", threads)

    def test_in_each_way(self):
        for how, words in WAYS.items():
            with self.subTest(how=how):
                self.resume(self.places()["in epoch 3"], *words)

    def test_twice_in_one_epoch(self):
        first = self.in_epoch(3)[0]
        copy_cut_back(self.kept, self.folder, first)
        self.require_whole(run("resume", self.folder, "--json"), self.folder)
        # The second time from what that attempt has left of the epoch; from the same place where the disk was too slow for it.
        own = [line for line in lines_of(self.folder, "checkpoint") if line["epoch"] == 3 and line["batch"] > 0]
        cut_back(self.folder, own[-1])
        self.require_whole(run("resume", self.folder, "--json"), self.folder)

    def test_a_resume_of_a_resume_by_signal(self):
        """Each attempt is stopped as soon as it has done something of its own."""
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how):
                copy_cut_back(self.kept, self.folder, self.checkpoints[0])
                for _ in range(3):
                    before = len(os.listdir(f"{self.folder}/attempts"))
                    process = subprocess.Popen([PROGRAM, "resume", self.folder, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    while process.poll() is None and len(os.listdir(f"{self.folder}/attempts")) == before:
                        time.sleep(0.001)
                    time.sleep(0.01)
                    process.send_signal(how)
                    process.wait()
                self.require_whole(run("resume", self.folder, "--json"), self.folder)


if __name__ == "__main__":
    unittest.main()
