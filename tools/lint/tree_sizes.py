"""Sizes that one can look over: a source has at most 400 lines, a folder at most 25 sources and headers. Tests and tools too, with their
programs in Python and for the shell."""
import collections

import source_tree

MOST_LINES = 400
MOST_FILES = 25
# The list of files is the list of what there is: self-registering stages and verbs, and the headers that programs of others include by their names.
LISTS = ("stages", "pipelines/command/verbs", "framework/include/millrace")


def programs(root):
    """The text of each file of tests and tools that somebody has written to be run or compiled."""
    for path in source_tree.files(root, None):
        if path.parts[0] not in ("tests", "tools") or path.suffix not in ("", ".py", *source_tree.CPP_SUFFIXES):
            continue
        text = source_tree.text(root / path)
        if path.suffix or text.startswith("#!"):
            yield path, text


def problems(sources):
    for path, text in sources.items():
        lines = len(text.splitlines())
        if lines > MOST_LINES:
            yield f"{path}: has {lines} lines; at most {MOST_LINES}: find the two stories that it tells"
    for folder, count in collections.Counter(path.parent.as_posix() for path in sources).items():
        if count > MOST_FILES and folder not in LISTS:
            yield f"{folder}: holds {count} sources and headers; at most {MOST_FILES}: give some a room of their own"
