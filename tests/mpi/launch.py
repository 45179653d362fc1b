"""Starts pipeline-run on several ranks with mpirun: the path of the program is in PIPELINE_RUN, mpirun's in MPIRUN."""
import json
import os
import subprocess
import time

PROGRAM = os.environ["PIPELINE_RUN"]
MPIRUN = os.environ["MPIRUN"]
HERE = os.path.dirname(os.path.abspath(__file__))
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
POINTS = os.path.join(HERE, "points.yaml")


def launch(ranks, *arguments, others=None, timeout=60):
    """Runs `ranks` processes; `others`: the arguments of all but rank 0, when they differ; `timeout`: seconds that a rank may
    keep the others waiting. Adds `seconds` to the result."""
    first = 1 if others is not None else ranks
    command = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-np", str(first), PROGRAM, *arguments]
    if others is not None:
        command += [":", "-np", str(ranks - 1), PROGRAM, *others]
    env = {**os.environ, **AS_ROOT, "MILLRACE_PEER_TIMEOUT": str(timeout)}
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
