#!/usr/bin/env python3
"""Checks rules of CONTRIBUTING.md that a line of text shows: how long the README is, that old names do not come back, that a Problem is
made by named fields, and where memory is allocated by hand."""
import re

import source_tree

MOST_README_LINES = 110
# Names that have given way to the field's own word (docs/glossary.md), and that word. A point keeps the list from finding itself.
DROPPED_NAMES = {
    "begin_pa.ss": "begin_epoch", "rows_per_pa.ss": "rows_per_epoch", "CardClo.ck": "GpuClock", "CudaCa.rd": "CudaDeviceInfo", "NoteTi.me": "RecordTimestamp",
    "find_gradi.ent": "compute_gradient", "find_del.ta": "compute_delta", "regulari.se": "add_l2_gradient", "activate_outpu.ts": "apply_activation",
    "set_lan.es": "write_flags", "heed_lan.es": "read_flags", "RunNe.ws": "RunReporter", "StageSp.ec": "StageDescriptor", "PortConte.nt": "PortType",
    "or_abse.nt": "optional", "Emissi.on": "OutputPacket", "extremes_.at": "range_location", "InputFro.nt": "InputJoiner", "PermitLed.ger": "CreditLedger",
    "PacketHo.ld": "PacketLease", "HoldOrd.er": "WaitOrder", "give_ho.ld": "give_lease", "stop_wi.sh": "requested_stop",
    "NodesAtWo.rk": "ActiveNodes", "WorkInHa.nd": "PendingWork", "Inqui.ry": "LivenessProbe", "CudaObje.ct": "CudaBackend",
    "cuda_object_pa.th": "cuda_backend_path", "memory_bou.nd": "memory_estimate", "process_fac.ts": "process_info", "stage_fac.ts": "stage_info",
    "HostPacke.ts": "WorkerPackets", "HostedCa.ll": "WorkerCall", "StageHo.st": "StageHarness, or the worker of an isolated stage",
}
DROPPED = {name.replace(".", ""): word for name, word in DROPPED_NAMES.items()}
DROPPED_PATTERN = re.compile(rf"\b({'|'.join(DROPPED)})\b")
POSITIONAL = re.compile(r"\badd\(\{ErrorKind::|\bProblem\s*\{\s*ErrorKind::")

PRODUCT = {"framework", "stages", "pipelines", "examples"}
# `new T`, and not `operator new`, `<new>` or a placement; the C functions.
ALLOCATION = re.compile(r"(?<!operator )\bnew\s+(?!\()[A-Za-z_]|\b(?:malloc|calloc|realloc|aligned_alloc)\s*\(")
ALLOCATING_FOLDER = "framework/device/"
ALLOCATING_FILES = {
    "framework/core/tensor.cpp": "bytes of a tensor without a context, not zeroed first",
    "framework/nn/cpu/kernels/kernels.cpp": "grows the C library's pool before the matrix library asks for it",
    "pipelines/operator_new.cpp": "is what `new` and malloc are in this program",
    "stages/idx/idx_file.cpp": "bytes of a data set, not zeroed first",
}
# A constructor that is private, or a pointer that a C function returns: owned in the same expression, or by the caller at once.
OWNED_AT_ONCE = {"framework/cuda/device/gpu_clock.cpp", "pipelines/backpressure/credit_ledger.cpp", "framework/comm/mpi/mpi_peers.cpp"}


def readme(root):
    file = root / "README.md"
    lines = len(source_tree.text(file).splitlines()) if file.is_file() else 0
    return [f"README.md: {lines} lines, at most {MOST_README_LINES}; move what a newcomer does not need to docs/"] if lines > MOST_README_LINES else []


def without_texts(line):
    """A line of C++ without its strings and its `//` comment."""
    return re.sub(r"//.*", "", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line))


def allocates_freely(path):
    return not PRODUCT & {path.parts[0]} or path.as_posix().startswith(ALLOCATING_FOLDER) or path.as_posix() in ALLOCATING_FILES.keys() | OWNED_AT_ONCE


def problems_of(path, number, line):
    found = [f"`{m.group(1)}` has given way to {DROPPED[m.group(1)]}" for m in DROPPED_PATTERN.finditer(line)]
    code = without_texts(line)
    if POSITIONAL.search(code):
        found.append("a Problem is made by named fields: {.kind = ..., .name = ...}")
    if not allocates_freely(path) and ALLOCATION.search(code):
        found.append("no `new` or malloc here: a container, make_unique, or the context's memory")
    return [f"{path}:{number}: {what}" for what in found]


def main():
    root = source_tree.arguments(__doc__).root
    files = source_tree.files(root, source_tree.CPP_SUFFIXES)
    problems = readme(root)
    for path in files:
        for number, line in enumerate(source_tree.text(root / path).splitlines(), 1):
            problems += problems_of(path, number, line)
    source_tree.finish("check_rules", problems, len(files))


if __name__ == "__main__":
    main()
