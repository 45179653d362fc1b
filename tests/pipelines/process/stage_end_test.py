"""A stage that ends the program, throws anything or crashes, in any call and in every verb: it is named, and nothing reads as success."""
import itertools
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

from program import result_of, run

FAULTS = os.environ["FAULTS_PLUGIN"]
CONFIG = "tests/pipelines/isolation/faults.yaml"
CALLS = {"construction": "while it is constructed", "infer": "in its infer", "open": "while it opens", "work": "in epoch 2, packet",
         "close": "while it closes", "destruction": "while it closes"}
PLACE = r"node `faults` \(stage faulty_transform, .*faults.yaml:15:3\)"
SANITIZED = os.environ["MILLRACE_SANITIZER"] != "none"


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def with_fault(fault, at, *arguments, verb=()):
    return run(*verb, CONFIG, "--plugin", FAULTS, "--set", f"faults.fault={fault}", "--set", f"faults.at={at}", *arguments,
               preexec_fn=no_core)


class Exit(unittest.TestCase):
    def told(self, process, code, call):
        self.assertEqual(process.returncode, 1, process.stderr)
        self.assertRegex(process.stderr, rf"error\[stage-exits\]: {PLACE}, {call}.* ends the program, with exit code {code}\n")

    def test_an_exit_of_any_kind_in_any_call_is_no_success(self):
        for (fault, code), (at, call) in itertools.product({"exit": 0, "leave_well": 0, "leave": 3}.items(), CALLS.items()):
            with self.subTest(fault=fault, at=at):
                process = with_fault(fault, at, "--json")
                self.told(process, code, call)
                result = result_of(process)
                self.assertEqual(result["exit"], {"code": 1, "reason": "failed"})
                error = result["errors"][0]
                self.assertEqual((error["name"], error["line"], error["column"]), ("stage-exits", 15, 3))
                self.assertTrue(error["file"].endswith("faults.yaml"), error)

    def test_an_end_of_the_thread_in_any_call_is_told_with_its_node(self):
        for at, call in CALLS.items():
            with self.subTest(at=at):
                process = with_fault("end_thread", at, "--json")
                self.assertEqual(process.returncode, 1, process.stderr)
                self.assertRegex(process.stderr, rf"error\[stage-exits\]: {PLACE}, {call}.* ends its thread, which the run needs\n")
                self.assertEqual(result_of(process)["errors"][0]["name"], "stage-exits")

    def test_every_verb_that_makes_stages_says_so(self):
        for verb in ("check", "plan", "show", "graph"):
            for at in ("construction", "infer"):
                self.told(with_fault("exit", at, verb=[verb]), 0, CALLS[at])

    def test_a_child_that_a_stage_has_forked_may_end(self):
        process = with_fault("child_ends", "work", "--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(len(result_of(process)["epochs"]), 3)


class Names(unittest.TestCase):
    """What a file is called is shown, also by what is written while the process ends."""

    def ended_by(self, fault):
        with tempfile.TemporaryDirectory() as folder:
            config = shutil.copy(CONFIG, f"{folder}/a\x1b[31m\u202e.yaml")
            process = run(config, "--plugin", FAULTS, "--set", f"faults.fault={fault}", "--set", "faults.at=work", preexec_fn=no_core)
        self.assertNotRegex(process.stderr, "[\x1b\u202e]")
        self.assertIn(r"a\x1b[31m\u202e.yaml:15:3), in epoch" if fault == "exit" else r"a\x1b[31m\u202e.yaml:15:3), epoch", process.stderr)

    def test_of_an_exit(self):
        self.ended_by("exit")

    @unittest.skipIf(SANITIZED, "sanitizers report crashes themselves")
    def test_of_a_crash(self):
        self.ended_by("segv")


class Throw(unittest.TestCase):
    def test_whatever_constructor_or_infer_throws_is_told_at_the_node(self):
        for at, name in (("construction", "construct-failed"), ("infer", "infer-failed")):
            for fault, text in (("throw_number", "something that is no std::exception"), ("throw_exception", "an ordinary one")):
                for verb in ([], ["check"], ["plan"]):
                    process = with_fault(fault, at, "--json", verb=verb)
                    self.assertEqual(process.returncode, 6, process.stderr)
                    error = result_of(process)["errors"][0]
                    self.assertEqual((error["name"], error["line"], error["column"]), (name, 15, 3))
                    self.assertIn("node `faults` (faulty_transform): " + text, error["message"])

    def test_the_suite_says_in_which_call(self):
        for fault, at, seen in (("throw_number", "construction", "its constructor throws: construct-failed: something that is no std::exception"),
                                ("throw_number", "infer", "infer accepts none of the inputs that are declared: infer-failed: something that is no std::"),
                                ("exit", "construction", "the stage ends the program, with exit code 0")):
            process = run("test-stage", f"{FAULTS}:faulty_transform", "--with", f"{{fault: {fault}, at: {at}}}", "--json")
            self.assertTrue(result_of(process)["stages"][0]["checks"][0]["seen"].startswith(seen), process.stdout)

    def test_an_error_keeps_its_own_name_there(self):
        for at in ("construction", "infer"):
            self.assertEqual(result_of(with_fault("throw", at, "--json"))["errors"][0]["name"], "planted")


@unittest.skipIf(SANITIZED, "sanitizers report crashes themselves")
class Crash(unittest.TestCase):
    def test_a_crash_in_constructor_or_infer_names_the_node_in_every_verb_also_when_isolated(self):
        for at, (fault, number) in itertools.product(("construction", "infer"), {"segv": signal.SIGSEGV, "abort": signal.SIGABRT}.items()):
            for verb, more in ([[], []], [["check"], []], [["plan"], []], [["show"], []], [["graph"], []],
                               [[], ["--set", "faults.run.isolate=process"]]):
                process = with_fault(fault, at, *more, verb=verb)
                self.assertEqual(process.returncode, -number, process.stderr)
                self.assertRegex(process.stderr, rf"error\[stage-crashed\]: {number.name} \(.*\) in {PLACE} {CALLS[at]}; ")

    def test_a_crash_in_the_destructor_of_a_stage_that_never_ran_is_told(self):
        for verb, more in ((["check"], []), ([], ["--set", "faults.run.isolate=process"])):
            process = with_fault("abort", "unrun", *more, verb=verb)
            self.assertRegex(process.stderr, rf"error\[stage-crashed\]: SIGABRT \(.*\) in {PLACE} while it is destroyed")

    def test_such_a_crash_after_the_run_of_an_isolated_stage_takes_no_result_along(self):
        process = with_fault("abort", "unrun", "--set", "faults.run.isolate=process", "--json")
        self.assertEqual(process.returncode, -signal.SIGABRT, process.stderr)
        result = result_of(process)
        self.assertEqual((len(result["epochs"]), result["exit"]["code"]), (3, 0))
        self.assertRegex(process.stderr, rf"error\[stage-crashed\]: SIGABRT \(.*\) in {PLACE} while it is destroyed")


class Hang(unittest.TestCase):
    """A call before or after the run that does not return."""

    def test_it_is_named_after_its_timeout_in_every_verb(self):
        for verb, at in itertools.product(([], ["check"], ["plan"], ["show"], ["graph"]), ("construction", "infer")):
            with self.subTest(verb=verb, at=at):
                process = with_fault("hang", at, "--set", "faults.run.timeout=0.2", *(["--json"] if verb != ["graph"] else []), verb=verb)
                self.assertEqual(process.returncode, 75, process.stderr)
                self.assertRegex(process.stderr, rf"error\[stage-hung\]: {PLACE}, {CALLS[at]}, has not returned for 0\.2\d* s\n")
                self.assertIn("timeout", process.stderr)
                if verb in ([], ["check"]):
                    result = result_of(process)
                    self.assertEqual((result["errors"][0]["name"], result["exit"]["code"]), ("stage-hung", 75))

    def test_one_in_the_destructor_of_a_stage_that_never_ran(self):
        process = with_fault("hang", "unrun", "--set", "faults.run.timeout=0.2", verb=["check"])
        self.assertEqual(process.returncode, 75, process.stderr)
        self.assertRegex(process.stderr, rf"error\[stage-hung\]: {PLACE}, while it is destroyed, has not returned")

    def started(self, *verb):
        """A program that hangs in a constructor: it is in the system call that the planted fault waits in, pause or what has its place."""
        process = subprocess.Popen([os.environ["PIPELINE_RUN"], *verb, CONFIG, "--plugin", FAULTS, "--set", "faults.fault=hang",
                                    "--set", "faults.at=construction", "--set", "faults.run.timeout=1000"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        while pathlib.Path(f"/proc/{process.pid}/syscall").read_text().split()[0] not in ("34", "73"):
            self.assertIsNone(process.poll())
        return process

    def test_the_first_signal_names_it_and_ends_a_run_that_has_not_begun(self):
        process = self.started()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130)
        errors = process.stderr.read()
        self.assertRegex(errors, rf"stopping on signal 2 \(Interrupt\): {PLACE}, while it is constructed, has a second to return")
        self.assertRegex(errors, rf"error\[stage-hung\]: {PLACE}, while it is constructed, has not returned")

    def test_a_verb_that_only_looks_ends_at_the_first(self):
        process = self.started("check")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), -signal.SIGINT)


if __name__ == "__main__":
    unittest.main()
