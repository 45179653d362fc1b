#!/usr/bin/env python3
"""Checks what the .md files quote: files and links exist, symbols and options occur in the sources, presets exist, and
quoted pipeline-run commands are accepted (training ones with --dry-run, fetch with --help)."""
import json
import re
import shlex
import subprocess

import source_tree

TOP_FOLDERS = {"framework", "stages", "examples", "pipelines", "configs", "tests", "tools", ".ci"}
FILE_SUFFIXES = (".hpp", ".cpp", ".py", ".yaml", ".cmake", ".md", ".h", ".json", ".txt")
SOURCE_SUFFIXES = source_tree.CPP_SUFFIXES + (".cmake", "CMakeLists.txt", ".yaml", ".py", ".in", ".json", ".sh")
# Made-up names with which CONTRIBUTING.md explains how things are called.
EXAMPLES = {"PascalCase", "snake_case", "kName", "MILLRACE_NAME", "MILLRACE_*", "x.cpp", "x_test.cpp", "timeout_ms"}
# Files that the program makes: pipelines/record/folder/run_parts.hpp.
RUN_PARTS = {"config.yaml", "environment.json", "log.txt", "summary.json", "validation.json", "current/summary.json", "capsule.json"}
SHELL_STOPS = {"|", ">", "2>", ">>", "&&", ";", "#"}


class Tree:
    """What the documents may speak of."""

    def __init__(self, root):
        self.root = root
        self.paths = {p.as_posix() for p in source_tree.files(root)}
        self.folders = {parent.as_posix() for p in self.paths for parent in source_tree.pathlib.Path(p).parents}
        self.names = {p.rsplit("/", 1)[-1] for p in self.paths}
        scripts = {p for p in self.paths if p.startswith(("tools/", ".ci/", "tests/")) and "." not in p.rsplit("/", 1)[-1]}
        wanted = [p for p in self.paths if p.endswith(SOURCE_SUFFIXES)] + sorted(scripts)
        self.sources = "\n".join(source_tree.text(root / p) for p in wanted)
        self.words = set(re.findall(r"\w+", self.sources))
        presets = root / "CMakePresets.json"
        self.presets = set()
        if presets.is_file():
            self.presets = {p["name"] for p in json.loads(source_tree.text(presets))["configurePresets"]}

    def has_path(self, path, beside):
        for place in (path, (beside / path).as_posix()):
            place = place.rstrip("/")
            if place in self.paths or place in self.folders:
                return True
            if "*" in place and any(source_tree.pathlib.PurePath(p).match(place) for p in self.paths):
                return True
        return False


class Program:
    """pipeline-run, which says itself what its verbs take and do."""

    def __init__(self, path):
        self.path = path
        done = subprocess.run([path, "help", "--json"], capture_output=True, text=True, timeout=120, check=False)
        # One that does not answer is told by the first command that it is to run.
        verbs = json.loads(done.stdout)["verbs"] if done.returncode == 0 else []
        self.verbs = {verb["name"]: verb for verb in verbs}

    def rehearsal(self, word):
        """What to add to a command that begins with `word`, so that it moves no data and writes nothing."""
        verb = self.verbs.get(word)
        if word in ("--help", "-h", "--version") or (verb and verb["only_looks"]):
            return []
        trains = verb is None or any(option["name"] == "dry-run" for option in verb["options"])  # a config or an option before it, or `run`
        return ["--dry-run"] if trains else ["--help"]

    def is_complete(self, word):
        """Whether `pipeline-run WORD` is a command; a verb that needs a target is only named so in prose."""
        return not self.verbs[word].get("target", {}).get("required") if word in self.verbs else "." in word


def wrong_span(tree, doc, span):
    """What is wrong with the text between two backticks, or None."""
    if span in EXAMPLES | RUN_PARTS:
        return None
    first = span.split()[0] if span.split() else ""
    is_path = re.fullmatch(r"[\w.\-/*]+", first) and "/" in first
    if is_path and first.split("/")[0] in TOP_FOLDERS and not tree.has_path(first, doc.parent):
        return f"there is no {first}"
    if re.fullmatch(r"[\w\-]+(\.[\w]+)+", span) and span.endswith(FILE_SUFFIXES) and span not in tree.names:
        return f"there is no file called {span}"
    # A decision may name what was decided against.
    if "decisions" not in doc.parts and re.fullmatch(r"~?[A-Za-z_]\w*(::\w+)*(\(\))?", span) and re.search(r"::|_|[a-z][A-Z]", span):
        for part in re.findall(r"\w+", span):
            if part not in tree.words and part not in tree.folders and part not in tree.names:
                return f"no source has the name {part}"
    for option in re.findall(r"(?<![\w-])--[a-z][a-z\-]+", span):
        if option not in tree.sources and f'.name = "{option[2:]}"' not in tree.sources:
            return f"no source has the option {option}"
    return None


def code_blocks(text):
    """(line number, language, lines) of each fenced block."""
    block, start, language = None, 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            if block is None:
                block, start, language = [], number, line.strip()[3:].strip()
            else:
                yield start, language, block
                block = None
        elif block is not None:
            block.append(line)


def commands_of(lines, start):
    """(line number, words) of each shell command: without the prompt, comments, pipes and what follows them."""
    for offset, line in enumerate(lines, 1):
        for part in line.split("&&"):
            part = re.sub(r"(^|\s)#.*", "", part).strip().removeprefix("$ ")
            if not part:
                continue
            words = shlex.split(part)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            stop = next((i for i, w in enumerate(words) if w in SHELL_STOPS), len(words))
            if words[:stop]:
                yield start + offset, words[:stop]


def run_pipeline(tree, program, words):
    extra = program.rehearsal(words[1]) if len(words) > 1 else ["--help"]
    done = subprocess.run([program.path] + words[1:] + extra, cwd=tree.root, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return f"`{' '.join(words + extra)}` ends with {done.returncode}: {(done.stderr or done.stdout).strip()[:600]}"
    return None


def wrong_command(tree, program, words):
    name = words[0]
    if name.rsplit("/", 1)[-1] == "pipeline-run":
        return run_pipeline(tree, program, words) if program else None
    if "--preset" in words and words[words.index("--preset") + 1] not in tree.presets:
        return f"CMakePresets.json has no preset {words[words.index('--preset') + 1]}"
    if name.split("/")[0] in TOP_FOLDERS:
        if name not in tree.paths:
            return f"there is no {name}"
        if name == "tools/quickstart":
            return run_pipeline(tree, program, ["pipeline-run", "configs/mnist_mlp.yaml"] + words[1:]) if program else None
        script = source_tree.text(tree.root / name)
        unknown = [w for w in words[1:] if w.startswith("--") and w != "--" and w.split("=")[0] not in script]
        return f"{name} has no option {unknown[0]}" if unknown else None
    return None


def check(tree, doc, program):
    text = source_tree.text(tree.root / doc)
    for start, language, lines in code_blocks(text):
        if language in ("sh", "bash", "console"):
            for number, words in commands_of(lines, start):
                problem = wrong_command(tree, program, words)
                if problem:
                    yield f"{doc}:{number}: {problem}"
    prose = re.sub(r"```.*?```", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)
    for number, line in enumerate(prose.splitlines(), 1):
        for span in re.findall(r"`([^`]+)`", line):
            problem = wrong_span(tree, doc, span)
            if not problem and span.startswith(("pipeline-run ", "tools/", "ctest --preset", "cmake --preset")):
                words = shlex.split(span)
                complete = not re.search(r"[A-Z]{3,}|\.\.\.|\[", re.sub(r"\S*=\S*", "", span)) and len(words) > 1
                if program and words[0] == "pipeline-run" and len(words) == 2:
                    complete = complete and program.is_complete(words[1])
                problem = wrong_command(tree, program, words) if complete else None
            if problem:
                yield f"{doc}:{number}: `{span}`: {problem}"
        for target in re.findall(r"\]\(([^)#:\s]+)\)", line):
            if not tree.has_path(target, doc.parent):
                yield f"{doc}:{number}: link to {target}, which does not exist"


def add_program(parser):
    parser.add_argument("--pipeline-run", help="the program; without it quoted commands are not run")


def main():
    args = source_tree.arguments(__doc__, add_program)
    tree = Tree(args.root)
    docs = source_tree.files(args.root, (".md",))
    program = Program(args.pipeline_run) if args.pipeline_run else None
    problems = [p for doc in docs for p in check(tree, doc, program)]
    source_tree.finish("check_docs", problems, len(docs))


if __name__ == "__main__":
    main()
