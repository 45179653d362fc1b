"""A small training that is kept, and its record: what the tests of going on have in common."""
import glob
import json
import os
import shutil
import unittest

import checkpoint_files
from program import result_of, run

EPOCHS = 4
ROWS = 400  # 100 batches an epoch
CONFIG = f"""version: 1
name: kept
seed: 3
epochs: {EPOCHS}
device: cpu
keep: {{every_steps: 7}}
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 32, columns: &rows {{x: {list(range(ROWS))}, y: {[i % 7 for i in range(ROWS)]}}}}}}}
  small:   {{stage: normalize, in: rows.x, with: {{scale: 1/400}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: rows.y}}, with: {{batch_size: 4}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 16, activation: tanh}}, dropout: {{rate: 0.1}}, dense: {{units: 1}}], loss: mse, optimizer: {{adam: {{}}}}}}}}
  all:     {{stage: table_source, with: {{columns: *rows}}}}
  same:    {{stage: normalize, in: all.x, with: {{scale: 1/400}}}}
  tests:   {{stage: batcher, in: {{inputs: same, targets: all.y}}, with: {{batch_size: 100}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss, mae]}}}}
"""
TIMES = ("seconds", "samples_per_second", "val_seconds")


def lines_of(folder, kind):
    with open(f"{folder}/metrics.jsonl", encoding="utf-8") as lines:
        return [line for line in map(json.loads, lines) if line["kind"] == kind]


def journal(folder):
    """The epochs of a run's journal: number, and values that no clock decides."""
    return [(line["epoch"], {k: v for k, v in line["values"].items() if not k.endswith(TIMES)}) for line in lines_of(folder, "epoch")]


def place(line):
    return line["epoch"], line["batch"]


def cut_back(folder, checkpoint):
    """Makes the run what it was when this line of a checkpoint had been written, and the step behind it made."""
    path = f"{folder}/metrics.jsonl"
    with open(path, encoding="utf-8") as lines:
        kept = [line for line in lines if place(json.loads(line)) < place(checkpoint) or
                (place(json.loads(line)) == place(checkpoint) and json.loads(line)["kind"] != "epoch")]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(kept)
    named = {json.loads(line)["values"].get("path") for line in kept}
    for file in glob.glob(f"{folder}/attempts/*/checkpoints/*"):
        if os.path.relpath(file, folder) not in named:
            os.remove(file)
    if os.path.lexists(f"{folder}/summary.json"):
        os.remove(f"{folder}/summary.json")


def copy_cut_back(whole, folder, checkpoint):
    """A copy of a run that was cut back."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder, symlinks=True)
    cut_back(folder, checkpoint)


def state_bits(folder):
    """Everything that the newest checkpoint holds but for what a clock says: weights, optimizer, count of steps."""
    newest = lines_of(folder, "checkpoint")[-1]["values"]["path"]
    _, tensors = checkpoint_files.read_tensors(f"{folder}/{newest}")
    return {name: value for name, value in tensors.items() if name != "state.epoch"}


def slow_run(folder):
    """A run of the training with steps so slow that the disk takes its checkpoints, some in epochs 1 and 3 and that at the end of epoch 2 at least;
    the folder of the run, and its result."""
    for units in (600, 1200, 2400):
        layer = f"dense: {{units: {units}, activation: tanh}}"
        text = CONFIG.replace("dense: {units: 16, activation: tanh}", f"{layer}, {layer}").replace("every_steps: 7", "every_steps: 40, last: 1000")
        shutil.rmtree(f"{folder}/whole", ignore_errors=True)
        with open(f"{folder}/kept.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        process = run(f"{folder}/kept.yaml", "--runs", f"{folder}/whole", "--json")
        assert process.returncode == 0, process.stderr
        places = [place(line) for line in lines_of(f"{folder}/whole/kept-1", "checkpoint")]
        if {1, 3} <= {epoch for epoch, row in places if row > 0} and (3, 0) in places:
            return f"{folder}/whole/kept-1", result_of(process)
    raise unittest.SkipTest("this disk takes less than a checkpoint in 100 slow steps")
