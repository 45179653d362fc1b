"""Runs with stages in processes of their own: the same results, and every way in which such a process can end is told in order."""
import json
import os
import re
import resource
import signal
import subprocess
import time
import unittest

from program import PROGRAM, result_of, run

PLUGIN = os.environ["FAULTS_PLUGIN"]
CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults.yaml")
ISOLATED = ["--set", "faults.run.isolate=process"]
HANG_LIMIT = "5"  # seconds; in tests that wait for it

COUNTED = """version: 1
name: counted
epochs: 2
graph:
  numbers: {stage: faulty_source}
  faults:  {stage: faulty_serial, in: numbers}
  same:    {stage: faulty_transform, in: faults}
  show:    {stage: print, in: {in: same}, with: {epochs: all}}
"""

# A line to the evaluator that can fail, beside a trainer that may be ahead.
EVALUATED = """version: 1
name: evaluated
epochs: 6
epochs_ahead: 1
device: cpu
graph:
  points:  {stage: table_source, with: {shuffle: true, block_rows: 3, columns: &columns {x: [0, 1, 2, 3, 4, 5], y: [1, 3, 5, 7, 9, 11]}}}
  batches: {stage: batcher, in: {inputs: points.x, targets: points.y}, with: {batch_size: 4}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
  held:    {stage: table_source, with: {block_rows: 3, columns: *columns}}
  faults:  {stage: faulty_transform, in: held.x, with: {fault: leave, epoch: 3}}
  tests:   {stage: batcher, in: {inputs: faults, targets: held.y}, with: {batch_size: 4}}
  try:     {stage: evaluator, in: {data: tests, model: learn.model}}
"""


def run_faults(*arguments, config=CONFIG, **more):
    return run(config, "--plugin", PLUGIN, *arguments, **more)


def with_fault(fault, *arguments, at="work"):
    return run_faults("--set", f"faults.fault={fault}", "--set", f"faults.at={at}", *arguments)


def children_of(process):
    """Processes that this one has started, zombies included."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == process:
                    found.append(int(entry))
        except OSError:
            pass
    return found


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class SameResults(unittest.TestCase):
    def test_every_stage_that_can_be_isolated_gives_the_same_weights(self):
        alone = result_of(run_faults("--json"))
        nodes = ["points", "faults", "batches"]
        for isolated in [[n] for n in nodes] + [nodes]:
            sets = [a for n in isolated for a in ("--set", f"{n}.run.isolate=process")]
            result = result_of(run_faults("--json", *sets))
            self.assertEqual(result["weights_sha256"], alone["weights_sha256"], isolated)
            self.assertEqual([e["loss"] for e in result["epochs"]], [e["loss"] for e in alone["epochs"]])
            self.assertEqual(result["leaked_bytes"], 0)

    def test_views_class_ids_and_chains_come_back_as_they_would_be(self):
        with open("configs/colors_onehot.yaml", encoding="utf-8") as file:
            text = file.read()
        nodes = [line.split(":")[0].strip() for line in text.splitlines() if "{stage:" in line]
        sets = [a for n in nodes for a in ("--set", f"{n}.run.isolate=process")]
        alone, apart = run("configs/colors_onehot.yaml", "-q"), run("configs/colors_onehot.yaml", "-q", *sets)
        self.assertEqual(apart.returncode, 0, apart.stderr)
        self.assertEqual(apart.stdout, alone.stdout)
        self.assertNotEqual(alone.stdout, "")

    def test_what_isolated_stages_print_and_report_arrives_in_order(self):
        alone = run_faults("-q", config="-", input=COUNTED)
        sets = [a for n in ("numbers", "faults", "same", "show") for a in ("--set", f"{n}.run.isolate=process")]
        apart = run_faults("-q", *sets, config="-", input=COUNTED)
        self.assertEqual(apart.returncode, 0, apart.stderr)
        self.assertEqual(sorted(apart.stdout.splitlines()), sorted(alone.stdout.splitlines()))
        self.assertIn("sum 66", apart.stdout)
        result = result_of(run_faults(*sets, "--json", config="-", input=COUNTED))
        self.assertEqual([e["sum"] for e in result["epochs"]], [66, 132])

    def test_warnings_of_isolated_stages_are_those_of_stages_that_are_not(self):
        isolated = ("--set", "faults.run.isolate=process")
        alone = result_of(run_faults("--json", config="-", input=COUNTED))
        apart = run_faults(*isolated, "--json", config="-", input=COUNTED)
        warnings = result_of(apart)["warnings"]
        self.assertEqual(warnings, alone["warnings"])
        self.assertEqual([(w["name"], w["message"], w["node"], w["count"]) for w in warnings], [("large-sum", "the sum is 66", "faults", 2)])
        self.assertIn("warning[large-sum]: the sum is 66", apart.stderr)
        self.assertIn("1 warning", apart.stderr)
        strict = run_faults(*isolated, "--json", "--strict", config="-", input=COUNTED)
        self.assertEqual(strict.returncode, 1)
        self.assertEqual(([f["name"] for f in result_of(strict)["failures"]], result_of(strict)["warnings"]), (["large-sum"], []))

    def test_zero_epochs_and_one_thread(self):
        for more in (["--set", "epochs=0"], ["--threads", "1"]):
            process = run_faults(*ISOLATED, *more)
            self.assertEqual(process.returncode, 0, process.stderr)

    def test_the_config_hash_does_not_depend_on_where_a_stage_runs(self):
        self.assertEqual(result_of(run_faults("--json"))["config_hash"], result_of(run_faults("--json", *ISOLATED))["config_hash"])


class Faults(unittest.TestCase):
    def failed(self, process, name, *parts):
        """One failure, told at its place; what was done before is in the JSON."""
        self.assertEqual(process.returncode, 75 if name == "stage-hung" else 1, process.stderr)
        result = result_of(process)
        self.assertEqual([f["name"] for f in result["failures"]], [name], process.stderr)
        failure = result["failures"][0]
        self.assertEqual((failure["node"], failure["stage"], failure["line"]), ("faults", "faulty_transform", 15))
        self.assertIn(f"error[{name}]", process.stderr)
        self.assertIn("faults.yaml:15:3", process.stderr)
        for part in parts:
            self.assertIn(part, process.stderr)
        self.assertEqual(result["leaked_bytes"], 0)
        return result

    def in_epoch_2(self, process, name, *parts):
        result = self.failed(process, name, *parts, "in node `faults` (stage faulty_transform), epoch 2, packet 4")
        self.assertEqual([e["epoch"] for e in result["epochs"] if "loss" in e], [1])
        self.assertEqual(len(result["weights_sha256"]), 64)
        return result

    def test_a_crash_names_the_signal_the_place_and_the_samples_and_keeps_the_epochs_before(self):
        for fault, text in [("segv", "SIGSEGV (Segmentation fault)"), ("abort", "SIGABRT (Aborted)"),
                            ("overflow", "SIGSEGV"), ("kill", "SIGKILL (Killed)"), ("write_input", "SIGSEGV")]:
            if os.environ["MILLRACE_SANITIZER"] != "none" and text.startswith("SIGSEGV"):
                text = "the process of the stage"  # a sanitizer reports it, and ends the process in its own way
            result = self.in_epoch_2(with_fault(fault, "--json", *ISOLATED), "stage-crashed", text)
            self.assertRegex(result["failures"][0]["notes"][0], r"^the packet in hand has the samples \d, \d, \d$")

    def test_the_epochs_before_a_crash_are_finished_whoever_is_ahead(self):
        for threads in ("1", "2", "4"):
            for _ in range(5):
                result = result_of(run_faults("--json", *ISOLATED, "--threads", threads, config="-", input=EVALUATED))
                self.assertEqual([f["name"] for f in result["failures"]], ["stage-crashed"])
                self.assertEqual([(e["epoch"], "loss" in e, "val_loss" in e) for e in result["epochs"]], [(1, True, True), (2, True, True)])
                self.assertEqual(result["models"]["learn"]["epochs_trained"], 2)

    def test_an_exit_of_any_kind_is_a_crash_too(self):
        self.in_epoch_2(with_fault("exit", "--json", *ISOLATED), "stage-crashed", "exit code 0")
        self.in_epoch_2(with_fault("leave", "--json", *ISOLATED), "stage-crashed", "exit code 3")

    def test_a_hang_ends_at_the_time_limit(self):
        self.in_epoch_2(with_fault("hang", "--json", *ISOLATED, "--set", f"faults.run.timeout={HANG_LIMIT}"), "stage-hung",
                        "a call of the stage has taken more than 5 s", "run: {timeout: SECONDS}")

    def test_a_call_that_says_something_now_and_then_ends_at_the_time_limit_too(self):
        process = with_fault("drip", "--json", *ISOLATED, "--set", "faults.run.timeout=1")
        self.assertEqual(process.returncode, 75, process.stderr)
        self.assertEqual([f["name"] for f in result_of(process)["failures"]], ["stage-hung"])

    def test_a_stage_that_has_started_a_process_and_dies_is_noticed_at_once(self):
        self.in_epoch_2(with_fault("child_and_leave", "--json", *ISOLATED), "stage-crashed", "exit code 3")

    def test_an_end_that_somebody_else_has_taken_is_no_exit_code(self):
        process = run_faults("--json", "--set", "faults.run.isolate=process", "--set", "faults.fault=kill", "--set",
                             "same.fault=ignore_children", "--set", "same.at=construction", config="-", input=COUNTED)
        self.assertEqual([f["name"] for f in result_of(process)["failures"]], ["stage-crashed"])
        self.assertIn("how is not known", process.stderr)
        self.assertNotIn("exit code", process.stderr)

    def test_too_few_descriptors_are_told_as_such(self):
        for most in range(8, 24):
            def few(limit=most):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            process = run_faults("--json", *ISOLATED, preexec_fn=few)
            if process.returncode != 0:
                self.assertIn("Too many open files", process.stderr, most)
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_a_process_that_hangs_up_and_stays_is_ended(self):
        self.in_epoch_2(with_fault("hang_up", "--json", *ISOLATED), "stage-crashed", "closed its line")

    def test_an_answer_that_is_none_is_not_believed(self):
        for fault in ("garbage", "lie"):
            self.in_epoch_2(with_fault(fault, "--json", *ISOLATED), "stage-garbled", "the packet in hand has the samples")

    def test_what_the_stage_throws_is_the_same_failure_as_in_the_run_itself(self):
        for fault in ("throw", "throw_exception", "throw_no_memory", "throw_number", "wrong_rows"):
            apart, alone = with_fault(fault, "--json", *ISOLATED), with_fault(fault, "--json")
            failures = [result_of(process)["failures"][0] for process in (apart, alone)]
            for failure in failures:
                self.assertIn(failure.pop("packet"), (4, 5, 6, 7))  # packets of a transform overlap, and one is short
                failure["message"] = re.sub(r"\d rows?", "n rows", failure["message"])
                # Each leaves a capsule in the folder of its own run, for the packet that it has failed at.
                failure["notes"] = [re.sub(r"/faults-\d+/.*", "/faults-N", note) for note in failure.get("notes", [])]
            self.assertEqual(failures[0], failures[1])
            self.assertEqual(apart.returncode, alone.returncode)

    def test_open_close_and_destruction_are_told_as_well(self):
        for fault, at, name in [("segv", "open", "stage-crashed"), ("throw", "open", "planted"), ("exit", "close", "stage-crashed"),
                                ("abort", "destruction", "stage-crashed"), ("exit", "destruction", "stage-crashed")]:
            process = with_fault(fault, "--json", *ISOLATED, at=at)
            result = result_of(process)
            self.assertEqual([f["name"] for f in result["failures"]], [name], (fault, at, process.stderr))
            self.assertEqual(result["failures"][0]["node"], "faults")
            self.assertEqual(len(result["epochs"]), 0 if at == "open" else 3)

    def test_a_packet_that_the_stage_keeps_is_told_as_in_the_run_itself(self):
        sets = ["--set", "faults.epoch=3", "--json"]
        apart, alone = with_fault("keep", *ISOLATED, *sets), with_fault("keep", *sets)
        self.assertEqual(result_of(apart)["failures"], result_of(alone)["failures"])
        self.assertEqual([f["name"] for f in result_of(apart)["failures"]], ["kept-packet"])
        # Of the epoch in which the packet was kept nothing is reported, neither on the way nor at the end.
        for process in (apart, alone):
            result = result_of(process)
            self.assertEqual([epoch["epoch"] for epoch in result["epochs"]], [1, 2])
            self.assertEqual(result["models"]["learn"]["epochs_trained"], 2)
            self.assertEqual(process.stderr.count("Epoch "), 2, process.stderr)

    def test_a_source_and_a_serial_are_told_with_their_place(self):
        for node, stage, packet in [("numbers", "faulty_source", 4), ("faults", "faulty_serial", 3)]:
            process = run_faults("--json", "--set", f"{node}.run.isolate=process", "--set", f"{node}.fault=abort", config="-",
                                 input=COUNTED)
            failure = result_of(process)["failures"][0]
            self.assertEqual((failure["name"], failure["node"], failure["stage"], failure["epoch"], failure["packet"]),
                             ("stage-crashed", node, stage, 2, packet))

    def test_a_crash_of_one_of_several_processes_ends_the_others_in_order(self):
        process = with_fault("segv", "--json", *ISOLATED, "--set", "points.run.isolate=process", "--set",
                             "batches.run.isolate=process")
        self.in_epoch_2(process, "stage-crashed")


class Left(unittest.TestCase):
    """No process stays behind, whoever goes first."""

    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, CONFIG, "--plugin", PLUGIN, *ISOLATED, "--json", *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def stage_of(self, process):
        def serving():
            return [c for c in children_of(process.pid) if b"__stage_worker" in command_of(c)]

        def command_of(child):
            try:
                with open(f"/proc/{child}/cmdline", "rb") as file:
                    return file.read()
            except OSError:
                return b""
        self.assertTrue(wait_until(lambda: len(serving()) == 1))
        return serving()[0]

    def test_a_signal_stops_the_run_after_the_batch_and_the_stage_with_it(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            process = self.start("--set", "epochs=1000000")
            stage = self.stage_of(process)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + number, err)
            self.assertEqual(json.loads(out)["failures"], [])
            self.assertFalse(is_alive(stage))

    def test_signals_to_the_stage_are_the_runs_affair(self):
        process = self.start("--set", "epochs=1000000")
        stage = self.stage_of(process)
        for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2, signal.SIGXCPU, signal.SIGTERM):
            os.kill(stage, number)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM, err)

    def test_a_run_that_is_killed_takes_its_stages_along_also_those_that_hang(self):
        for fault in ("none", "hang"):
            process = self.start("--set", "epochs=1000000", "--set", f"faults.fault={fault}")
            stage = self.stage_of(process)
            process.kill()
            process.communicate(timeout=60)
            self.assertTrue(wait_until(lambda child=stage: not is_alive(child)))

    def test_a_run_that_is_killed_takes_along_what_its_stages_have_started(self):
        process = self.start("--set", "epochs=1000000", "--set", "faults.fault=child", "--set", "faults.epoch=1")
        stage = self.stage_of(process)

        def group():
            found = []
            for entry in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if os.getpgid(int(entry)) == stage and is_alive(int(entry)):
                        found.append(int(entry))
                except OSError:
                    pass
            return found
        self.assertTrue(wait_until(lambda: len(group()) > 1))
        process.kill()
        process.communicate(timeout=60)
        self.assertTrue(wait_until(lambda: not group()), group())

    def test_a_second_signal_ends_a_hanging_stage_at_once(self):
        process = self.start("--set", "epochs=1000000", "--set", "faults.fault=hang")
        stage = self.stage_of(process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (128 + signal.SIGINT, 128 + signal.SIGTERM))
        self.assertTrue(wait_until(lambda: not is_alive(stage)))


class Config(unittest.TestCase):
    def test_the_words_of_run_are_known_everywhere(self):
        shown = run("show", CONFIG, "--plugin", PLUGIN, *ISOLATED).stdout
        self.assertRegex(shown, r"isolate: process +# command line, --set #1")
        schema = result_of(run("schema"))
        run_keys = schema["definitions"]["node"]["properties"]["run"]["properties"]
        self.assertEqual(set(run_keys), {"blocks", "bytes", "isolate", "timeout"})
        complete = run("__complete", CONFIG, "--plugin", PLUGIN, "--set", "faults.run.").stdout.split()
        self.assertEqual(complete, ["faults.run.isolate=", "faults.run.timeout="])
        complete = run("__complete", "configs/mnist_mlp.yaml", "--set", "train_inputs.run.").stdout.split()
        self.assertEqual(complete, ["train_inputs.run.isolate=", "train_inputs.run.timeout="])

    def test_plan_says_which_nodes_run_apart(self):
        self.assertNotIn("of their own", run("plan", CONFIG, "--plugin", PLUGIN).stdout)
        self.assertIn("In processes of their own: faults (a call may take 300 s)",
                      run("plan", CONFIG, "--plugin", PLUGIN, *ISOLATED).stdout)
        plan = result_of(run("plan", CONFIG, "--plugin", PLUGIN, *ISOLATED, "--json"))
        self.assertEqual(plan["isolated"], [{"node": "faults", "timeout": 300.0}])

    def test_check_refuses_a_table_on_the_device_that_a_process_of_its_own_could_not_reach(self):
        sets = ("--set", "train.run.isolate=process", "--set", "train.cache=device")
        process = run("check", "configs/mnist_mlp.yaml", *sets)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("error[conflicting-parameters]: node `train` (idx_loader): a stage in a process of its own", process.stderr)
        self.assertIn("leave out `cache: device`, or set `isolate: none`", process.stderr)

    def test_nobody_serves_a_stage_by_hand(self):
        process = run("__stage_worker", str(os.getpid()))
        self.assertEqual(process.returncode, 2)
        self.assertIn("isolate: process", process.stderr)


if __name__ == "__main__":
    unittest.main()
