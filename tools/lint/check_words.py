#!/usr/bin/env python3
"""Checks names and words: files say what they hold, by their names and in their first line, no text speaks of a machine or a place that
its reader does not have, and the spelling is American."""
import functools
import itertools
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
# British spellings. A point in a word keeps the list from finding itself; what begins with a word counts too (`colo.urs`).
IZE_STEMS = """author capital categor character custom discret emphas factor final formal general initial item linear local material maxim memor minim
    modern normal optim organ parallel parametr priorit quant random real recogn regular serial special stabil standard summar symbol synchron token
    util vector visual""".split()
BRITISH_WORDS = """behavio.ur colo.ur favo.ur flavo.ur hono.ur labo.ur neighbo.ur endeavo.ur cancell.ed cancell.ing labell.ed labell.ing levell.ed
    modell.ed modell.ing signall.ed signall.ing travell.ed travell.ing tunnell.ed marshall.ed fuell.ed totall.ed channell.ed misspel.t spoil.t spel.t learn.t
    burn.t dream.t gre.y cent.re fib.re lit.re theat.re calib.re licen.ce defen.ce offen.ce toward.s afterward.s backward.s whil.st among.st
    catalog.ue analy.sed analy.ser analy.sing artef.act judg.ement practi.se skilf.ul""".split()
BRITISH = re.compile("|".join([rf"(?:de|re|un)?(?:{'|'.join(IZE_STEMS)})is(?:e[drs]?|ers|ing|ations?)(?![a-z])",
                               *(word.replace(".", "") for word in BRITISH_WORDS)]))
# Words that users of other programs write and are answered, and old names that the changelog tells.
FOREIGN_SPELLINGS = {
    "CHANGELOG.md": {"normalis.ed", "licen.ce"},
    "pipelines/diagnostics/suggestions.cpp": {"normalis.e", "optimis.er"},
    "tests/framework/core_test.cpp": {"normalis.e"},
    "tests/pipelines/command/guesses_test.py": {"normalis.e"},
    "tests/pipelines/command/test_stage_test.py": {"normalis.e"},
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


def opening_lines(text):
    return [line.lstrip("/") for line in itertools.takewhile(lambda line: line.startswith("//"), text.splitlines())]


def opening(path, text):
    """The comment that a file begins with, up to its first other line."""
    if path.parts[0] not in OPENED_FOLDERS or path.suffix not in OPENED_SUFFIXES:
        return []
    comment = [word for line in opening_lines(text) for word in line.split() if re.search("[A-Za-z]", word)]
    return [] if len(comment) >= LEAST_WORDS else [f"{path}:1: does not open with a `//` sentence that says what the file is for"]


def repeated_opening(root, path, text):
    """A source that opens with the very words, or the first of the words, that its header opens with."""
    header = root / path.with_suffix(".hpp")
    if path.suffix not in (".cpp", ".cu") or not header.is_file():
        return []
    own, of_header = (re.findall(r"\w+", " ".join(opening_lines(t)).lower()) for t in (text, source_tree.text(header)))
    repeats = own and of_header[:len(own)] == own
    return [f"{path}:1: opens with the words of its header; a source says how, or why"] if repeats else []


@functools.lru_cache(maxsize=None)
def british(word):
    """The British beginning of a word of letters, or None."""
    match = BRITISH.match(word)
    return match.group(0) if match else None


def spelling(path, text):
    allowed = {word.replace(".", "") for word in FOREIGN_SPELLINGS.get(path.as_posix(), ())}
    wrong = {word for word in set(re.findall("[A-Za-z]+", text)) if british(word.lower()) and british(word.lower()) not in allowed}
    if not wrong:
        return []
    return [f"{path}:{number}: `{word[:len(british(word.lower()))]}` is British spelling" for number, line in enumerate(text.splitlines(), 1)
            for word in re.findall("[A-Za-z]+", line) if word in wrong]


def words(path, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FOREIGN_WORDS.items():
            match = re.search(pattern, line)
            if match:
                found.append(f"{path}:{number}: `{match.group(0)}` is {what}")
    return found + spelling(path, text)


def main():
    root = source_tree.arguments(__doc__).root
    problems, looked_at = [], 0
    for path in source_tree.files(root):
        looked_at += 1
        problems += names(path)
        if path.name not in UNCHECKED and not path.name.endswith(BINARY_SUFFIXES) and "corpus" not in path.parts:
            text = source_tree.text(root / path)
            problems += words(path, text) + opening(path, text) + repeated_opening(root, path, text)
    source_tree.finish("check_words", problems, looked_at)


if __name__ == "__main__":
    main()
