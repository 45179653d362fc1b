"""Validation rows of a run over several ranks: rank 0 judges all of them when the run has finished, and comes to what one rank alone comes to."""
import json
import pathlib
import tempfile
import unittest

from launch import alone, launch

ROWS = 90
CONFIG = f"""version: 1
name: kept
seed: 3
epochs: 3
device: cpu
graph:
  rows:    {{stage: table_source, with: {{dtypes: {{y: i32}}, columns: &rows {{x: {[i % 30 for i in range(ROWS)]}, y: {[i % 30 // 10 for i in range(ROWS)]}}}}}}}
  hot:     {{stage: one_hot, in: rows.y, with: {{classes: 3}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: hot}}, with: {{batch_size: 8}}}}
  learn:   {{stage: trainer, in: batches, with: {{reduction: ordered, model: [dense: {{units: 3, activation: softmax}}], loss: categorical_crossentropy, optimizer: {{adam: {{}}}}}}}}
  all:     {{stage: table_source, with: {{dtypes: {{y: i32}}, columns: *rows}}}}
  hot_all: {{stage: one_hot, in: all.y, with: {{classes: 3}}}}
  tests:   {{stage: batcher, in: {{inputs: all.x, targets: hot_all}}, with: {{batch_size: 32}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss, accuracy]}}}}
"""


class ValidationOverRanks(unittest.TestCase):
    def test_two_ranks_come_to_what_one_comes_to(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/kept.yaml", "w", encoding="utf-8") as file:
                file.write(CONFIG)
            words = [f"{folder}/kept.yaml", "--runs", f"{folder}/runs", "--quiet"]
            for process in (alone(*words), launch(2, *words)):
                self.assertEqual(process.returncode, 0, process.stderr)
            one, two = (pathlib.Path(f"{folder}/runs/kept-{number}/current/validation.json").read_text(encoding="utf-8") for number in (1, 2))
            self.assertEqual(one, two)
            self.assertEqual(json.loads(two)["models"][0]["rows"], ROWS)
            with open(f"{folder}/runs/kept-2/metrics.jsonl", encoding="utf-8") as file:
                epochs = [line["values"] for line in map(json.loads, file) if line["kind"] == "epoch"]
            self.assertEqual(json.loads(two)["models"][0]["accuracy"], epochs[-1]["val_accuracy"])


if __name__ == "__main__":
    unittest.main()
