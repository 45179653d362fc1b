#!/usr/bin/env python3
"""Safetensors files between Millrace and a client: `safetensors_clients_test.py CLIENT PROGRAM`, where CLIENT is `plain` (Python alone),
`numpy`, `torch`, `safetensors.numpy` or `safetensors.torch`. Exits with 77, which ctest shows as skipped, where the client is not installed."""
import importlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

# What safetensors_samples.cpp writes, each as [2, 3].
TYPES = {
    "BOOL": [0, 1, 1, 0, 1, 0],
    "U8": [0, 1, 2, 127, 128, 255],
    "I8": [0, 1, -1, 127, -128, 5],
    "I16": [0, 1, -1, 32767, -32768, 5],
    "F16": [0, 1, -2, 0.5, 65504, 0.25],
    "BF16": [0, 1, -2, 0.5, 256, 0.25],
    "I32": [0, 1, -1, 2**31 - 1, -(2**31), 5],
    "F32": [0, 1, -2, 0.5, struct.unpack("f", struct.pack("f", 1e20))[0], 0.25],
    "I64": [0, 1, -1, 2**63 - 1, -(2**63), 5],
    "F64": [0, 1, -2, 0.5, 1e200, 0.1],
}
UNSIGNED = {
    "U16": [0, 1, 2, 2**16 - 1, 256, 7],
    "U32": [0, 1, 2, 2**32 - 1, 65536, 7],
    "U64": [0, 1, 2, 2**64 - 1, 65536, 7],
}
MODEL = {"0.bias": ([2], [0.5, -1.0]), "0.weight": ([2, 3], [1, 2, 3, 4, 5, 6]), "none": ([0, 3], []), "scalar": ([], [7])}
NOTE = "two\nlines, \"quoted\", \u00e4\U0001f600"

LETTERS = {"BOOL": "?", "U8": "B", "I8": "b", "U16": "H", "I16": "h", "F16": "e", "U32": "I", "I32": "i", "F32": "f",
           "U64": "Q", "I64": "q", "F64": "d"}
NUMPY = {"BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4", "F32": "<f4",
         "U64": "<u8", "I64": "<i8", "F64": "<f8"}
TORCH = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "F16": "float16", "BF16": "bfloat16",
         "U32": "uint32", "I32": "int32", "F32": "float32", "U64": "uint64", "I64": "int64", "F64": "float64"}


def read(path):
    """All that a reader takes: ({name: (type, shape, bytes)}, metadata)."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    return {name: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])]) for name, t in header.items()}, metadata


class Plain:
    """Python's own struct. Its bfloat16 is the upper half of a float32."""
    def tensors(self, path):
        return {name: (shape, self.values(dtype, data)) for name, (dtype, shape, data) in read(path)[0].items()}

    @staticmethod
    def values(dtype, data):
        if dtype == "BF16":
            data = b"".join(b"\0\0" + data[at:at + 2] for at in range(0, len(data), 2))
        letter = LETTERS["F32" if dtype == "BF16" else dtype]
        return list(struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", data))


class Numpy:
    """Which has no bfloat16."""
    def tensors(self, path):
        numpy, found = importlib.import_module("numpy"), {}
        for name, (dtype, shape, data) in read(path)[0].items():
            if dtype in NUMPY:
                array = numpy.frombuffer(data, NUMPY[dtype]).reshape(shape)
                found[name] = (list(array.shape), array.ravel().tolist())
        return found


class Torch:
    """Types that this version lacks are left out."""
    def tensors(self, path):
        torch, found = importlib.import_module("torch"), {}
        for name, (dtype, shape, data) in read(path)[0].items():
            if hasattr(torch, TORCH[dtype]):
                kind = getattr(torch, TORCH[dtype])
                flat = torch.frombuffer(bytearray(data), dtype=kind) if data else torch.empty(0, dtype=kind)
                tensor = flat.reshape(shape)
                found[name] = (list(tensor.shape), tensor.flatten().tolist())
        return found


class Package:
    """The safetensors package itself, with the arrays of one library. It names the file's types and refuses what is malformed."""
    def __init__(self, library):
        self.library, self.framework = importlib.import_module(f"safetensors.{library}"), {"numpy": "np", "torch": "pt"}[library]

    def tensors(self, path):
        with importlib.import_module("safetensors").safe_open(path, self.framework) as file:
            wanted = [name for name in file.keys() if self.framework == "pt" or name != "BF16"]
            arrays = {name: file.get_tensor(name) for name in wanted}
        return {name: (list(array.shape), array.flatten().tolist()) for name, array in arrays.items()}

    def file_of(self, tensors, metadata):
        """The bytes that the package writes."""
        make = importlib.import_module("numpy").array if self.framework == "np" else importlib.import_module("torch").tensor
        kind = getattr(importlib.import_module("numpy" if self.framework == "np" else "torch"), "float32")
        arrays = {name: make(values, dtype=kind).reshape(shape) for name, (shape, values) in tensors.items()}
        return self.library.save(arrays, metadata)


CLIENTS = {"plain": Plain, "numpy": Numpy, "torch": Torch, "safetensors.numpy": lambda: Package("numpy"),
           "safetensors.torch": lambda: Package("torch")}
client, program = None, None


class Client(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        subprocess.run([program, "write", self.folder], check=True)

    def file(self, name):
        return self.folder / f"{name}.safetensors"

    def check_types(self, name, values, may_lack=()):
        found = client.tensors(self.file(name))
        self.assertLessEqual(set(values) - set(found), set(may_lack))
        for dtype, (shape, numbers) in found.items():
            self.assertEqual((shape, numbers), ([2, 3], values[dtype]), dtype)

    def test_every_type_is_read(self):
        self.check_types("types", TYPES, ["BF16"] if isinstance(client, Numpy) or getattr(client, "framework", "") == "np" else [])

    def test_unsigned_types_are_read(self):
        if isinstance(client, Package) and client.framework == "pt":
            self.skipTest("torch has them from 2.3 on, and the package does not ask")
        self.check_types("unsigned", UNSIGNED, UNSIGNED if isinstance(client, Torch) else [])

    def test_a_model_is_read(self):
        self.assertEqual(client.tensors(self.file("model")), MODEL)

    def test_metadata_and_alignment(self):
        for name in ("types", "unsigned", "model"):
            raw = self.file(name).read_bytes()
            (length,) = struct.unpack("<Q", raw[:8])
            header = json.loads(raw[8:8 + length])
            self.assertEqual(length % 8, 0)
            self.assertEqual(header.pop("__metadata__", None), {"note": NOTE} if name == "model" else None)
            for tensor in header.values():
                size = 2 if tensor["dtype"] == "BF16" else struct.calcsize("=" + LETTERS[tensor["dtype"]])
                self.assertEqual(tensor["data_offsets"][0] % size, 0)

    def test_the_package_writes_the_same_bytes(self):
        if not isinstance(client, Package):
            self.skipTest("only the package writes")
        self.assertEqual(client.file_of(MODEL, {"note": NOTE}), self.file("model").read_bytes())

    def test_what_the_package_writes_is_read(self):
        if not isinstance(client, Package):
            self.skipTest("only the package writes")
        path = self.folder / "theirs.safetensors"
        path.write_bytes(client.file_of({"b": ([2], [0.5, -1]), "a": ([], [2])}, {"key": "value"}))
        done = subprocess.run([program, "list", path], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "key=value\na F32 00000040\nb F32 2 0000003f000080bf\n")


def missing(name):
    """The first module that the client needs and that cannot be imported, or None."""
    for module in {"plain": [], "numpy": ["numpy"], "torch": ["torch"]}.get(name, ["safetensors", name.split(".")[-1]]):
        try:
            importlib.import_module(module)
        except ImportError as error:
            return f"{module}: {error}"
    return None


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in CLIENTS:
        sys.exit(__doc__)
    if missing(sys.argv[1]):
        print(f"SKIPPED: nothing reads our files with {sys.argv[1]} here: {missing(sys.argv[1])}")
        sys.exit(77)
    client, program = CLIENTS[sys.argv[1]](), sys.argv[2]
    unittest.main(argv=sys.argv[:1], verbosity=2)
