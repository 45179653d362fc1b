"""A crash in a stage of the run's own process: one line says where, and everything else is as usual."""
import json
import os
import resource
import signal
import subprocess
import tempfile
import unittest

from program import PROGRAM, run

PLUGIN = os.environ["FAULTS_PLUGIN"]
CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.yaml")


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fault_arguments(fault, *arguments, at="work"):
    return [CONFIG, "--plugin", PLUGIN, "--set", f"faults.fault={fault}", "--set", f"faults.at={at}", *arguments]


def with_fault(fault, *arguments, at="work"):
    return run(*fault_arguments(fault, *arguments, at=at), preexec_fn=no_core)


@unittest.skipIf(os.environ["MILLRACE_SANITIZER"] != "none", "sanitizers report crashes themselves")
class CrashLine(unittest.TestCase):
    def crashed(self, process, number, text):
        self.assertEqual(process.returncode, -number, process.stderr)
        lines = [line for line in process.stderr.splitlines() if "error[stage-crashed]" in line]
        self.assertEqual(len(lines), 1, process.stderr)
        self.assertIn(text, lines[0])
        return lines[0]

    def test_a_crash_says_signal_node_stage_line_epoch_packet_and_what_to_do(self):
        for fault, number in [("segv", signal.SIGSEGV), ("abort", signal.SIGABRT), ("trap", signal.SIGILL)]:
            for threads in ("1", "4"):
                line = self.crashed(with_fault(fault, "--threads", threads), number, f"error[stage-crashed]: {number.name} (")
                self.assertRegex(line, r"in node `faults` \(stage faulty_transform, .*faults.yaml:15:3\), epoch 2, packet [4567]; "
                                       r"run it with `--set faults.run.isolate=process` to keep the rest of the run$")

    def test_a_stack_overflow_is_told_on_any_thread(self):
        for threads in ("1", "4"):
            self.crashed(with_fault("overflow", "--threads", threads), signal.SIGSEGV, "in node `faults`")

    def test_open_and_close_have_no_packet(self):
        self.crashed(with_fault("segv", at="open"), signal.SIGSEGV, "faults.yaml:15:3) while it opens;")
        self.crashed(with_fault("abort", at="close"), signal.SIGABRT, "faults.yaml:15:3) while it closes;")


class HungStage(unittest.TestCase):
    def test_a_stage_that_does_not_return_ends_the_run_with_what_was_done(self):
        process = with_fault("hang", "--json", "--set", "faults.run.timeout=0.3")
        self.assertEqual(process.returncode, 75, process.stderr)
        result = json.loads(process.stdout)
        self.assertEqual(result["exit"], {"code": 75, "reason": "stalled"})
        failure, = result["failures"]
        self.assertEqual((failure["name"], failure["node"], failure["epoch"]), ("stage-hung", "faults", 2))
        self.assertEqual(failure["line"], 15)
        self.assertIn("`batches` waits for `faults`", failure["notes"])
        self.assertEqual([epoch["epoch"] for epoch in result["epochs"]], [1])
        self.assertIn("error[stage-hung]", process.stderr)
        self.assertGreater(result["peak_bytes"], 0)
        self.assertNotIn("leaked_bytes", result)
        self.assertNotIn("leaked", process.stderr)

    def test_a_hung_run_shows_its_last_epoch_also_where_few_are_shown(self):
        process = with_fault("hang", "--every", "3", "--set", "faults.run.timeout=0.3")
        self.assertEqual(process.returncode, 75, process.stderr)
        self.assertIn("Epoch 1/3", process.stdout)

    def test_a_stage_that_does_not_return_ends_the_run_also_when_nobody_reads(self):
        for arguments in (["--json"], ["--quiet"], []):
            reader, writer = os.pipe()
            os.close(reader)
            with os.fdopen(writer, "w") as gone:
                process = subprocess.run([PROGRAM, *fault_arguments("hang", *arguments, "--set", "faults.run.timeout=0.3")],
                                         stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
            self.assertEqual(process.returncode, 75, process.stderr)
            self.assertIn("error[stage-hung]", process.stderr)

    def test_a_stage_that_opens_or_closes_for_ever_ends_the_run_too(self):
        for at, epochs in (("open", []), ("close", [1, 2, 3])):
            process = with_fault("hang", "--json", "--set", "faults.run.timeout=0.3", at=at)
            self.assertEqual(process.returncode, 75, process.stderr)
            result = json.loads(process.stdout)
            failure, = result["failures"]
            self.assertEqual((failure["name"], failure["epoch"]), ("stage-hung", 0))
            # What has been trained by then is there.
            self.assertEqual([epoch["epoch"] for epoch in result["epochs"]], epochs)
            self.assertEqual("weights_sha256" in result, bool(epochs))
            self.assertNotIn("end first", process.stderr)

    def test_attempts_that_stall_and_get_nowhere_are_not_to_be_tried_for_ever(self):
        with tempfile.TemporaryDirectory() as runs:
            config = f"{runs}/faults.yaml"
            with open(CONFIG, encoding="utf-8") as original, open(config, "w", encoding="utf-8") as copy:
                copy.write(original.read().replace("faults: {", f"faults: {{run: {{timeout: 0.3}}, with: {{fault: hang}}, ") + f"plugins: [{PLUGIN}]\n")
            self.assertEqual(run(config, "--runs", runs).returncode, 75)
            # The first one has come to the end of epoch 1; all others stop where they began.
            codes = [run("resume", f"{runs}/faults-1", "--json") for _ in range(4)]
            self.assertEqual([process.returncode for process in codes], [75, 75, 1, 75])
            self.assertIn("3 attempts in a row have ended like this", codes[2].stderr)
            self.assertEqual(json.loads(codes[2].stdout)["exit"]["code"], 1)
            self.assertNotIn("in a row", codes[1].stderr)


if __name__ == "__main__":
    unittest.main()
