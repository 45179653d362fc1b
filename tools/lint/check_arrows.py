#!/usr/bin/env python3
"""Checks the shape of the tree: folders include each other only along the arrows of framework/README.md, and each library of others
is included only where it belongs, and no arrow is idle; files do not include each other in circles; each source has its header, and no header declares
what another file defines; sources and folders, those of tests and tools too, keep a size that one can look over."""
import pathlib
import re

import file_circles
import header_truth
import source_tree
import tree_sizes

# folder -> folders it may include besides itself. The longest folder that matches a file decides.
PUBLIC = "framework/include"
ARROWS = {
    "framework/include": [],
    "framework/core": [PUBLIC],
    "framework/files": [PUBLIC],
    "framework/system": [PUBLIC],
    "framework/testing": [PUBLIC],
    "framework/device": [PUBLIC],
    "framework/nn": [PUBLIC],
    "framework/nn/checkpoint": [PUBLIC],
    "framework/nn/use": [PUBLIC, "framework/files"],
    "framework/nn/cpu": [PUBLIC, "framework/nn", "framework/nn/cpu/pass", "framework/nn/cpu/kernels"],
    "framework/nn/cpu/pass": [PUBLIC, "framework/nn", "framework/nn/cpu/kernels"],
    "framework/nn/cpu/kernels": [PUBLIC, "framework/core", "framework/nn"],
    "framework/comm": [PUBLIC],
    "framework/comm/mpi": [PUBLIC, "framework/comm"],
    "framework/comm/nccl": [PUBLIC],
    "framework/cuda/runtime": [PUBLIC],
    "framework/cuda/kernels": [PUBLIC, "framework/core", "framework/nn", "framework/cuda/runtime"],
    "framework/cuda/device": [PUBLIC, "framework/device", "framework/cuda/runtime", "framework/cuda/kernels"],
    "framework/cuda/step": [PUBLIC, "framework/nn", "framework/comm/nccl", "framework/cuda/runtime", "framework/cuda/kernels",
                            "framework/cuda/device"],
    "framework/cuda": [PUBLIC, "framework/device", "framework/nn", "framework/cuda/device", "framework/cuda/step"],
    "stages": [PUBLIC, "stages/batch", "stages/idx", "stages/npy", "stages/rows", "stages/params", "stages/device"],
    "stages/batch": [PUBLIC],
    "stages/idx": [PUBLIC, "stages/params", "stages/rows"],
    "stages/params": [PUBLIC],
    "stages/npy": [PUBLIC, "stages/rows"],
    "stages/rows": [PUBLIC],
    "stages/device": [PUBLIC],
    "examples": [PUBLIC],
    "pipelines/diagnostics": [PUBLIC],
    "pipelines/config/document": [PUBLIC, "pipelines/diagnostics"],
    "pipelines/config/params": [PUBLIC, "pipelines/diagnostics", "pipelines/config/document"],
    "pipelines/config/spec": [PUBLIC, "pipelines/diagnostics", "pipelines/config/document", "pipelines/config/params"],
    "pipelines/process": [PUBLIC],
    "pipelines/process/ipc": [PUBLIC, "pipelines/process"],
    "pipelines/plugins": [PUBLIC, "pipelines/process", "pipelines/process/ipc"],
    "pipelines/check/graph": [PUBLIC, "pipelines/diagnostics", "pipelines/config/params", "pipelines/config/spec", "pipelines/process"],
    "pipelines/check/rules": [PUBLIC, "pipelines/diagnostics", "pipelines/config/params", "pipelines/check/graph"],
    "pipelines/check": [PUBLIC, "pipelines/diagnostics", "pipelines/config/params", "pipelines/config/spec", "pipelines/process", "pipelines/check/graph",
                        "pipelines/check/rules", "pipelines/backpressure"],
    "pipelines/backpressure": [PUBLIC, "pipelines/check/graph", "pipelines/check/rules"],
    "pipelines/isolation": [PUBLIC, "pipelines/process/ipc"],
    "pipelines/run/report": [PUBLIC, "pipelines/diagnostics", "pipelines/check/graph", "pipelines/check/rules"],
    "pipelines/run/nodes": [PUBLIC, "pipelines/diagnostics", "pipelines/process", "pipelines/check/graph",
                            "pipelines/backpressure", "pipelines/run/report"],
    "pipelines/run": [PUBLIC, "pipelines/diagnostics", "pipelines/process", "pipelines/check/graph",
                      "pipelines/isolation", "pipelines/backpressure", "pipelines/run/report", "pipelines/run/nodes"],
    "pipelines/slice": [PUBLIC, "pipelines/diagnostics", "pipelines/config/spec", "pipelines/check", "pipelines/check/graph"],
    "pipelines/record/folder": [PUBLIC, "pipelines/diagnostics"],
    "pipelines/record/checkpoints": [PUBLIC, "pipelines/process", "pipelines/check/graph", "pipelines/run/report", "pipelines/record/audit", "pipelines/record/environment", "pipelines/record/runs"],
    "pipelines/record/capsules": [PUBLIC, "pipelines/config/params", "pipelines/process", "pipelines/run/report", "pipelines/record/folder",
                                  "pipelines/record/checkpoints", "pipelines/record/environment"],
    "pipelines/record/environment": [PUBLIC, "pipelines/diagnostics", "pipelines/plugins", "pipelines/check/graph", "pipelines/record/folder"],
    "pipelines/record/audit": [PUBLIC, "pipelines/check/graph", "pipelines/run/report", "pipelines/record/folder"],
    "pipelines/record/ledger": [PUBLIC, "pipelines/record/folder"],
    "pipelines/record/runs": [PUBLIC, "pipelines/diagnostics", "pipelines/record/folder", "pipelines/record/environment", "pipelines/record/ledger"],
    "pipelines/record": [PUBLIC, "pipelines/diagnostics", "pipelines/run", "pipelines/run/report", "pipelines/record/folder",
                         "pipelines/record/audit", "pipelines/record/capsules", "pipelines/record/checkpoints", "pipelines/record/environment"],
    "pipelines/report/validation": [PUBLIC],
    "pipelines/report/validation/shown": [PUBLIC, "pipelines/diagnostics", "pipelines/report", "pipelines/report/validation"],
    "pipelines/report": [PUBLIC, "pipelines/diagnostics", "pipelines/report/validation", "pipelines/report/validation/shown", "pipelines/record/folder", "pipelines/record/checkpoints", "pipelines/record/ledger", "pipelines/record/runs"],
    "pipelines/report/page": [PUBLIC, "pipelines/diagnostics", "pipelines/report", "pipelines/report/validation", "pipelines/report/validation/shown"],
    "pipelines/report/text": [PUBLIC, "pipelines/diagnostics", "pipelines/report", "pipelines/report/validation", "pipelines/report/validation/shown"],
    "pipelines/export": [PUBLIC, "pipelines/check/graph", "pipelines/slice", "pipelines/record/checkpoints", "pipelines/record/folder", "pipelines/record/runs"],
    "pipelines/command/terminal": [PUBLIC, "pipelines/diagnostics", "pipelines/process", "pipelines/run/report"],
    "pipelines/command/options": [PUBLIC, "pipelines/command/terminal"],
    "pipelines/command/pages": [PUBLIC, "pipelines/diagnostics", "pipelines/config/params", "pipelines/process", "pipelines/plugins",
                                "pipelines/check", "pipelines/check/graph", "pipelines/run/report", "pipelines/record/environment", "pipelines/record/runs",
                                "pipelines/command/terminal"],
    "pipelines/command/loading": [PUBLIC, "pipelines/diagnostics", "pipelines/config/document", "pipelines/config/spec",
                                  "pipelines/process", "pipelines/plugins", "pipelines/check", "pipelines/check/graph", "pipelines/slice", "pipelines/record/folder", "pipelines/record/checkpoints",
                                  "pipelines/record/environment", "pipelines/record/runs", "pipelines/command/terminal", "pipelines/command/options",
                                  "pipelines/command/pages", "pipelines/command/keeping"],
    "pipelines/command/line": [PUBLIC, "pipelines/diagnostics", "pipelines/config/params", "pipelines/config/spec", "pipelines/command/terminal",
                               "pipelines/command/options", "pipelines/command/loading"],
    "pipelines/command/keeping": [PUBLIC, "pipelines/record/runs", "pipelines/command/terminal", "pipelines/command/options"],
    "pipelines/command/training": [PUBLIC, "pipelines/diagnostics", "pipelines/check", "pipelines/slice", "pipelines/run", "pipelines/run/report", "pipelines/process",
                                   "pipelines/record", "pipelines/record/folder", "pipelines/record/checkpoints", "pipelines/record/environment",
                                   "pipelines/record/runs", "pipelines/report", "pipelines/report/page", "pipelines/report/validation", "pipelines/command/terminal",
                                   "pipelines/export", "pipelines/command/options", "pipelines/command/pages", "pipelines/command/loading", "pipelines/command/keeping",
                                   "pipelines/command/slices", "pipelines/command/judging"],
    "pipelines/command/slices": [PUBLIC, "pipelines/diagnostics", "pipelines/check", "pipelines/check/graph",
                                 "pipelines/process", "pipelines/run", "pipelines/run/report", "pipelines/slice", "pipelines/export",
                                 "pipelines/record/runs", "pipelines/command/terminal", "pipelines/command/options",
                                 "pipelines/command/pages", "pipelines/command/loading"],
    "pipelines/command/replaying": [PUBLIC, "pipelines/diagnostics", "pipelines/config/params", "pipelines/check", "pipelines/check/graph",
                                    "pipelines/record/capsules"],
    "pipelines/command/judging": [PUBLIC, "pipelines/check", "pipelines/process", "pipelines/run/report", "pipelines/slice", "pipelines/record/folder",
                                  "pipelines/record/checkpoints", "pipelines/report/validation", "pipelines/command/loading", "pipelines/command/slices"],
    "pipelines/command/difference": [PUBLIC, "pipelines/run/report", "pipelines/slice", "pipelines/record/folder", "pipelines/record/checkpoints",
                                     "pipelines/command/training", "pipelines/command/slices"],
    "pipelines/command/new_stage": [],
    "pipelines/command": [PUBLIC, "pipelines/diagnostics", "pipelines/config/document", "pipelines/config/params", "pipelines/config/spec",
                          "pipelines/plugins", "pipelines/isolation", "pipelines/process", "pipelines/process/ipc",
                          "pipelines/command/terminal"],
    "pipelines/command/verbs": [PUBLIC, "pipelines/diagnostics", "pipelines/config/document", "pipelines/plugins",
                                "pipelines/check", "pipelines/check/rules", "pipelines/record/audit", "pipelines/record/folder", "pipelines/record/environment", "pipelines/record/ledger", "pipelines/record/runs", "pipelines/record/capsules", "pipelines/export", "pipelines/process", "pipelines/process/ipc",
                                "pipelines/report", "pipelines/report/page", "pipelines/report/text", "pipelines/command", "pipelines/command/terminal", "pipelines/command/options",
                                "pipelines/command/pages", "pipelines/command/loading", "pipelines/command/keeping", "pipelines/command/training", "pipelines/command/slices", "pipelines/command/replaying", "pipelines/command/difference", "pipelines/command/line",
                                "pipelines/command/new_stage"],
    "pipelines": [PUBLIC, "pipelines/process", "pipelines/command", "pipelines/command/terminal",
                  "pipelines/command/pages", "pipelines/command/line"],
}

# library -> (its headers, the files that may include them)
LIBRARIES = {
    "yaml-cpp": (r"yaml-cpp/", r"pipelines/config/document/yaml_parser\.cpp"),
    "dlfcn": (r"dlfcn\.h", r"pipelines/plugins/(plugin_entry|suite_library)\.cpp|pipelines/process/(exit_watch|system_allocator)\.cpp|framework/device/cuda_backend\.cpp"
                           r"|framework/comm/(open_peers|nccl/nccl_file|nccl/nccl_library)\.cpp"),
    "oneTBB": (r"(oneapi/)?tbb/", r"framework/nn/cpu/.*|pipelines/run/graph_builder\.cpp"),
    "oneDNN": (r"(oneapi/)?dnnl|omp\.h", r"framework/nn/cpu/.*"),
    "CLI11": (r"CLI/", r"pipelines/command/line/command_line\.cpp"),
    "nlohmann-json": (r"nlohmann/(?!json_fwd)", r"pipelines/.*\.cpp"),
    "libcurl": (r"curl/", r"pipelines/command/download\.cpp"),
    "libcrypto": (r"openssl/", r"framework/files/.*\.cpp"),
    "zlib": (r"zlib\.h", r"framework/files/.*\.cpp"),
    "fmt": (r"fmt/", r"framework/(?!include/).*|stages/.*|pipelines/.*"),
    "CUDA": (r"cuda|cublas|nccl", r"framework/cuda/.*|framework/comm/nccl/.*"),
    "libpng": (r"png\.h", r"examples/image_folder/.*"),
    "MPI": (r"mpi\.h", r"framework/comm/mpi/.*"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    """The arrows' name of the folder a file lies in, or None when no arrow speaks of it."""
    for parent in path.parents:
        if parent.as_posix() in ARROWS:
            return parent.as_posix()
    return None


def resolve(root, path, quote, target):
    """The file of ours that an include means, or None when it is somebody else's."""
    places = [pathlib.Path(PUBLIC)] if quote == "<" else [path.parent, pathlib.Path("framework"), pathlib.Path("pipelines"),
                                                 pathlib.Path("stages"), pathlib.Path(PUBLIC)]
    for place in places:
        candidate = (root / place / target).resolve()
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate.relative_to(root)
    return None


def check_include(root, path, line, quote, target):
    here = f"{path}:{line}: includes {target}"
    found = resolve(root, path, quote, target)
    if found:
        if quote == '"' and found.as_posix().startswith(PUBLIC):
            return f"{here}: a public header is included as <millrace/...>"
        source, destination = folder_of(path), folder_of(found)
        if destination != source and destination not in ARROWS[source]:
            return f"{here}: {source} may include only {', '.join([source] + ARROWS[source])}"
        return None
    if quote == '"' or target.startswith("millrace/"):
        return f"{here}: there is no such file of ours"
    for library, (headers, places) in LIBRARIES.items():
        if re.match(headers, target) and not re.fullmatch(places, path.as_posix()):
            return f"{here}: {library} is included only in {places}"
    return None


def idle_arrows(used, folders):
    """Arrows of the list along which nothing is included: a door that nobody uses is open to the first who leans on it.
    `used`: (folder, folder that it includes); `folders`: those that there are. Everybody may include the public headers."""
    for source, destinations in ARROWS.items():
        for destination in destinations:
            if destination != PUBLIC and {source, destination} <= folders and (source, destination) not in used:
                yield f"{source} may include {destination}, and does not: take the arrow out of the list and of the README's picture"


def includes(text):
    """(line, quote, target) of each include of a source."""
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def main():
    root = source_tree.arguments(__doc__).root
    sources = {path: source_tree.text(root / path) for path in source_tree.files(root, source_tree.CPP_SUFFIXES) if folder_of(path)}
    problems, ours = [], {path: [] for path in sources}
    for path, text in sources.items():
        for line, quote, target in includes(text):
            problems.append(check_include(root, path, line, quote, target))
            ours[path].append(resolve(root, path, quote, target))
    used = {(folder_of(path), folder_of(target)) for path, targets in ours.items() for target in targets if target}
    problems += idle_arrows(used, {folder_of(path) for path in sources})
    problems += file_circles.problems(ours)
    problems += header_truth.problems(sources)
    problems += tree_sizes.problems(sources | dict(tree_sizes.programs(root)))
    source_tree.finish("check_arrows", [p for p in problems if p], len(sources))


if __name__ == "__main__":
    main()
