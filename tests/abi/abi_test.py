"""A plugin that was built when its API version was young still loads and does the same, or as long as that version is a draft one that
is built now; one of another version, or of other headers of the same version, is refused.

Exits with 77, which ctest shows as skipped, where no plugin of the distribution's g++ for x86-64 could be loaded."""
import gzip
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import kept_runs  # for what it does

PROGRAM = os.environ["PIPELINE_RUN"]
COMPILER = os.environ["COMPILER"]
HERE = pathlib.Path("tests/abi")
TOTALS = ["total 186", "total 389"]


def defined(name):
    header = pathlib.Path("framework/include/millrace/plugin.h").read_text(encoding="utf-8")
    return int(re.search(rf"#define {name} (\d+)", header).group(1))


VERSION = defined("MILLRACE_PLUGIN_API_VERSION")
IS_DRAFT = defined("MILLRACE_PLUGIN_API_IS_DRAFT") == 1


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False)


class KeptPlugins(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def unpacked(self, number):
        file = self.folder / f"plugin_api_{number}.so"
        file.write_bytes(gzip.decompress((HERE / f"plugin_api_{number}.so.gz").read_bytes()))
        return str(file)

    def of_this_version(self):
        if not IS_DRAFT:
            return self.unpacked(VERSION)
        file = self.folder / "fixture.so"
        build = pathlib.Path(PROGRAM).parent.parent
        subprocess.run([HERE / "make_fixture", build, file], check=True, env={**os.environ, "CXX": COMPILER})
        return str(file)

    def test_there_is_one_for_every_version_but_a_draft(self):
        kept = sorted(HERE.glob("plugin_api_*.so.gz"))
        last = VERSION - 1 if IS_DRAFT else VERSION
        self.assertEqual([path.name for path in kept], [f"plugin_api_{n}.so.gz" for n in range(1, last + 1)])

    def test_none_is_kept_of_a_draft(self):
        if not IS_DRAFT:
            self.skipTest("the version is closed")
        done = subprocess.run([HERE / "make_fixture"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("none is kept", done.stderr)

    def test_the_one_of_this_version_runs_and_gives_what_it_gave(self):
        process = run(str(HERE / "fixture.yaml"), "--quiet", "--plugin", self.of_this_version())
        self.assertEqual(process.returncode, 0, process.stderr)
        lines = process.stdout.splitlines()
        self.assertEqual([line for line in lines if line.startswith("total")], TOTALS)

    def test_errors_cross_by_type_and_position(self):
        process = run("check", str(HERE / "fixture.yaml"), "--set", "weighed.weights=[1]", "--plugin", self.of_this_version())
        self.assertEqual(process.returncode, 3)
        self.assertIn("error[shape-mismatch]", process.stderr)

    def test_those_of_other_versions_are_refused_by_their_note(self):
        for number in range(1, VERSION):
            process = run("stages", "--plugin", self.unpacked(number))
            self.assertEqual(process.returncode, 6)
            self.assertIn("error[plugin-api-version]", process.stderr)


class Headers(unittest.TestCase):
    """A note compiled against the public headers, as they are and with a change that a compiler would not notice later."""

    def refusal(self, header="", old="", new=""):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree("framework/include", f"{folder}/include")
            if header:
                path = pathlib.Path(folder, "include", "millrace", header)
                text = path.read_text(encoding="utf-8")
                self.assertEqual(text.count(old), 1, old)
                path.write_text(text.replace(old, new), encoding="utf-8")
            source, plugin = f"{folder}/note.cpp", f"{folder}/note.so"
            pathlib.Path(source).write_text('#include <millrace/registry.hpp>\nMILLRACE_DEFINE_NOTE();\n', encoding="utf-8")
            subprocess.run([COMPILER, "-std=c++20", "-fPIC", "-shared", f"-I{folder}/include", source, "-o", plugin], check=True)
            process = run("stages", "--plugin", plugin, "--json")
            self.assertEqual(process.returncode, 6, process.stderr)
            return json.loads(process.stdout)["errors"][0]["name"]

    def test_the_same_headers_fit(self):
        self.assertNotEqual(self.refusal(), "plugin-layout")

    def test_a_further_member_is_seen(self):
        self.assertEqual(self.refusal("tensor.hpp", "  Encoding encoding;\n", "  Encoding encoding;\n  int more = 0;\n"), "plugin-layout")

    def test_a_further_virtual_function_is_seen_at_the_end_too(self):
        old = "  virtual void warn(std::string name, std::string message, std::string help = {}) = 0;\n"
        self.assertEqual(self.refusal("stage.hpp", old, old + "  virtual void more();\n"), "plugin-layout")

    def test_an_enumerator_put_in_between_is_seen(self):
        self.assertEqual(self.refusal("detail/model_kinds.hpp", "enum class LayerKind : std::uint8_t { dense,",
                                      "enum class LayerKind : std::uint8_t { dense, between,"), "plugin-layout")


if __name__ == "__main__":
    if platform.machine() != "x86_64" or not run("--version").stdout.split("(")[1].startswith("g++"):
        print("SKIPPED: the kept plugins are of g++ for x86-64")
        sys.exit(77)
    unittest.main()
