"""A program with a stage of the meddling plugin in it, whose path is in MEDDLING_PLUGIN."""
import os

from program import run

MEDDLING = os.environ["MEDDLING_PLUGIN"]
CONFIG = """version: 1
name: meddled
epochs: 2
threads: 1
device: cpu
graph:
  points:
    stage: table_source
    with: {block_rows: 2, columns: {x: [[0.1, 1], [1, 0.3], [2, 1], [3, 2.7], [4, 1], [5, 0.9], [6, 3]], y: [1, 0, 3, 5, 2, 0, 9]}}
  meddled: {stage: meddling, in: points.x}
  batches: {stage: batcher, in: {inputs: meddled, targets: points.y}, with: {batch_size: 3}}
  learn: {stage: trainer, in: batches, with: {model: [dense: {units: 9, activation: tanh}, dense: {units: 1}], loss: mse}}
  show: {stage: print, in: {model: learn.model}}
"""


def meddled(*arguments, env=None):
    return run("-", "--plugin", MEDDLING, "--json", *arguments, env=env, input=CONFIG)
