#!/usr/bin/env python3
"""An exported model in ONNX Runtime, on all test images of MNIST: the same classes and, to 1e-5, the same probabilities as Millrace.
`tools/test --web` runs it. Exits with 77 where npm cannot install the runtime or the images are not here."""
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PIPELINE_RUN", str(ROOT / "build" / "release" / "bin" / "pipeline-run"))
WEB = pathlib.Path(os.environ.get("MILLRACE_WEB", str(ROOT / "build" / "web")))
RUNTIME = "onnxruntime-web@1.30.0"
IMAGES, CLASSES, TOLERANCE = 10000, 10, 1e-5
PREDICT = """version: 1
name: predict
epochs: 1
device: cpu
graph:
  valid:   {{stage: idx_loader, with: {{dataset: mnist, split: test}}}}
  flat:    {{stage: flatten, in: valid.images}}
  inputs:  {{stage: normalize, in: flat, with: {normalize}}}
  batches: {{stage: batcher, in: {{inputs: inputs}}, with: {{batch_size: 1000}}}}
  saved:
    stage: saved_model
    with:
      file: {file}
      loss: categorical_crossentropy
      model: {model}
  predict: {{stage: predictor, in: {{data: batches, model: saved.model}}}}
  show:    {{stage: print, in: {{in: predict}}, with: {{rows: 10000}}}}
"""

TRAIN = """version: 1
extends: {base}
name: other
epochs: 1
device: cpu
chains:
  rows: [flatten, normalize: {normalize}]
graph:
  learn: {{with: {{model: {model}}}}}
"""
# What is done with rows, and layers. The last way goes through float64: its mean is far outside of the bytes.
WAYS = [
    ("{scale: 1/255}", "[dense: {units: 512, activation: relu}, dense: {units: 512, activation: relu}, dense: {units: 10, activation: softmax}]"),
    ("{mean: 33.3184, std: 78.5675}", "[dense: {units: 64, activation: tanh}, dropout: {rate: 0.2}, dense: {units: 32, activation: sigmoid, use_bias: false}, dense: {units: 10, activation: softmax}]"),
    ("{mean: 600, std: 300}", "[dense: {units: 64}, dense: {units: 10, activation: softmax}]"),
]


def skip(why):
    print(f"SKIPPED: {why}", file=sys.stderr)
    sys.exit(77)


def program(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=1200)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def images():
    data = pathlib.Path(os.environ.get("MILLRACE_DATA_DIR", ROOT / "data")) / "mnist" / "t10k-images-idx3-ubyte.gz"
    if not data.exists():
        skip(f"{data} is not there; `pipeline-run fetch mnist` brings it")
    with gzip.open(data) as file:
        return file.read()[16:]


def install():
    """The runtime, from the registry that npm is set up for; no script of a package is run."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip("node and npm are not installed")
    if (WEB / "node_modules" / "onnxruntime-web").exists():
        return
    WEB.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(WEB), RUNTIME],
                              capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        skip("npm did not install the runtime within five minutes")
    if done.returncode != 0:
        skip(f"npm cannot install {RUNTIME}: {done.stderr.strip()}")


def runtime_answers(folder, model, rows):
    (folder / "rows.bin").write_bytes(rows)
    subprocess.run(["node", str(ROOT / "tests" / "web" / "onnx_rows.mjs"), str(WEB), model, str(folder / "rows.bin"),
                    str(folder / "out.json")], check=True, timeout=600)
    return json.loads((folder / "out.json").read_text(encoding="utf-8"))


def own_probabilities(folder, checkpoint, way):
    config = folder / "predict.yaml"
    config.write_text(PREDICT.format(file=json.dumps(checkpoint), normalize=way[0], model=way[1]), encoding="utf-8")
    text = program(str(config), "--no-keep", "--quiet")
    return [row for line in text.splitlines() if "[[" in line for row in json.loads(line[line.index("[["):])]


def labels():
    path = pathlib.Path(os.environ.get("MILLRACE_DATA_DIR", ROOT / "data")) / "mnist" / "t10k-labels-idx1-ubyte.gz"
    with gzip.open(path) as file:
        return file.read()[8:]


def compare(answers, own, accuracy):
    classes, flat = answers["outputs"]["class"], answers["outputs"]["probabilities"]
    assert len(classes) == len(own) == IMAGES, (len(classes), len(own))
    theirs = [flat[i * CLASSES:(i + 1) * CLASSES] for i in range(IMAGES)]
    furthest = max(abs(a - b) for x, y in zip(theirs, own) for a, b in zip(x, y))
    others = sum(row.index(max(row)) != c for row, c in zip(own, classes))
    right = sum(a == b for a, b in zip(labels(), classes)) / IMAGES
    print(f"ONNX Runtime {answers['version']} on {IMAGES} images: accuracy {right}, val_accuracy of the run {accuracy}; "
          f"{others} other classes; probabilities differ by {furthest:.3g} at most")
    assert others == 0
    assert furthest <= TOLERANCE
    assert abs(right - accuracy) < 1e-9


def check(way, rows):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        runs, model, config = str(folder / "runs"), str(folder / "model.onnx"), folder / "train.yaml"
        config.write_text(TRAIN.format(base=ROOT / "configs" / "mnist_mlp.yaml", normalize=way[0], model=way[1]), encoding="utf-8")
        run = json.loads(program(str(config), "--runs", runs, "--json"))
        exported = json.loads(program("export", "last", "--runs", runs, "-o", model, "--json"))
        print("; ".join(way), end=": ")
        compare(runtime_answers(folder, model, rows), own_probabilities(folder, exported["checkpoint"], way),
                run["epochs"][-1]["val_accuracy"])


def main():
    rows = images()
    install()
    for way in WAYS:
        check(way, rows)


main()
