"""Sizes that one can look over: a source has at most 400 lines, a folder at most 25 sources and headers."""
import collections

MOST_LINES = 400
MOST_FILES = 25
# One self-registering file each: the list of files is the list of what there is.
LISTS = ("stages", "pipelines/command/verbs")


def problems(sources):
    for path, text in sources.items():
        lines = len(text.splitlines())
        if lines > MOST_LINES:
            yield f"{path}: has {lines} lines; at most {MOST_LINES}: find the two stories that it tells"
    for folder, count in collections.Counter(path.parent.as_posix() for path in sources).items():
        if count > MOST_FILES and folder not in LISTS:
            yield f"{folder}: holds {count} sources and headers; at most {MOST_FILES}: give some a room of their own"
