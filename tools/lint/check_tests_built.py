#!/usr/bin/env python3
"""Checks that every test is run: each *_test.cpp is compiled by the build it is given or, like each *_test.py and *_test.cmake,
named in the CMakeLists.txt beside it, which may build it only where a library is there, or in tools/test, which runs it when it is asked to."""
import json

import source_tree


def add_build(parser):
    parser.add_argument("--build", required=True, type=source_tree.pathlib.Path, help="build folder with compile_commands.json")


def compiled(build):
    commands = json.loads(source_tree.text(build / "compile_commands.json"))
    return {str(source_tree.pathlib.Path(c["directory"], c["file"]).resolve()) for c in commands}


def main():
    args = source_tree.arguments(__doc__, add_build)
    built = compiled(args.build)
    script = args.root / "tools/test"
    problems, looked_at = [], 0
    for path in source_tree.files(args.root, ("_test.cpp", "_test.py", "_test.cmake")):
        looked_at += 1
        if path.suffix == ".cpp" and str(args.root / path) in built:
            continue
        lists = args.root / path.parent / "CMakeLists.txt"
        if lists.is_file() and path.name in source_tree.text(lists):
            continue
        if script.is_file() and str(path) in source_tree.text(script):
            continue
        problems.append(f"{path}: no build or test runs it; add it to {path.parent}/CMakeLists.txt")
    source_tree.finish("check_tests_built", problems, looked_at)


if __name__ == "__main__":
    main()
