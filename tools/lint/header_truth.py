"""Headers that lie: a header declares a function that another file than its own source defines, or a source has no header."""
import pathlib
import re

import source_tree

PUBLIC = "framework/include"
# Sources that register themselves or are entered from outside: nothing of theirs is called by name.
NO_HEADER = re.compile(r"stages/[^/]*\.cpp|examples/.*|pipelines/command/verbs/[^/]*\.cpp|pipelines/[^/]*\.cpp"
                       r"|framework/cuda/kernels/.*\.cu")
FUNCTION = re.compile(r"^(?!using|template|typedef|static_assert|#|//|return|struct|class|enum|namespace|friend|\})"
                      r"[\w:<>,&*\s\[\]]*?\b((?:\w+::)*~?\w+)\(")
INLINE = re.compile(r"^(?:inline|constexpr|MILLRACE_HOST_DEVICE)\b")


def outermost(text):
    """The statements of a text that stand in column 0, comments taken away, each on one line: clang-format indents the rest."""
    text = re.sub(r"//.*", "", text)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line[:1].isalpha() or line[:1] == "_":
            statement = line
            for more in lines[number + 1:number + 12]:
                if re.search(r"[;{]\s*$", statement):
                    break
                statement += " " + more.strip()
            yield number + 1, statement, lines[number - 1] if number else ""


def declared(text):
    """(line, name) of each free function that a header promises and does not define itself."""
    for line, statement, before in outermost(text):
        match = FUNCTION.match(statement)
        if match and statement.rstrip().endswith(";") and "{" not in statement and not INLINE.match(statement) \
                and not before.startswith("template"):
            yield line, match.group(1)


def defined(text):
    """Names of functions and of classes whose members a source defines."""
    for _, statement, _ in outermost(text):
        match = FUNCTION.match(statement)
        if match and not statement.rstrip().endswith(";"):
            yield match.group(1)


def header_of(path, headers):
    """The header a source stands for: beside it, or the public one of its name."""
    beside = path.with_suffix(".hpp")
    if beside in headers:
        return beside
    public = [h for h in headers if h.as_posix().startswith(PUBLIC) and h.stem == path.stem]
    return public[0] if public else None


def problems(root, folders):
    sources, headers = {}, {}
    for path in source_tree.files(root, (".cpp", ".hpp", ".cu")):
        if path.as_posix().startswith(folders):
            (headers if path.suffix == ".hpp" else sources)[path] = source_tree.text(root / path)
    places = {}
    for path, text in sources.items():
        for name in defined(text):
            places.setdefault(name, set()).add(path)
    for path in sources:
        if not header_of(path, headers) and not NO_HEADER.fullmatch(path.as_posix()):
            yield f"{path}: has no header of its name"
    for header, text in headers.items():
        own = {p for p in sources if header_of(p, headers) == header}
        for line, name in declared(text):
            elsewhere = places.get(name, set()) - own
            if elsewhere and not places.get(name, set()) & own:
                yield f"{header}:{line}: declares {name}, which {', '.join(str(p) for p in sorted(elsewhere))} defines"
