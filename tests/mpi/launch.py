"""Starts pipeline-run on several ranks with mpirun: the path of the program is in PIPELINE_RUN, mpirun's in MPIRUN."""
import json
import os
import subprocess
import time

import kept_runs  # for what it does

PROGRAM = os.environ["PIPELINE_RUN"]
MPIRUN = os.environ["MPIRUN"]
HERE = os.path.dirname(os.path.abspath(__file__))
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
POINTS = os.path.join(HERE, "points.yaml")


def launch(ranks, *arguments, others=None, timeout=60, env=None, env_of_others=None, folders=None):
    """Runs `ranks` processes; `others`: the arguments of all but rank 0, when they differ; `timeout`: seconds that a rank may
    keep the others waiting; `env_of_others`: what their environment has besides `env`; `folders`: those in
    which rank 0 and the others are started. Adds `seconds` to the result."""
    if (env_of_others or folders) and others is None:
        others = arguments
    wdirs = [["-wdir", folder] for folder in folders] if folders else [[], []]
    first = 1 if others is not None else ranks
    command = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-np", str(first), *wdirs[0], PROGRAM, *arguments]
    if others is not None:
        variables = ["env", *(f"{name}={value}" for name, value in (env_of_others or {}).items())]
        command += [":", "-np", str(ranks - 1), *wdirs[1], *(variables if env_of_others else []), PROGRAM, *others]
    env = {**os.environ, **AS_ROOT, "MILLRACE_PEER_TIMEOUT": str(timeout), **(env or {})}
    began = time.monotonic()
    process = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    process.seconds = time.monotonic() - began
    return process


def alone(*arguments, env=None):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **AS_ROOT, **(env or {})})


def result_of(process):
    """The one JSON object on standard output, which only rank 0 writes."""
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) == 1, process.stdout
    return json.loads(lines[0])
