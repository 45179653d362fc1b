#!/usr/bin/env python3
"""Checks every ELF object in some folders: nothing tells the loader to search the current folder. An empty element of a search
path means that folder, and so does a relative one; a needed library named by a relative path is opened from there."""
import os
import pathlib
import struct

import source_tree

DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 1, 5, 15, 29
PT_LOAD, PT_DYNAMIC = 1, 2
EXECUTABLE, SHARED = b"\2\0", b"\3\0"


def add_folders(parser):
    parser.add_argument("folder", nargs="+", type=pathlib.Path, help="a build tree or an installation")


def segments(data):
    """(type, offset, address, bytes in the file) of each program header of a 64-bit little-endian object."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for i in range(count):
        kind, _, offset, address, _, in_file = struct.unpack_from("<IIQQQQ", data, start + i * size)
        yield kind, offset, address, in_file


def dynamic_texts(data):
    """(tag, text) of what the loader reads of an object: paths it searches, libraries it opens."""
    loads = [s for s in segments(data) if s[0] == PT_LOAD]
    entries = []
    for kind, offset, _, in_file in segments(data):
        if kind == PT_DYNAMIC:
            entries = [struct.unpack_from("<qQ", data, at) for at in range(offset, offset + in_file, 16)]
    table = next((value for tag, value in entries if tag == DT_STRTAB), None)
    if table is None:
        return
    strings = next(offset + table - address for _, offset, address, size in loads if address <= table < address + size)
    for tag, value in entries:
        if tag in (DT_NEEDED, DT_RPATH, DT_RUNPATH):
            yield tag, data[strings + value : data.index(b"\0", strings + value)].decode(errors="replace")


def problems_of(data):
    for tag, text in dynamic_texts(data):
        if tag == DT_NEEDED:
            if "/" in text and not text.startswith("/"):
                yield f"needs `{text}`, which is relative to the current folder"
            continue
        for element in text.split(":"):
            if not element.startswith(("/", "$ORIGIN", "${ORIGIN}")):
                yield f"its search path `{text}` has {'a relative' if element else 'an empty'} element: the current folder"
                break


def objects(folder):
    for where, _, names in os.walk(folder):
        for path in (pathlib.Path(where, name) for name in names):
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                head = file.read(18)
                if head[:6] == b"\x7fELF\x02\x01" and head[16:18] in (EXECUTABLE, SHARED):
                    yield path, head + file.read()


def main():
    args = source_tree.arguments(__doc__, add_folders)
    problems, looked_at = [], 0
    for folder in args.folder:
        for path, data in objects(folder):
            looked_at += 1
            problems += [f"{path}: {problem}" for problem in problems_of(data)]
    source_tree.finish("check_objects", problems, looked_at)


if __name__ == "__main__":
    main()
