"""Headers that lie: a header declares a function, or has a class with a member, that another file than its own source defines, or a source
has no header. A public header is written for its reader, and its functions may lie in several sources; so may those of launch.hpp, behind which are all .cu files."""
import re

PUBLIC = "framework/include"
LAUNCHES = "framework/cuda/kernels/launch.hpp"
# Sources that register themselves or are entered from outside: nothing of theirs is called by name from another file.
NO_HEADER = re.compile(r"stages/[^/]*\.cpp|examples/.*|pipelines/command/verbs/[^/]*\.cpp|pipelines/[^/]*\.cpp"
                       r"|framework/cuda/backend_entry\.cpp|framework/comm/mpi/mpi_peers\.cpp|framework/system/processor_needs\.cpp")
FUNCTION = re.compile(r"^(?!using|template|typedef|static_assert|#|//|return|struct|class|enum|namespace|friend|\})"
                      r"[\w:<>,&*\s\[\]]*?\b((?:\w+::)*~?\w+)\(")
# Headers that a source stands for beside its own.
ALSO = {
    "framework/comm/nccl/no_nccl.cpp": ["nccl_sum"],  # a build without NCCL takes it in place of nccl_sum.cpp
}
ATTRIBUTE = re.compile(r"^(\[\[.*?\]\]\s*)+")
CLASS = re.compile(r"^(?:class|struct) (?:MILLRACE_EXPORT |alignas\([^)]*\) |\[\[.*?\]\] )*(\w+)(?=[^;{(]*\{)", re.M)
INLINE = re.compile(r"^(?:inline|constexpr|MILLRACE_HOST_DEVICE)\b")


def outermost(text):
    """The statements of a text that stand in column 0, comments and attributes taken away, each on one line: clang-format indents the rest."""
    text = re.sub(r"//.*", "", text)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line[:1].isalpha() or line.startswith(("_", "[[")):
            statement = line
            for more in lines[number + 1:number + 12]:
                if re.search(r"[;{}]\s*$", statement):
                    break
                statement += " " + more.strip()
            yield number + 1, ATTRIBUTE.sub("", statement), lines[number - 1] if number else ""


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
        if match and (not statement.rstrip().endswith(";") or statement.endswith("= default;")):
            yield match.group(1)


def is_public(path):
    return path.as_posix().startswith(PUBLIC)


def may_have_several_sources(header):
    return is_public(header) or header.as_posix() == LAUNCHES


def header_of(source, headers):
    """The header that a source stands for: the one beside it, or the public one of its name."""
    beside = source.with_suffix(".hpp")
    named_alike = [h for h in headers if is_public(h) and h.stem == source.stem]
    return beside if beside in headers else named_alike[0] if named_alike else None


def headers_of(source, headers):
    """All headers that a source stands for."""
    also = [source.with_name(f"{name}.hpp") for name in ALSO.get(source.as_posix(), [])]
    return {h for h in [header_of(source, headers), *also] if h in headers}


def strange_members(sources, defines, header):
    """Members that a source defines of a class of a header that is not its own."""
    classes = {}
    for path, text in sources.items():
        if path.suffix == ".hpp":
            for name in CLASS.findall(text):
                classes.setdefault(name, []).append(path)
    for path, names in defines.items():
        here = set(CLASS.findall(sources[path]))
        for name in sorted(n for n in names if "::" in n):
            homes = classes.get(name.split("::")[0], [])
            if homes and name.split("::")[0] not in here and not any(h in header[path] or may_have_several_sources(h) for h in homes):
                yield f"{path}: defines {name}, of a class of {', '.join(h.as_posix() for h in homes)}"


def problems(sources):
    """`sources`: the text of each file."""
    headers = [p for p in sources if p.suffix == ".hpp"]
    defines = {p: set(defined(text)) for p, text in sources.items() if p.suffix in (".cpp", ".cu")}
    public = [sources[h] for h in headers if may_have_several_sources(h)]
    promised = {name for text in public for _, name in declared(text)} | {name for text in public for name in CLASS.findall(text)}
    header = {path: headers_of(path, headers) for path in defines}
    for path, names in defines.items():
        if not header[path] and not NO_HEADER.fullmatch(path.as_posix()) and not {n.split("::")[0] for n in names} & promised:
            yield f"{path}: has no header of its name"
    for one in headers:
        if may_have_several_sources(one):
            continue
        own = set().union(*(names for path, names in defines.items() if one in header[path]))
        for line, name in declared(sources[one]):
            others = [path.as_posix() for path, names in defines.items() if name in names and one not in header[path]]
            if others and name not in own:
                yield f"{one}:{line}: declares {name}, which {', '.join(sorted(others))} defines"
    yield from strange_members(sources, defines, header)
