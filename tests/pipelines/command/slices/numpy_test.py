"""NumPy files between Millrace and NumPy itself, whichever of this interpreter and Debian's has it; skipped where neither has."""
import json
import subprocess
import sys
import tempfile
import unittest

from program import result_of, run

TYPES = {"u1": [0, 1, 255], "i1": [-128, 0, 127], "i2": [-32768, 5, 32767], "i4": [-2**31, 5, 2**31 - 1], "i8": [-2**31, 5, 2**31 - 1],
         "f4": [-1.5, 0.0, 2.0**100], "f8": [-1e200, 0.1, 5.0]}
SAVE = """
import json, numpy, sys
for name, values in json.loads(sys.argv[2]).items():
    array = numpy.array(values, "<" + name).reshape(3, 1).repeat(2, 1)
    numpy.save(f"{sys.argv[1]}/{name}.npy", array)
    with open(f"{sys.argv[1]}/{name}-2.npy", "wb") as file:
        numpy.lib.format.write_array(file, array, version=(2, 0))
"""
LOAD = """
import json, numpy, sys
array = numpy.load(sys.argv[1], allow_pickle=False)
print(json.dumps([array.dtype.str, array.shape, array.tolist()]))
"""


def interpreter():
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            pass
    return None


PYTHON = interpreter()


def numpy(script, *arguments):
    return subprocess.run([PYTHON, "-c", script, *arguments], capture_output=True, text=True, check=True).stdout


class NumPy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.at = folder.name
        numpy(SAVE, self.at, json.dumps(TYPES))

    def peek(self, file, *arguments):
        config = f"{self.at}/config.yaml"
        with open(config, "w", encoding="utf-8") as text:
            text.write(f"version: 1\ndevice: cpu\ngraph:\n  rows: {{stage: npy_loader, with: {{inputs: {file}}}}}\n"
                       "  show: {stage: print, in: {in: rows.inputs}}\n")
        process = run("peek", config, "rows.inputs", "--json", "--rows", "3", *arguments)
        self.assertEqual(process.returncode, 0, process.stderr)
        return result_of(process)["fields"][0]["values"]

    def test_what_numpy_saves_is_read_and_what_is_written_numpy_loads(self):
        for name, values in TYPES.items():
            for version in ("", "-2"):
                with self.subTest(name + version):
                    output = f"{self.at}/out.npy"
                    wanted = [[value, value] for value in values]
                    self.assertEqual(self.peek(f"{self.at}/{name}{version}.npy", "-o", output), wanted)
                    dtype, shape, read = json.loads(numpy(LOAD, output))
                    self.assertEqual((dtype[1:], shape, read), ("i4" if name == "i8" else name, [3, 2], wanted))


if __name__ == "__main__":
    if PYTHON is None:
        print("SKIPPED: neither this Python nor Debian's has numpy, so nobody else has read our NumPy files")
        sys.exit(77)
    unittest.main()
