"""A checkpoint that is whole by all its digests and is not what was trained is found out by the first step behind it."""
import json
import os
import tempfile
import unittest

import checkpoint_files
from kept_training import copy_cut_back, journal, lines_of, place, slow_run
from program import result_of, run


class Probe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.kept, cls.whole = slow_run(cls.shared.name)
        cls.probed = {place(line) for line in lines_of(cls.kept, "probe")}
        cls.checkpoints = lines_of(cls.kept, "checkpoint")
        cls.folder = f"{cls.shared.name}/copy/kept-1"

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    def probed_checkpoints(self):
        """Those of epochs 2 and 3 that the journal has a probe of."""
        return [line for line in self.checkpoints if place(line) in self.probed and line["epoch"] in (2, 3)]

    def poison(self, checkpoint):
        """Changes one weight a little and makes file and journal agree on it: one that each row's loss depends on."""
        sha256 = checkpoint_files.change_weight(f"{self.folder}/{checkpoint['values']['path']}", "2.bias", 0, lambda value: value + 0.01)
        path = f"{self.folder}/metrics.jsonl"
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        for line in lines:
            if line["values"].get("path") == checkpoint["values"]["path"]:
                line["values"]["sha256"] = sha256
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def require_whole(self, process):
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(result_of(process)["weights_sha256"], self.whole["weights_sha256"])
        self.assertEqual(journal(self.folder), journal(self.kept))

    def test_every_checkpoint_but_the_last_has_the_loss_of_the_step_behind_it(self):
        self.assertEqual(self.probed, {place(line) for line in self.checkpoints[:-1]})
        self.assertEqual([place(line) for line in lines_of(self.kept, "probe")], sorted(self.probed))

    def test_a_good_one_is_gone_on_from(self):
        for checkpoint in (self.probed_checkpoints()[0], self.probed_checkpoints()[-1]):
            copy_cut_back(self.kept, self.folder, checkpoint)
            process = run("resume", self.folder, "--json")
            self.assertNotIn("not used", process.stderr)
            self.require_whole(process)
            self.assertEqual(sorted(os.listdir(f"{self.folder}/attempts")), ["1", "2"])
            self.assertEqual(len(lines_of(self.folder, "probe")), len({place(line) for line in lines_of(self.folder, "probe")}))

    def test_a_poisoned_one_is_not_resumed_the_one_before_is_taken_and_said(self):
        checkpoint = self.probed_checkpoints()[-1]
        before = self.checkpoints[self.checkpoints.index(checkpoint) - 1]
        copy_cut_back(self.kept, self.folder, checkpoint)
        self.poison(checkpoint)
        process = run("resume", self.folder, "--json")
        self.assertIn(f"not used: {checkpoint['values']['path']}", process.stderr)
        self.assertIn(f"goes on behind batch {before['values']['batch']} of epoch" if not before["values"]["complete"] else "goes on behind epoch", process.stderr)
        self.require_whole(process)
        self.assertEqual(sorted(os.listdir(f"{self.folder}/attempts")), ["1", "2", "3"])

    def test_two_in_a_row_end_the_run_by_name(self):
        checkpoint = self.probed_checkpoints()[-1]
        before = self.checkpoints[self.checkpoints.index(checkpoint) - 1]
        copy_cut_back(self.kept, self.folder, checkpoint)
        self.poison(checkpoint)
        self.poison(before)
        process = run("resume", self.folder, "--json")
        self.assertEqual(process.returncode, 4, process.stderr)
        self.assertEqual([failure["name"] for failure in result_of(process)["failures"]], ["resume-diverges"])
        self.assertIn("error[resume-diverges]", process.stderr)
        process = run("resume", self.folder, "--json")
        self.assertIn(f"not used: {before['values']['path']}", process.stderr)
        self.require_whole(process)


if __name__ == "__main__":
    unittest.main()
