"""Whatever whoever started the program has closed, ignored or limited: results stay the same, and the end is told."""
import itertools
import json
import os
import resource
import signal
import subprocess
import tempfile
import unittest

from program import PROGRAM, TINY, result_of, run

FAULTS = os.environ["FAULTS_PLUGIN"]
MOODY = os.environ["MOODY_PLUGIN"]
CONFIG = "tests/pipelines/isolation/faults.yaml"
ISOLATED = ["--set", "faults.run.isolate=process"]
SANITIZED = os.environ["MILLRACE_SANITIZER"] != "none"
MOODS = """version: 1
name: moods
graph:
  points: {stage: table_source, with: {columns: {x: [1, 2, 3]}}}
  same:   {stage: moody, in: points.x}
  show:   {stage: print, in: {in: same}}
"""


def moody(folder, way):
    """A copy of the moody plugin that behaves in a way of fixtures/moody.cpp."""
    with open(MOODY, "rb") as good, open(f"{folder}/moods.so", "wb") as copy:
        copy.write(good.read().replace(b"mood:good" + bytes(24), b"mood:" + way.encode().ljust(28, b"\0")))
    os.chmod(copy.name, 0o755)
    return copy.name


def run_faults(*arguments, **more):
    return run(CONFIG, "--plugin", FAULTS, "--json", *arguments, **more)


class Descriptors(unittest.TestCase):
    def test_closed_ones_change_nothing_but_what_can_be_said(self):
        weights = result_of(run_faults(*ISOLATED))["weights_sha256"]
        for closed in itertools.chain.from_iterable(itertools.combinations(range(3), n) for n in range(4)):
            with self.subTest(closed=closed), tempfile.TemporaryFile() as out:
                process = subprocess.run([PROGRAM, CONFIG, "--plugin", FAULTS, *ISOLATED, "--json"], check=False, timeout=120,
                                         stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL,
                                         preexec_fn=lambda numbers=closed: [os.close(n) for n in numbers])
                out.seek(0)
                said = out.read()
                if 1 in closed:  # what was asked for cannot be written, and that is told
                    self.assertEqual((process.returncode, said), (7, b""))
                else:
                    self.assertEqual(process.returncode, 0)
                    self.assertEqual(json.loads(said)["weights_sha256"], weights)

    def test_a_good_plugin_is_good_with_all_of_them_closed(self):
        process = run("check", "-", "--plugin", MOODY, input=MOODS, preexec_fn=lambda: os.close(2))
        self.assertEqual(process.returncode, 0, process.stdout)

    def test_a_config_from_a_closed_input_is_no_empty_config(self):
        process = subprocess.run([PROGRAM, "check", "-"], capture_output=True, text=True, check=False, preexec_fn=lambda: os.close(0))
        self.assertEqual(process.returncode, 3)
        self.assertIn("Bad file descriptor", process.stderr)


class Output(unittest.TestCase):
    def test_with_json_standard_output_is_one_object_whoever_prints(self):
        for config, more in ((CONFIG, ["--plugin", FAULTS]), ("-", [])):
            with tempfile.TemporaryDirectory() as folder:
                env = {"MILLRACE_PLUGIN_PATH": folder}
                moody(folder, "global talks")
                for way in [["--set", f"faults.at={at}"] for at in ("construction", "infer", "open", "work", "close", "destruction")]:
                    sets = ["--set", "faults.fault=talk", *way] if config == CONFIG else []
                    process = run(config, "--json", *more, *sets, env=env, input=MOODS)
                    self.assertEqual(process.returncode, 0, process.stderr)
                    self.assertEqual(result_of(process)["exit"]["code"], 0)
                    self.assertIn("talks", process.stderr)
                    if not sets:
                        break

    def test_a_write_beyond_the_largest_file_is_an_error_that_is_told(self):
        def at_most_a_kilobyte():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        with tempfile.TemporaryFile() as out:
            process = subprocess.run([PROGRAM, TINY, "--set", "epochs=100", "--json"], stdout=out, stderr=subprocess.PIPE, text=True,
                                     check=False, timeout=120, preexec_fn=at_most_a_kilobyte)
        self.assertEqual(process.returncode, 7, process.stderr)
        self.assertIn("error[output-unwritable]", process.stderr)
        self.assertIn("File too large", process.stderr)


    def test_a_new_stage_that_does_not_fit_onto_the_disk_leaves_no_half_folder(self):
        def little_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        with tempfile.TemporaryDirectory() as folder:
            process = run("new-stage", "random_shift", cwd=folder, preexec_fn=little_room)
            self.assertEqual(process.returncode, 7, process.stderr)
            self.assertIn("File too large", process.stderr)
            self.assertEqual(os.listdir(folder), [])


class Signals(unittest.TestCase):
    """A million epochs take minutes, so only the signal can end the run."""

    def started(self, *ignored, epochs=1000000):
        def dispositions():
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
        process = subprocess.Popen([PROGRAM, TINY, "--set", f"epochs={epochs}", "--json", "--set", "learn.optimizer.sgd.learning_rate=1e-3"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=dispositions)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        while "Epoch 3/" not in (line := process.stderr.readline()):
            self.assertNotEqual(line, "", process.poll())
        return process

    def test_a_lost_terminal_stops_the_run_in_order(self):
        for number in (signal.SIGHUP, signal.SIGQUIT):
            process = self.started()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + number, err)
            self.assertEqual(json.loads(out)["exit"], {"code": 128 + number, "reason": f"signal {int(number)}"})

    def test_what_was_ignored_at_the_start_stays_ignored(self):
        process = self.started(signal.SIGHUP, signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, err)
        self.assertEqual(json.loads(out)["exit"]["reason"], "signal 15")
        self.assertNotIn("Hangup", err)

    def test_a_parent_that_ignores_sigchld_hides_no_end(self):
        def ignore():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if not SANITIZED:
            process = run_faults("--set", "faults.fault=segv", *ISOLATED, preexec_fn=ignore)
            self.assertIn("SIGSEGV", process.stderr)
        self.assertEqual(result_of(run_faults("--set", "faults.fault=kill", *ISOLATED, preexec_fn=ignore))["failures"][0]["name"],
                         "stage-crashed")


@unittest.skipIf(os.environ["MILLRACE_SANITIZER"] == "thread", "it reports at the usual end, which waits for the plugin")
class End(unittest.TestCase):
    def test_a_plugin_that_waits_for_its_thread_or_holds_a_stream_does_not_hold_up_the_end(self):
        for way, verb in itertools.product(("global thread", "global holds stream"), ([], ["check"])):
            with tempfile.TemporaryDirectory() as folder:
                process = run(*verb, "-", "--plugin", moody(folder, way), "--json", input=MOODS)
                self.assertEqual(process.returncode, 0, process.stderr)
                self.assertEqual(len(process.stdout.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
