"""`diff A B` names the first epoch, batch and node where two runs part, and what passed there."""
import json
import tempfile
import unittest

from program import result_of, run

ROWS, BATCHES = 96, 24
X = [i + 1 for i in range(ROWS)]


def config(x, scale="1/96", rate=0.01, valid="1/96"):
    return f"""version: 1
name: kept
seed: 3
epochs: 3
device: cpu
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 9, columns: {{x: {x}, y: {[i % 7 for i in range(ROWS)]}}}}}}}
  small:   {{stage: normalize, in: rows.x, with: {{scale: {scale}}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: rows.y}}, with: {{batch_size: 4}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 8, activation: tanh}}, dense: {{units: 1}}], loss: mse, optimizer: {{sgd: {{learning_rate: {rate}}}}}}}}}
  all:     {{stage: table_source, with: {{columns: {{x: {X}, y: {X}}}}}}}
  same:    {{stage: normalize, in: all.x, with: {{scale: {valid}}}}}
  tests:   {{stage: batcher, in: {{inputs: same, targets: all.y}}, with: {{batch_size: 50}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss]}}}}
"""


TESTED = """  final:   {stage: table_source, role: test, with: {columns: {x: [7, 8], y: [15, 17]}}}
  lesser:  {stage: normalize, in: final.x, with: {scale: 1/96}}
  last:    {stage: batcher, in: {inputs: lesser, targets: final.y}, with: {batch_size: 2}}
  judge:   {stage: evaluator, in: {data: last, model: learn.model}, with: {metrics: [loss]}}
"""
STOPPED = "  stop:    {stage: early_stop, in: try.metrics, with: {metric: loss, patience: 3}}\n"
SHOWN = f"""version: 1
name: kept
epochs: 2
device: cpu
graph:
  rows: {{stage: table_source, with: {{shuffle: true, columns: {{x: {X}}}}}}}
  show: {{stage: print, in: {{in: rows.x}}}}
"""


class Diff(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.at = cls.shared.name
        cls.numbers = 0
        cls.base = cls.train(config(X))

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    @classmethod
    def train(cls, text, *arguments):
        cls.numbers += 1
        with open(f"{cls.at}/kept.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        process = run("kept.yaml", "--runs", "runs", "--quiet", *arguments, cwd=cls.at)
        assert process.returncode == 0, process.stderr
        return f"kept-{cls.numbers}"

    def diff(self, *words):
        return run("diff", *words, "--runs", "runs", cwd=self.at)

    def parts(self, other):
        return self.parts_of(self.base, other)

    def parts_of(self, one, other):
        process = self.diff(one, other, "--json")
        self.assertEqual(process.returncode, 1, process.stderr)
        told = result_of(process)
        self.assertFalse(told["equal"])
        return told["parts"]

    def test_the_same_config_gives_equal_runs_on_any_number_of_threads(self):
        for arguments in ((), ("--threads", "1"), ("--set", "rows.block_rows=20")):
            other = self.train(config(X), *arguments)
            process = self.diff(self.base, other)
            self.assertEqual((process.returncode, process.stderr), (0, ""), process.stdout)
            self.assertIn("equal in all bits, as far as both go: 3 epochs", process.stdout)
            self.assertTrue(result_of(self.diff(self.base, other, "--json"))["equal"])

    def test_of_other_epochs_they_are_equal_as_far_as_both_go(self):
        self.assertIn(": 2 epochs", self.diff(self.base, self.train(config(X), "--set", "epochs=2")).stdout)

    def test_a_run_without_epochs_is_equal_as_far_as_both_go(self):
        none = self.train(config(X), "--set", "epochs=0")
        for words, of in (((none, self.base), " of 0 in A and 3 in B"), ((self.base, none), " of 3 in A and 0 in B"), ((none, none), "")):
            process = self.diff(*words)
            self.assertEqual((process.returncode, process.stderr), (0, ""), process.stdout)
            self.assertEqual(process.stdout, f"equal in all bits, as far as both go: 0 epochs{of}\n")
            self.assertTrue(result_of(self.diff(*words, "--json"))["equal"])
        other = self.train(config(X), "--set", "epochs=0", "--set", "seed=4")
        process = self.diff(none, other)
        self.assertEqual(process.returncode, 1, process.stderr)
        self.assertRegex(process.stdout, r"^before any training\n  val_loss .*\n  learn +A ends with those of epoch 0 \(\w{10}\), B with those of epoch 0 ")
        self.assertEqual(result_of(self.diff(none, other, "--json"))["parts"], {"epoch": 0})

    def test_runs_that_tell_of_no_epoch_are_compared_by_the_first(self):
        self.assertEqual(self.diff(*(self.train(SHOWN) for _ in range(2))).stdout,
                         "equal in all bits in epoch 1, which was computed once more: they tell of no epoch that both have\n")
        self.assertEqual(self.parts_of(self.train(SHOWN), self.train(SHOWN, "--set", "seed=4"))["node"], "rows")

    def test_runs_that_end_with_the_weights_of_other_epochs_are_not_equal(self):
        best, last = self.train(config(X) + STOPPED, "--set", "epochs=40"), self.train(config(X) + STOPPED, "--set", "epochs=40", "--set", "stop.restore=last")
        process = self.diff(best, last)
        self.assertEqual((process.returncode, process.stderr), (1, ""))
        told = result_of(self.diff(best, last, "--json"))
        self.assertEqual((told["equal"], [end["node"] for end in told["ends"]]), (False, ["learn"]))
        a, b = told["ends"][0]["a"], told["ends"][0]["b"]
        self.assertEqual((a["epoch"] + 4, b["epoch"]), (told["epochs"], told["epochs"]))
        self.assertNotEqual(a["weights_sha256"], b["weights_sha256"])
        self.assertEqual(process.stdout, f"equal in all bits in each of {told['epochs']} epochs, and they end with other weights\n"
                         f"  learn                A ends with those of epoch {a['epoch']} ({a['weights_sha256'][:10]}), "
                         f"B with those of epoch {b['epoch']} ({b['weights_sha256'][:10]})\n")
        self.assertTrue(result_of(self.diff(best, self.train(config(X) + STOPPED, "--set", "epochs=40"), "--json"))["equal"])
        # A longer run has no end to compare with.
        self.assertTrue(result_of(self.diff(best, self.train(config(X) + STOPPED, "--set", f"epochs={told['epochs'] + 1}", "--set", "stop.patience=9"),
                                            "--json"))["equal"])

    def test_weights_that_no_value_tells_apart_part_the_runs(self):
        one = self.train(config(X))
        path = f"{self.at}/runs/{one}/summary.json"
        with open(path, encoding="utf-8") as file:
            summary = json.load(file)
        summary["models"]["learn"]["weights_sha256"] = 64 * "0"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(summary, file)
        process = self.diff(self.base, one)  # computed once more they are the same
        self.assertEqual(process.returncode, 1, process.stdout)
        self.assertIn("error[diff-not-found]: the runs part in epoch 3 by what they have written", process.stderr)

    def test_another_learning_rate_parts_them_at_the_first_update(self):
        found = self.parts(self.train(config(X, rate=0.02)))
        self.assertEqual((found["epoch"], found["batch"], found["node"], found["row"]), (1, 2, "learn", 7))
        self.assertNotEqual(*found["loss"])

    def test_another_seed_parts_them_at_the_shuffle(self):
        found = self.parts(self.train(config(X), "--set", "seed=4"))
        self.assertEqual((found["epoch"], found["batch"], found["node"], found["row"]), (1, 1, "rows", 0))
        self.assertNotEqual(found["a"]["id"], found["b"]["id"])

    def test_the_test_set_is_no_part_of_what_is_compared(self):
        one, other = self.train(config(X) + TESTED), self.train(config(X) + TESTED, "--set", "seed=4")
        process = self.diff(one, other, "--json")
        self.assertEqual((process.returncode, process.stderr), (1, ""))
        found = result_of(process)["parts"]
        self.assertEqual((found["epoch"], found["batch"], found["node"], found["row"]), (1, 1, "rows", 0))
        # What was not trained is no difference: the runs beside it are those without it.
        self.assertTrue(result_of(self.diff(self.base, one, "--json"))["equal"])

    def test_what_is_not_as_it_was_is_refused_with_what_diff_can_do(self):
        one, other = self.train(config(X) + TESTED), self.train(config(X) + TESTED, "--set", "seed=4")
        path = f"{self.at}/runs/{one}/config.yaml"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("units: 8", "units: 9"))
        process = self.diff(one, other)
        self.assertEqual(process.returncode, 3, process.stderr)
        self.assertIn("error[resume-differs]", process.stderr)
        self.assertIn("= help: put it back as it was: ", process.stderr)
        self.assertNotIn("--other-bits", process.stderr)

    def test_another_scale_parts_them_where_it_is(self):
        found = self.parts(self.train(config(X, scale="1/97")))
        self.assertEqual((found["epoch"], found["batch"], found["node"], found["port"], found["row"]), (1, 1, "small", "out", 0))
        a, b = found["values"]
        self.assertAlmostEqual(a * 96, b * 97, places=3)
        self.assertEqual(found["a"]["id"], found["b"]["id"])

    def test_one_other_row_is_found(self):
        other = list(X)
        other[50] = -7
        found = self.parts(self.train(config(other)))
        self.assertEqual((found["epoch"], found["node"], found["port"], found["a"]["id"]), (1, "rows", "x", 50))
        self.assertEqual((found["values"], found["batch"]), ([51.0, -7.0], found["row"] // 9 + 1))
        text = self.diff(self.base, f"kept-{self.numbers}").stdout
        self.assertRegex(text, r"^epoch 1, batch \d+: rows\.x\n  row \d+ of the epoch\n  value\[0\]: 51 in A, -7 in B; 1 of 1 value differ")

    def test_what_is_validated_otherwise_parts_them_there(self):
        found = self.parts(self.train(config(X, valid="1/90")))
        self.assertEqual((found["epoch"], found["node"]), (1, "same"))

    def test_a_child_with_another_rate_parts_from_its_parent_where_it_began(self):
        process = run("resume", self.base, "--set", "epochs=4", "--runs", "runs", "--quiet", cwd=self.at)
        self.assertEqual(process.returncode, 0, process.stderr)
        process = run("resume", self.base, "--set", "epochs=4", "--set", "learn.optimizer.sgd.learning_rate=0.03", "--runs", "runs", "--quiet", cwd=self.at)
        self.assertEqual(process.returncode, 0, process.stderr)
        a, b = f"kept-{self.numbers + 1}", f"kept-{self.numbers + 2}"
        type(self).numbers += 2
        told = result_of(self.diff(a, b, "--json"))
        self.assertEqual((told["parts"]["epoch"], told["parts"]["batch"], told["parts"]["node"]), (4, 2, "learn"))
        self.assertEqual(told["computed"], ["behind epoch 3", "behind epoch 3"])

    def test_two_runs_are_wanted(self):
        self.assertEqual(self.diff(self.base).returncode, 2)
        self.assertEqual(self.diff(self.base, "nobody").returncode, 2)


if __name__ == "__main__":
    unittest.main()
