#!/usr/bin/env python3
"""Runs clang-tidy with .clang-tidy over every source of ours that a build folder compiles, several at once; not over device code,
whose compile commands are nvcc's."""
import concurrent.futures
import json
import os
import subprocess

import source_tree

FOLDERS = ("framework", "stages", "examples", "pipelines")


def add_build(parser):
    parser.add_argument("--build", required=True, type=source_tree.pathlib.Path, help="build folder with compile_commands.json")


def tidy(build, path):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(path)], capture_output=True, text=True, check=False)
    return f"{path}\n{done.stdout}" if done.returncode else None


def main():
    args = source_tree.arguments(__doc__, add_build)
    commands = json.loads(source_tree.text(args.build / "compile_commands.json"))
    paths = {source_tree.pathlib.Path(c["directory"], c["file"]).resolve() for c in commands}
    ours = sorted(p for p in paths if p.suffix != ".cu" and any(p.is_relative_to(args.root / f) for f in FOLDERS))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(lambda path: tidy(args.build, path), ours) if p]
    source_tree.finish("clang-tidy", problems, len(ours))


if __name__ == "__main__":
    main()
