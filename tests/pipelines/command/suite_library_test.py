"""The conformance suite is a library of its own: `test-stage` opens it, and no run loads it."""
import os
import pathlib
import tempfile
import unittest

from program import TINY, run


class SuiteLibrary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def loaded(self, *arguments):
        """Names of the shared objects that the program and its children have loaded, as the loader tells them."""
        process = run(*arguments, env={"LD_DEBUG": "files", "LD_DEBUG_OUTPUT": os.fspath(self.folder / "loader")})
        self.assertEqual(process.returncode, 0, process.stderr)
        lines = [line for file in self.folder.glob("loader.*") for line in file.read_text().splitlines()]
        return {pathlib.PurePath(line.rsplit(None, 1)[-1]).name for line in lines if "calling init: " in line}

    def test_no_run_loads_it(self):
        libraries = self.loaded(TINY, "--set", "epochs=2")
        self.assertTrue(any(name.startswith("libmillrace.so") for name in libraries), libraries)
        self.assertEqual([name for name in libraries if "testing" in name], [])

    def test_test_stage_opens_it(self):
        libraries = self.loaded("test-stage", "built-in:flatten")
        self.assertTrue(any(name.startswith("libmillrace_testing.so") for name in libraries), libraries)


if __name__ == "__main__":
    unittest.main()
