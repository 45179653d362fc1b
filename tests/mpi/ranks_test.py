"""Training on several ranks: equal weights, equal metrics, one hash with `reduction: ordered`."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from launch import AS_ROOT, MPIRUN, POINTS, PROGRAM, alone, launch, result_of

ORDERED = ("--set", "learn.reduction=ordered")
# The targets of the last row, which is rank 1's, do not sum to 1.
WRONG_SUM = """version: 1
epochs: 2
device: cpu
graph:
  points: {stage: table_source, with: {columns: {x: [[0, 1], [1, 0], [2, 1], [3, 2]], y: [[1, 0], [0, 1], [1, 0], [0.5, 0.2]]}}}
  batches: {stage: batcher, in: {inputs: points.x, targets: points.y}, with: {batch_size: 4}}
  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 2, activation: softmax}], loss: categorical_crossentropy}}
  show: {stage: print, in: {model: learn.model}}
"""


def metrics_of(result):
    return [{k: v for k, v in epoch.items() if "second" not in k and "deviation" not in k} for epoch in result["epochs"]]


class Ranks(unittest.TestCase):
    def close(self, a, b, tolerance):
        self.assertEqual(len(a), len(b))
        for x, y in zip(a, b):
            self.assertEqual(x.keys(), y.keys())
            for key in x:
                self.assertAlmostEqual(x[key], y[key], delta=tolerance * max(1, abs(y[key])), msg=key)

    def test_ordered_gives_one_hash_on_1_2_and_4_ranks(self):
        runs = [result_of(alone(POINTS, "--json", *ORDERED)),
                *(result_of(launch(n, POINTS, "--json", *ORDERED)) for n in (2, 4))]
        self.assertEqual(len({run["weights_sha256"] for run in runs}), 1)
        # Losses and metrics too, of the trainer and of the evaluator, to the last bit.
        self.assertIn("val_loss", runs[0]["epochs"][0])
        for run in runs[1:]:
            self.assertEqual(metrics_of(run), metrics_of(runs[0]))

    def test_fast_trains_the_same_model_up_to_rounding_and_says_how_far_it_is_off(self):
        one = result_of(alone(POINTS, "--json"))
        self.assertNotIn("ranks", one)
        for n in (2, 3, 4):
            with self.subTest(ranks=n):
                process = launch(n, POINTS, "--json")
                run = result_of(process)
                self.assertEqual(run["ranks"], n)
                # Three epochs of six steps in float32; a row too many or too few changes the second digit.
                self.close(metrics_of(run), metrics_of(one), 1e-4)
                if n == 3:
                    self.assertNotIn("reduction_deviation", run)
                    continue
                self.assertGreaterEqual(run["reduction_deviation"], 0)
                self.assertLess(run["reduction_deviation"], 1e-5)
                self.assertIn("deviates from `reduction: ordered`", process.stderr)

    def test_stages_in_processes_of_their_own_have_their_ranks_rows(self):
        isolated = [a for node in ("points", "batches") for a in ("--set", f"{node}.run.isolate=process")]
        for n in (2, 4):  # with 4, some ranks have none of the last batch
            hashes = {result_of(launch(n, POINTS, "--json", *more))["weights_sha256"] for more in ((), isolated)}
            self.assertEqual(len(hashes), 1)

    def test_every_run_on_as_many_ranks_has_the_same_weights(self):
        hashes = {result_of(launch(4, POINTS, "--json", "--threads", threads))["weights_sha256"] for threads in "13"}
        self.assertEqual(len(hashes), 1)

    def test_only_rank_0_writes_results_and_progress(self):
        process = launch(2, POINTS)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(process.stdout.count("dense.kernel"), alone(POINTS).stdout.count("dense.kernel"))
        self.assertEqual(process.stdout.count("Epoch 3/3"), 1)
        self.assertEqual(process.stdout.count("weights sha256"), 1)

    def test_a_warning_about_the_rows_of_any_rank_is_told(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(WRONG_SUM)
            config.flush()
            process = launch(2, config.name, "--json")
            self.assertEqual(process.returncode, 0, process.stderr)
            self.assertEqual(process.stderr.count("warning[target-sum]"), 1, process.stderr)
            self.assertIn("rank 1: warning[target-sum]: sample 3 ", process.stderr)
            self.assertNotIn("warning[", launch(2, config.name, "--quiet").stderr)

    def test_the_default_of_threads_divides_the_cores(self):
        one, two = (json.loads(p.stdout)["threads"] for p in (alone(POINTS, "--json"), launch(2, POINTS, "--json")))
        self.assertEqual(two, max(1, one // 2))

    def test_ordered_refuses_other_numbers_of_ranks(self):
        process = launch(3, POINTS, *ORDERED)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("error[rank-count]", process.stderr)

    def test_a_launcher_that_mpi_knows_nothing_of_is_refused(self):
        process = alone(POINTS, env={"PMI_SIZE": "2", "PMI_RANK": "0"})
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertIn("error[no-mpi]", process.stderr)

    def test_a_timeout_that_is_no_number_is_refused(self):
        process = alone(POINTS, env={"MILLRACE_PEER_TIMEOUT": "soon"})
        self.assertEqual(process.returncode, 2, process.stderr)
        self.assertIn("MILLRACE_PEER_TIMEOUT", process.stderr)

    def test_a_launcher_may_start_runs_of_one_process_each(self):
        # A file for each: mpirun forwards outputs in pieces, and those of two processes get into each other.
        with tempfile.TemporaryDirectory() as folder:
            to_file = ["sh", "-c", f'exec "$0" "$@" > {folder}/$OMPI_COMM_WORLD_RANK', PROGRAM]
            command = [MPIRUN, "--oversubscribe", "-np", "2", *to_file, POINTS, "--json", "--alone"]
            process = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **AS_ROOT})
            self.assertEqual(process.returncode, 0, process.stderr)
            hashes = [json.loads((pathlib.Path(folder) / str(rank)).read_text())["weights_sha256"] for rank in range(2)]
        self.assertEqual(hashes, [result_of(alone(POINTS, "--json"))["weights_sha256"]] * 2)

    def test_what_fits_once_does_not_fit_for_each_rank_of_a_machine(self):
        device = json.loads(alone("devices", "--json").stdout)["devices"][0]
        if device["memory_limit_from"].startswith("ulimit"):
            self.skipTest("a limit of each process alone")
        def model(units):
            return ["--set", f"learn.model=[dense: {{units: 30000}}, dense: {{units: {units}}}, dense: {{units: 1}}]"]
        bound = json.loads(alone("plan", POINTS, *model(1000), "--json").stdout)["memory_bound_bytes"]
        large = model(int(1000 * 0.7 * device["memory_limit_bytes"] / bound))
        process = alone(POINTS, *large, "--dry-run")
        self.assertEqual(process.returncode, 0, process.stderr)
        process = launch(2, POINTS, *large, "--dry-run")
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("error[too-little-memory]", process.stderr)

    def test_batches_that_are_too_small_to_share_are_refused_by_all(self):
        process = launch(2, POINTS, "--set", "batches.batch_size=1")
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertEqual(process.stderr.count("error[rank-rows]"), 1)


if __name__ == "__main__":
    unittest.main()
