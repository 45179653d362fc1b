#!/usr/bin/env python3
"""Whoever builds `pipeline-run` alone has what it opens beside it: `program_target_test.py BUILD NINJA NAME...` asks Ninja what that
target needs, which must be NAME.so of each name."""
import pathlib
import subprocess
import sys

build, ninja, names = sys.argv[1], sys.argv[2], sys.argv[3:]
if not pathlib.Path(build, "build.ninja").is_file():
    print("SKIPPED: the build folder is not Ninja's")
    sys.exit(77)
inputs = subprocess.run([ninja, "-C", build, "-t", "inputs", "pipeline-run"], capture_output=True, text=True, check=True).stdout
made = {pathlib.PurePath(line).name for line in inputs.splitlines()}
missing = [name for name in names if f"{name}.so" not in made]
print(f"a build of pipeline-run lacks: {', '.join(missing)}" if missing else "a build of pipeline-run brings all it opens")
sys.exit(1 if missing else 0)
