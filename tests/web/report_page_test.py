#!/usr/bin/env python3
"""What html-validate and axe say of report.html, of a run that sorts into classes, one that gives quantities and one that has failed, with hostile names, and of a
comparison. `tools/test --web` runs it. Exits with 77 where npm cannot install them."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PIPELINE_RUN", str(ROOT / "build" / "release" / "bin" / "pipeline-run"))
WEB = pathlib.Path(os.environ.get("MILLRACE_WEB", str(ROOT / "build" / "web"))) / "pages"
PACKAGES = ["html-validate@10.17.0", "axe-core@4.14.1", "jsdom@29.1.1"]
NAMES = ["<script>alert(1)</script>", "\"'&", "\u4e2d\u6587", "d" * 90, *"efghij"]
CLASSES = """version: 1
name: {name}
epochs: 3
device: cpu
chains:
  prep: [flatten, normalize: {{scale: 1/255}}]
graph:
  train: {{stage: idx_loader, with: {{images: x-images, labels: x-labels}}}}
  inputs: {{chain: prep, in: train.images}}
  targets: {{stage: one_hot, in: train.labels, with: {{classes: {names}}}}}
  batches: {{stage: batcher, in: {{inputs: inputs, targets: targets}}, with: {{batch_size: 8}}}}
  valid: {{stage: idx_loader, with: {{images: v-images, labels: v-labels}}}}
  vinputs: {{chain: prep, in: valid.images}}
  vtargets: {{stage: one_hot, in: valid.labels, with: {{classes: {names}}}}}
  vbatches: {{stage: batcher, in: {{inputs: vinputs, targets: vtargets}}, with: {{batch_size: 8}}}}
  learn: {{stage: trainer, in: batches, with: {{model: [dense: {{units: 10, activation: softmax}}], loss: categorical_crossentropy}}}}
  check: {{stage: evaluator, in: {{data: vbatches, model: learn.model}}}}
"""


def skip(why):
    print(f"SKIPPED: {why}", file=sys.stderr)
    sys.exit(77)


def install():
    """From the registry that npm is set up for; no script of a package is run."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip("node and npm are not installed")
    if all((WEB / "node_modules" / package.rsplit("@", 1)[0]).exists() for package in PACKAGES):
        return
    WEB.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(WEB), *PACKAGES],
                              capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        skip("npm did not install html-validate and axe within five minutes")
    if done.returncode != 0:
        skip(f"npm cannot install {', '.join(PACKAGES)}: {done.stderr.strip()}")


def program(folder, *arguments, code=0):
    done = subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != code:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")


def made(folder):
    """Pages of runs, in `folder`."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from idx_files import write_images
    write_images(folder, "x", 200)
    write_images(folder, "v", 90)
    config = pathlib.Path(folder) / "classes.yaml"
    config.write_text(CLASSES.format(name=json.dumps("<b>&\"' \u4e2d"), names=json.dumps(NAMES)), encoding="utf-8")
    line = str(ROOT / "configs" / "linear_fit.yaml")
    program(folder, str(config), "--runs", "a")
    program(folder, line, "--runs", "b")
    program(folder, line, "--runs", "c", "-s", "learn.optimizer.sgd.learning_rate=1e30", code=8)
    for runs in "abc":
        program(folder, "report", "last", "--runs", runs, "--html", "-o", f"{runs}.html")
    program(folder, "compare", "b/linear_fit-1", "c/linear_fit-1", "--html", "-o", "both.html")
    return [str(pathlib.Path(folder) / f"{name}.html") for name in ("a", "b", "c", "both")]


def main():
    install()
    with tempfile.TemporaryDirectory() as folder:
        pages = made(folder)
        valid = subprocess.run([str(WEB / "node_modules" / ".bin" / "html-validate"), "--preset", "standard", *pages], cwd=WEB, check=False, timeout=300)
        print(f"html-validate: {len(pages)} pages, exit {valid.returncode}")
        axe = subprocess.run(["node", str(ROOT / "tests" / "web" / "axe_page.mjs"), str(WEB), *pages], check=False, timeout=300)
    sys.exit(valid.returncode or axe.returncode)


main()
