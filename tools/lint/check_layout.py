#!/usr/bin/env python3
"""Checks that layout.hpp counts every type of the public headers that crosses between a plugin and the engine, and every enumerator."""
import re

import source_tree

INCLUDE = "framework/include/millrace"
LAYOUT = f"{INCLUDE}/layout.hpp"
# Headers whose types no plugin of others makes, takes or calls: those of layout.hpp itself, of tests, of who runs stages, and of the stages of this build.
NOT_ACROSS = {f"{INCLUDE}/{name}.hpp" for name in (
    "layout", "predictor", "files/kept_checkpoints", "files/journal_damage", "files/model_use", "files/event_file", "files/npy", "files/proto_writer", "testing/infer_error", "testing/stage_suite", "testing/stage_tester", "testing/suite_case", "detail/file_calls", "detail/node_context", "detail/param_check", "detail/port_table", "detail/positioned_source",
    "detail/stage_call", "detail/written_value")}
# What registry.hpp adds: the type of the note's own file.
BEHIND = f"{INCLUDE}/registry.hpp"
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
SCOPE = re.compile(
    r"(?P<enum>enum class\s+(?P<enum_name>\w+)[^;{}()]*\{(?P<values>[^}]*)\})"
    r"|(?P<template>template\s*<[^;{}]*?>\s*(?=class|struct))?(?P<key>class|struct)\s+(?:MILLRACE_EXPORT\s+)?(?P<name>[\w:]+)(?:\s+final)?\s*(?::[^;{}()]*)?\{"
    r"|namespace\s+(?P<space>[\w:]*)\s*\{|(?P<access>public|private|protected)\s*:(?!:)|(?P<open>\{)|(?P<close>\})")


def body(text, start):
    """What stands in the braces that were opened before `start`."""
    depth = 1
    for match in re.finditer(r"[{}]", text[start:]):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return text[start:start + match.start()]
    return text[start:]


def declarations(text):
    """(line, name, enumerators, is_virtual) of each type that others may name, without those in functions and templates. enumerators
    is None for a class, and is_virtual says whether it has virtual functions of its own."""
    blank = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    blank = re.sub(r"^\s*#.*(?:\\\n.*)*", lambda m: re.sub(r"[^\n]", " ", m.group()), blank, flags=re.M)
    scopes = []  # [name, whether others see what is in it]
    for match in SCOPE.finditer(blank):
        line = blank.count("\n", 0, match.start()) + 1
        seen = all(scope[1] for scope in scopes)
        prefix = "".join(f"{scope[0]}::" for scope in scopes if scope[0])
        if match["enum"]:
            if seen:
                names = [v.split("=")[0].strip() for v in match["values"].split(",")]
                yield line, prefix + match["enum_name"], [n for n in names if n], False
        elif match["key"]:
            if seen and not match["template"]:
                yield line, prefix + match["name"], None, bool(re.search(r"\bvirtual\b", body(blank, match.end())))
            scopes.append([match["name"], match["key"] == "struct" and not match["template"]])
        elif match["space"] is not None:
            scopes.append(["", True])
        elif match["access"]:
            if scopes:
                scopes[-1][1] = match["access"] == "public"
        elif match["open"]:
            scopes.append(["", False])
        elif scopes:
            scopes.pop()


def problems(headers):
    """`headers`: the text of each public header."""
    layout = headers[LAYOUT]
    types = set(re.findall(r"type<([\w:]+)>", layout + headers.get(BEHIND, "")))
    aliases = {name: full for name, full in re.findall(r"using (\w+) = ([\w:]+);", layout)}
    types |= {full for name, full in aliases.items() if name in types}
    tables = set(re.findall(r"[\w:]+", " ".join(re.findall(r"TableEnds<([^.>]*)>", layout))))
    values = set(re.findall(r"[\w:]+::\w+", " ".join(re.findall(r"values\(([^)]*)\)", layout))))
    for path, text in headers.items():
        if path in NOT_ACROSS:
            continue
        for line, name, enumerators, is_virtual in declarations(text):
            if enumerators is not None:
                missing = [e for e in enumerators if f"{name}::{e}" not in values]
                if missing:
                    yield f"{path}:{line}: layout.hpp does not count {', '.join(missing)} of {name}"
            elif is_virtual and name not in tables:
                yield f"{path}:{line}: layout.hpp has no table of the virtual functions of {name}"
            elif not is_virtual and name not in types:
                yield f"{path}:{line}: layout.hpp does not count {name}"


def main():
    root = source_tree.arguments(__doc__).root
    found = [p.as_posix() for p in source_tree.files(root, (".hpp",)) if p.as_posix().startswith(INCLUDE + "/")]
    headers = {path: source_tree.text(root / path) for path in found}
    wrong = list(problems(headers)) if LAYOUT in headers else [f"there is no {LAYOUT}"]
    source_tree.finish("check_layout", wrong, len(headers))


if __name__ == "__main__":
    main()
