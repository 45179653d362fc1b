#!/usr/bin/env python3
"""Runs clang-tidy with .clang-tidy over every source of ours that a build folder compiles, several at once; not over device code,
whose compile commands are nvcc's. A source that was clean is looked at again when it, a header of it, its flags, the rules or clang-tidy
have changed: all of them take an hour and a half of processor time."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess

import source_tree

FOLDERS = ("framework", "stages", "examples", "pipelines")
CLEAN = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "millrace/tidy"


def add_build(parser):
    parser.add_argument("--build", required=True, type=pathlib.Path, help="build folder with compile_commands.json")
    parser.add_argument("--clean", type=pathlib.Path, default=CLEAN, help=f"remembers what was clean; default: {CLEAN}")


def preprocessing(command):
    """The compile command as one that prints what clang-tidy would read, with macros and the comments that silence it, without paths."""
    words = command.get("arguments") or shlex.split(command["command"])
    output = words.index("-o")
    return [w for w in words[:output] + words[output + 2:] if w != "-c"] + ["-E", "-P", "-CC", "-dD"]


def flags(command):
    """What of the compile command decides what is reported and is not in the text."""
    words = command.get("arguments") or shlex.split(command["command"])
    return " ".join(w for w in words if w.startswith(("-W", "-f", "-m", "-std", "-O"))).encode()


class Tidy:
    def __init__(self, args):
        self.args = args
        version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
        self.rules = version + (args.root / ".clang-tidy").read_bytes()
        args.clean.mkdir(parents=True, exist_ok=True)

    def mark(self, commands, path):
        """The file that says that this very text was clean, in each way in which it is compiled; none when it cannot be read."""
        texts = [self.rules, str(path.relative_to(self.args.root)).encode()]
        for command in commands:
            read = subprocess.run(preprocessing(command), cwd=command["directory"], capture_output=True, check=False)
            if read.returncode:
                return None
            texts += [flags(command), read.stdout]
        return self.args.clean / hashlib.sha256(b"\0".join(texts)).hexdigest()

    def problems(self, commands, path):
        mark = self.mark(commands, path)
        if mark and mark.exists():
            return None
        done = subprocess.run(["clang-tidy", "--quiet", "-p", str(self.args.build), str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{path}\n{done.stdout}"
        if mark:
            mark.touch()
        return None


def main():
    args = source_tree.arguments(__doc__, add_build)
    commands = json.loads(source_tree.text(args.build / "compile_commands.json"))
    by_path = {}
    for command in commands:
        by_path.setdefault(pathlib.Path(command["directory"], command["file"]).resolve(), []).append(command)
    ours = sorted(p for p in by_path if p.suffix != ".cu" and any(p.is_relative_to(args.root / f) for f in FOLDERS))
    tidy = Tidy(args)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(lambda path: tidy.problems(by_path[path], path), ours) if p]
    source_tree.finish("clang-tidy", problems, len(ours))


if __name__ == "__main__":
    main()
