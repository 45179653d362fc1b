"""A rank that dies, hangs, throws, stops or has another config: all ranks go, soon, with a reason that names it."""
import json
import os
import signal
import unittest

from launch import POINTS, launch

PLUGIN = os.environ["FAULTY_PLUGIN"]
TIMEOUT = 3.0  # seconds; long enough for a busy machine, short enough for a test


def with_fault(ranks, rank, fault, *more):
    return launch(ranks, os.path.join(os.path.dirname(POINTS), "faulty.yaml"), "--plugin", PLUGIN,
                  "--set", f"faults.rank={rank}", "--set", f"faults.fault={fault}", *more, timeout=TIMEOUT)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.launching = launch(4, POINTS).seconds  # what mpirun takes to start and to end, on a machine this busy

    def ended(self, process):
        self.assertNotEqual(process.returncode, 0, process.stderr)
        self.assertLess(process.seconds - self.launching, TIMEOUT + 5, process.stderr)

    def lost(self, process, rank):
        self.ended(process)
        self.assertIn("error[peer-lost]", process.stderr)
        self.assertRegex(process.stderr, rf"rank {rank}\b.*(failed|does not answer|did not come)")
        self.assertRegex(process.stderr, r"(all-reduce|all-gather|exchange|end)( \d+)? of (node `\w+` \(stage \w+\)|the run)")

    def test_a_rank_that_throws_is_named_with_its_node(self):
        for ranks in (2, 4):
            process = with_fault(ranks, 1, "throw")
            self.lost(process, 1)
            self.assertIn("node `faults` (stage faulty): error[planted]", process.stderr)
            self.assertIn(process.returncode, (1, 75))

    def test_a_rank_that_throws_what_is_no_error_is_named_with_its_node(self):
        process = with_fault(2, 1, "throw_number")
        self.lost(process, 1)
        self.assertIn("node `faults` (stage faulty): error[unknown-exception]", process.stderr)
        self.assertIn(process.returncode, (1, 75))

    def test_a_crash_in_an_isolated_stage_of_one_rank_is_named_by_it_and_told_to_the_others(self):
        for fault in ("die", "leave"):
            process = with_fault(2, 1, fault, "--set", "faults.run.isolate=process")
            self.lost(process, 1)
            self.assertIn("rank 1: error[stage-crashed]", process.stderr)
            self.assertIn("node `faults` (stage faulty): error[stage-crashed]", process.stderr)

    def test_a_rank_whose_stage_hangs_is_named_and_ended(self):
        for ranks in (2, 4):
            process = with_fault(ranks, ranks - 1, "hang")
            self.lost(process, ranks - 1)
            self.assertEqual(process.returncode, 75)

    def test_a_stage_that_hangs_is_told_to_the_other_ranks_before_its_process_ends(self):
        for rank in (0, 1):
            process = with_fault(2, rank, "hang", "--set", "faults.run.timeout=0.5")
            self.assertEqual(process.returncode, 75, process.stderr)
            self.assertIn(f"rank {rank}: error[stage-hung]", process.stderr)
            self.assertIn(f"rank {1 - rank}: error[peer-lost]", process.stderr)
            self.assertIn("node `faults` (stage faulty): error[stage-hung]", process.stderr)

    def test_rank_0_may_hang_too(self):
        process = with_fault(2, 0, "hang")
        self.lost(process, 0)
        self.assertEqual(process.returncode, 75)

    def test_a_rank_whose_process_is_stopped_is_named_and_ended(self):
        process = with_fault(2, 1, "freeze")
        self.lost(process, 1)
        self.assertEqual(process.returncode, 75)

    def test_a_rank_that_dies_is_named(self):
        for ranks in (2, 4):
            self.lost(with_fault(ranks, 1, "die"), 1)

    def test_a_rank_that_leaves_without_a_word_is_named(self):
        self.lost(with_fault(2, 1, "leave"), 1)

    def test_another_config_on_a_rank_is_named_before_anything_runs(self):
        process = launch(2, POINTS, others=(POINTS, "--set", "seed=4"))
        self.ended(process)
        self.assertEqual(process.returncode, 3)
        self.assertIn("error[rank-config]: rank 1 has another config than rank 0", process.stderr)
        self.assertNotIn("Epoch", process.stdout + process.stderr)

    def test_an_invalid_config_on_one_rank_is_shown_by_that_rank(self):
        process = launch(4, POINTS, others=(POINTS, "--set", "learn.units=4"))
        self.ended(process)
        self.assertIn("rank 1: error[unknown-path]", process.stderr)
        self.assertIn("the config of rank 1 is not valid", process.stderr)

    def test_a_signal_to_one_rank_stops_all_after_the_same_batch(self):
        for fault, number in (("signal", signal.SIGUSR1), ("time_up", signal.SIGXCPU)):
            process = with_fault(2, 1, fault, "--json", "--set", "epochs=100000")
            self.assertEqual(process.returncode, 128 + number, process.stderr)
            result = json.loads(process.stdout)
            self.assertEqual(result["exit"], {"code": 128 + number, "reason": f"signal {int(number)}"}, process.stderr)
            self.assertNotIn("error[", process.stderr)


if __name__ == "__main__":
    unittest.main()
