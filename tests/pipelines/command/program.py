"""Runs pipeline-run for the tests: the path of the program is in PIPELINE_RUN, the current folder is the repository's root."""
import json
import os
import subprocess

import kept_runs  # for what it does

PROGRAM = os.environ["PIPELINE_RUN"]
TINY = "configs/linear_fit.yaml"


def run(*arguments, env=None, timeout=120, **more):
    """Returns the finished process; output as text."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})}, **more)


def verbs():
    """Every verb with its target, options and examples, as the program says."""
    return result_of(run("help", "--json"))["verbs"]


def result_of(process):
    """The one JSON object on standard output."""
    lines = process.stdout.splitlines()
    assert len(lines) == 1, process.stdout
    return json.loads(lines[0])
