#!/usr/bin/env python3
"""Checks names and words: files say what they hold, by their names and in their first line, and no text speaks of a machine or a place that
its reader does not have."""
import re

import source_tree

VAGUE_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "misc"}

# what it is -> pattern. Letters in brackets keep a pattern from finding itself.
FOREIGN_WORDS = {
    "a path of somebody's machine": r"(?<![\w.$}])/(wor[k]|hom[e]|roo[t])/(?!some)[\w.]{3}",
    "a package registry's host name": r"\b(de[b]|securit[y]|archiv[e]|registr[y]|pyp[i]|file[s]\.pythonhosted|ft[p])\.[a-z0-9-]+\.(org|com|net|io)\b"
                                      r"|\bpyp[i]\.org\b",
    "a word about how the text came to be": r"\b([Ss]essio[n]s?|[Aa]gen[t]s?|[Cc]hatbo[t]s?)\b",
}
UNCHECKED = {"LICENSE"}
# Where each C++ file opens with a sentence, and what counts as one.
OPENED_FOLDERS = {"framework", "stages", "pipelines", "examples", "tests", "tools"}
OPENED_SUFFIXES = (".cpp", ".hpp", ".cu", ".cuh")
LEAST_WORDS = 3
BINARY_SUFFIXES = (".gz", ".png", ".bin")


def names(path):
    parts = [p for name in path.parts for p in re.split(r"[_.\-]", name.lower())]
    return [f"{path}: `{p}` says nothing; name the thing" for p in parts if p in VAGUE_NAMES]


def opening(path, text):
    """The comment that a file begins with, up to its first other line."""
    if path.parts[0] not in OPENED_FOLDERS or path.suffix not in OPENED_SUFFIXES:
        return []
    comment = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        comment += [word for word in line.lstrip("/").split() if re.search("[A-Za-z]", word)]
    return [] if len(comment) >= LEAST_WORDS else [f"{path}:1: does not open with a `//` sentence that says what the file is for"]


def words(path, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FOREIGN_WORDS.items():
            match = re.search(pattern, line)
            if match:
                found.append(f"{path}:{number}: `{match.group(0)}` is {what}")
    return found


def main():
    root = source_tree.arguments(__doc__).root
    problems, looked_at = [], 0
    for path in source_tree.files(root):
        looked_at += 1
        problems += names(path)
        if path.name not in UNCHECKED and not path.name.endswith(BINARY_SUFFIXES) and "corpus" not in path.parts:
            text = source_tree.text(root / path)
            problems += words(path, text) + opening(path, text)
    source_tree.finish("check_words", problems, looked_at)


if __name__ == "__main__":
    main()
