"""What the scripts of this folder share: running pipeline-run, and saying on which machine, how and from which commit."""
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Runs are kept, as they are for everybody, in a folder that goes with the script.
KEPT_RUNS = tempfile.TemporaryDirectory(prefix="millrace-runs-")
os.environ.setdefault("MILLRACE_RUNS", KEPT_RUNS.name)


def add_arguments(parser):
    parser.add_argument("--pipeline-run", default=str(ROOT / "build/release/bin/pipeline-run"), help="the program to measure")
    parser.add_argument("--json", type=pathlib.Path, help="also write the results there")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"


def commit():
    """The commit's hash, with `+` when files differ from it."""
    def git(*words):
        try:
            return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        except OSError:  # a machine that is there to be measured may have none
            return ""
    return (git("rev-parse", "--short=12", "--verify", "-q", "HEAD") or "no commit") + ("+" if git("status", "--porcelain") else "")


def header():
    return {
        "machine": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "command": " ".join([os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]]),
        "commit": commit(),
    }


def print_header():
    for name, value in header().items():
        print(f"{name}: {value}", flush=True)


def run(program, config, overrides, environment=None):
    """The JSON of one run; a run that fails ends the whole script with its message."""
    command = [program, str(config), "--json", "--quiet"]
    for path, value in overrides.items():
        command += ["--set", f"{path}={value}"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr or done.stdout}")
    return json.loads(done.stdout)


def write_json(path, results):
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**header(), **results}, indent=1) + "\n", encoding="utf-8")
