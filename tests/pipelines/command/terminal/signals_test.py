"""What a signal ends, and when."""
import json
import os
import signal
import subprocess
import unittest

from program import PROGRAM, TINY


class Signals(unittest.TestCase):
    """A million epochs take minutes, so only the signal can end the run."""

    def started(self):
        process = subprocess.Popen([PROGRAM, TINY, "--set", "epochs=1000000", "--json"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        while not process.stderr.readline().startswith("Epoch 3/"):  # trains now
            self.assertIsNone(process.poll())
        return process

    def unread(self, *arguments, until):
        """A run whose standard output is a full pipe that nobody reads, when it has said `until`."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        process = subprocess.Popen([PROGRAM, TINY, *arguments, "--json"], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        self.addCleanup(process.stderr.close)
        while not process.stderr.readline().startswith(until):
            self.assertIsNone(process.poll())
        return process

    def test_one_ends_a_run_whose_results_nobody_reads(self):
        # The summary's last line, then the object has its turn.
        process = self.unread("--set", "epochs=1", until="device memory")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130)

    def test_one_during_the_training_ends_a_run_whose_results_nobody_reads(self):
        process = self.unread("--set", "epochs=1000000", until="Epoch 3/")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 143)

    def test_one_that_the_kernel_repeats_ends_nothing_at_once(self):
        process = self.started()
        process.send_signal(signal.SIGXCPU)
        process.send_signal(signal.SIGXCPU)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGXCPU)
        self.assertEqual(json.loads(out)["exit"]["reason"], f"signal {int(signal.SIGXCPU)}")

    def test_one_ends_the_run_after_the_batch_with_the_object(self):
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU]:
            process = self.started()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + number)
            self.assertRegex(err, f"stopping on signal {int(number)} .*; a second signal ends the process at once\n")
            found = json.loads(out)
            self.assertEqual(found["exit"], {"code": 128 + number, "reason": f"signal {int(number)}"})
            self.assertGreaterEqual(len(found["epochs"]), 3)
            self.assertEqual(len(found["weights_sha256"]), 64)

    def test_a_second_one_ends_the_program_at_once(self):
        # It waits for the rest of its config and would wait for ever. The pipe holds 64 KiB, so once twice as much is
        # written it reads, and listens to signals.
        process = subprocess.Popen([PROGRAM, "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(b"# comment\n" * 20000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        self.assertIn(b"stopping on signal 2 (Interrupt); a second signal", process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 128 + signal.SIGTERM)
        process.stdin.close()
        process.stderr.close()

    def test_what_only_reads_ends_at_the_first_one(self):
        process = subprocess.Popen([PROGRAM, "check", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdin.write(b"# comment\n" * 20000)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), -signal.SIGINT)
        process.stdin.close()


if __name__ == "__main__":
    unittest.main()
