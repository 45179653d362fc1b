#!/usr/bin/env python3
"""Checks that each public header compiles alone, the C one as C too, with all warnings."""
import concurrent.futures
import os
import subprocess

import source_tree

INCLUDE = "framework/include"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wold-style-cast", "-Werror", "-Wno-pragma-once-outside-header"]


def add_compiler(parser):
    parser.add_argument("--cxx", default="c++", help="the C++ compiler")


def commands(cxx, root, path):
    base = [cxx, "-fsyntax-only", f"-I{root / INCLUDE}"]
    include = ["-include", str(root / path), "-"]
    yield base + WARNINGS + ["-std=c++20", "-x", "c++"] + include
    if path.suffix == ".h":
        yield base + ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=c99", "-x", "c"] + include


def problem_of(command):
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{' '.join(command)}\n{done.stderr}"


def main():
    args = source_tree.arguments(__doc__, add_compiler)
    headers = [p for p in source_tree.files(args.root, (".hpp", ".h")) if p.as_posix().startswith(INCLUDE + "/")]
    todo = [c for path in headers for c in commands(args.cxx, args.root, path)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(problem_of, todo) if p]
    source_tree.finish("check_headers", problems, len(headers))


if __name__ == "__main__":
    main()
