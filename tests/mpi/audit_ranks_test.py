"""`audit` of a run over several ranks: their accounts together have each row once, and a row that one of them swaps is found."""
import os
import tempfile
import unittest

from launch import alone, launch, result_of

THIEF = os.environ["ROW_THIEF_PLUGIN"]
ROWS = 50  # the last batch is short, so that not each rank has a row of it
CONFIG = f"""version: 1
name: kept
epochs: 3
device: cpu
plugins: [{THIEF}]
graph:
  rows:    {{stage: thievish_source, with: {{rows: {ROWS}, row: 1000}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 8}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 1}}], loss: mse, optimizer: {{sgd: {{learning_rate: 1e-6}}}}}}}}
  all:     {{stage: table_source, with: {{shuffle: true, columns: {{x: {list(range(ROWS))}, y: {list(range(ROWS))}}}}}}}
  tests:   {{stage: batcher, in: {{inputs: all.x, targets: all.y}}, with: {{batch_size: 16}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss]}}}}
"""


class AuditOverRanks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs, self.config = folder.name, f"{folder.name}/kept.yaml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)

    def train(self, ranks, *arguments):
        process = launch(ranks, self.config, "--runs", self.runs, "--quiet", *arguments)
        self.assertEqual(process.returncode, 0, process.stderr)

    def test_each_row_once_over_all_ranks(self):
        for number, ranks in enumerate((2, 4), 1):
            self.train(ranks)
            found = result_of(alone("audit", f"{self.runs}/kept-{number}", "--json"))
            self.assertTrue(found["passed"])
            self.assertEqual([(node["node"], node["rows"], node["epochs"], node["ranks"]) for node in found["nodes"]],
                             [("learn", ROWS, 3, ranks), ("try", ROWS, 3, ranks)])

    def test_a_row_that_one_rank_swaps(self):
        self.train(2, "--set", "rows.row=17")
        process = alone("audit", f"{self.runs}/kept-1")
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("audit-failed", process.stderr)
        self.assertIn("epoch 2: `learn` took 50 rows, `rows` has 50 rows: row 17 is missing, row 16 came once more", process.stderr)

    def test_a_run_that_went_on_on_other_ranks(self):
        self.train(2, "--set", "epochs=2")
        process = alone("resume", f"{self.runs}/kept-1", "--set", "epochs=4", "--other-bits", "--quiet")
        self.assertEqual(process.returncode, 0, process.stderr)
        found = result_of(alone("audit", f"{self.runs}/kept-2", "--json"))
        self.assertEqual((found["passed"], found["epochs"], found["inherited_epochs"]), (True, 2, 2))


if __name__ == "__main__":
    unittest.main()
