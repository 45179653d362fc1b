#!/usr/bin/env python3
"""Each check of tools/lint accepts a clean small tree and reports a violation planted in it."""
import pathlib
import json
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lint"

CLEAN = {
    "framework/include/millrace/stage.hpp": "// What a stage is.\n#pragma once\nnamespace millrace { struct StageThing {}; }\n",
    "framework/include/millrace/plugin.h": "typedef int millrace_number;\n",
    "framework/include/millrace/registry.hpp": "// Which stages are known.\n#pragma once\nnamespace millrace {\nint stages_known();\nint stages_built_in();\n}\n",
    "framework/core/registry.cpp": "// A constant count.\n#include <millrace/stage.hpp>\n#include <fmt/format.h>\nint stages_known() {\n  return 1;\n}\n",
    "framework/core/built_in.cpp": "// Those that are linked in.\nint stages_built_in() {\n  return 1;\n}\n",
    "framework/device/host.hpp": "// The cores of the host.\n#pragma once\nint host_cores();\n",
    "framework/device/host.cpp": '// One core, always.\n#include "host.hpp"\nint host_cores() {\n  return 1;\n}\n',
    "framework/nn/cpu/step.hpp": "// Steps of the CPU.\n#pragma once\n",
    "framework/nn/cpu/step.cpp": '// By oneDNN, and on all cores.\n#include <dnnl.h>\n',
    "stages/flatten.cpp": "// Rows become vectors.\n#include <millrace/stage.hpp>\n",
    "pipelines/run/runner.hpp": "// What runs a graph.\n#pragma once\n#include <millrace/stage.hpp>\n",
    "pipelines/run/runner.cpp": '// All nodes at once.\n#include "runner.hpp"\n',
    "tests/stages/flatten_test.cpp": "// flatten, driven alone.\n",
    "tests/tools/CMakeLists.txt": "add_test(NAME x COMMAND x_test.py)\n",
    "tests/tools/x_test.py": "pass\n",
    "tools/test": "case $1 in --full) ;; esac\n",
    "README.md": "Run `tools/test --full`; see `stages/flatten.cpp`, `StageThing` and [the headers](framework/include).\n",
}


class Lint(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def lint(self, name, *arguments):
        command = [sys.executable, str(LINT / f"{name}.py"), "--root", str(self.root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def accepts(self, name, *arguments):
        done = self.lint(name, *arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def reports(self, what, name, *arguments):
        done = self.lint(name, *arguments)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(what, done.stdout)

    def plant(self, path, text, what, name, *arguments):
        """`text` in `path` is reported with `what`; afterward the tree is as it was."""
        self.write(path, text)
        self.reports(what, name, *arguments)
        self.restore(path)

    def tolerate(self, path, text, name):
        """`text` in `path` is accepted; afterward the tree is as it was."""
        self.write(path, text)
        self.accepts(name)
        self.restore(path)

    def restore(self, path):
        if path in CLEAN:
            self.write(path, CLEAN[path])
        else:
            (self.root / path).unlink()

    def test_arrows(self):
        self.accepts("check_arrows")
        name = "check_arrows"
        self.plant("framework/device/host.hpp", '#include "nn/cpu/step.cpp"\n', "host.hpp:1", name)
        self.plant("framework/core/registry.cpp", '#include "device/host.hpp"\n', "framework/core may include only", name)
        self.plant("stages/flatten.cpp", '#include "../pipelines/run/runner.hpp"\n', "stages may include only", name)
        self.plant("pipelines/run/runner.cpp", '#include "../../framework/device/host.hpp"\n', "pipelines/run may include only", name)
        self.plant("pipelines/run/runner.cpp", "#include <yaml-cpp/yaml.h>\n", "yaml-cpp is included only in", name)
        self.plant("pipelines/run/runner.cpp", "#include <dlfcn.h>\n", "dlfcn is included only in", name)
        self.plant("stages/flatten.cpp", "#include <tbb/task_arena.h>\n", "oneTBB is included only in", name)
        self.plant("framework/include/millrace/stage.hpp", "#include <fmt/format.h>\n", "fmt is included only in", name)
        self.plant("stages/flatten.cpp", "#include <millrace/gone.hpp>\n", "no such file of ours", name)
        self.accepts("check_arrows")

    def test_idle_arrows(self):
        self.write("framework/nn/model.hpp", "// A model.\n#pragma once\n")
        self.reports("framework/nn/cpu may include framework/nn, and does not", "check_arrows")
        self.tolerate("framework/nn/cpu/step.hpp", '// Steps of the CPU.\n#pragma once\n#include "nn/model.hpp"\n', "check_arrows")
        (self.root / "framework/nn/model.hpp").unlink()
        self.accepts("check_arrows")

    def test_file_circles(self):
        self.write("framework/device/cores.hpp", '#pragma once\n#include "host.hpp"\n')
        self.accepts("check_arrows")
        # By way of the source: who needs one of the two needs both.
        self.plant("framework/device/host.cpp", '#include "host.hpp"\n#include "cores.hpp"\n',
                   "framework/device/cores: includes itself by way of framework/device/host", "check_arrows")
        self.accepts("check_arrows")
        # A public header has its source elsewhere.
        self.write("framework/core/count.hpp", "// Counts.\n#pragma once\n#include <millrace/registry.hpp>\n")
        self.accepts("check_arrows")
        self.write("framework/core/registry.hpp", "// Of the same name, and of another file.\n#pragma once\n")
        self.tolerate("framework/core/registry.cpp", '// A constant count.\n#include "core/count.hpp"\nint stages_known() {\n  return 1;\n}\n', "check_arrows")
        (self.root / "framework/core/registry.hpp").unlink()
        self.plant("framework/core/registry.cpp", '// A constant count.\n#include "core/count.hpp"\nint stages_known() {\n  return 1;\n}\n',
                   "framework/core/count: includes itself by way of framework/include/millrace/registry", "check_arrows")
        # An interface whose source is made of what implements it.
        self.write("framework/include/millrace/device.hpp", "// What computes.\n#pragma once\n")
        self.write("framework/device/cores.hpp", "// A device.\n#pragma once\n#include <millrace/device.hpp>\n")
        self.plant("framework/device/device.cpp", '// Of all kinds.\n#include "device/cores.hpp"\n',
                   "framework/device/cores: includes itself by way of framework/include/millrace/device", "check_arrows")

    def test_headers_that_lie(self):
        name = "check_arrows"
        self.plant("framework/device/other.cpp", "int other() {\n  return 1;\n}\n", "other.cpp: has no header of its name", name)
        self.tolerate("framework/device/host.hpp", "#pragma once\nint host_cores();\nint\nstep_bytes(int rows,\n           int columns);\n", name)
        self.write("framework/device/other.hpp", "#pragma once\n")
        self.tolerate("framework/device/other.cpp", "int host_cores() {\n  return 2;\n}\n", name)  # an overload
        self.write("framework/device/host.cpp", '#include "host.hpp"\n')
        self.plant("framework/device/other.cpp", "int host_cores() {\n  return 2;\n}\n",
                   "framework/device/host.hpp:3: declares host_cores, which framework/device/other.cpp defines", name)

    def test_members_that_another_file_defines(self):
        name = "check_arrows"
        host = "framework/device/host"
        self.write(f"{host}.hpp", "// The host.\n#pragma once\nclass Host {\n  int cores();\n  int threads();\n  class Part;\n};\nint host_cores();\n")
        self.write(f"{host}.cpp", '// One core.\n#include "host.hpp"\nint host_cores() {\n  return 1;\n}\nint Host::cores() { return 1; }\n')
        self.accepts(name)
        self.write("framework/device/other.hpp", "// Others.\n#pragma once\nclass Other {\n  int cores();\n};\n")
        opening = '// Others.\n#include "other.hpp"\n'
        what = "framework/device/other.cpp: defines Host::{}, of a class of framework/device/host.hpp"
        for member, text in {
            "threads": "int Host::threads() {\n  return 2;\n}\n",
            "Host": "Host::Host() = default;\n",
            "~Host": "constexpr int kTwo = 2;\nHost::~Host() {}\nint other;\n",
            "Part::run": "void Host::Part::run(int rows,\n                     int columns) {\n}\n",
        }.items():
            self.plant("framework/device/other.cpp", opening + text, what.format(member), name)
        self.tolerate("framework/device/other.cpp", opening + "int Other::cores() {\n  return 2;\n}\n", name)
        # A namesake of its own, and a class that its header only announces.
        self.tolerate("framework/device/other.cpp", opening + "class Host {\n};\nint Host::threads() {\n  return 2;\n}\n", name)
        self.write("framework/device/more.hpp", "// More.\n#pragma once\nclass Other;\n")
        self.plant("framework/device/more.cpp", '// More.\n#include "more.hpp"\nint Other::cores() {\n  return 2;\n}\n',
                   "framework/device/more.cpp: defines Other::cores", name)
        # A public class may have several sources.
        self.write("framework/include/millrace/stage.hpp", "// What a stage is.\n#pragma once\nclass MILLRACE_EXPORT Stage {\n  int run();\n};\n")
        self.tolerate("framework/device/other.cpp", opening + "int Stage::run() {\n  return 2;\n}\n", name)

    def test_headers_that_lie_with_attributes_and_kernels(self):
        name = "check_arrows"
        self.write("framework/device/host.cpp", '// Nothing.\n#include "host.hpp"\n')
        self.write("framework/device/other.hpp", "#pragma once\n")
        for suffix, attribute in (("cpp", "[[noreturn]] "), ("cpp", '[[deprecated("of old")]] '), ("cu", "")):
            self.write("framework/device/host.hpp", f"// The cores of the host.\n#pragma once\n{attribute}int host_cores();\n")
            self.plant(f"framework/device/other.{suffix}", f"// Others.\n{attribute}int host_cores() {{\n  return 2;\n}}\n",
                       f"framework/device/host.hpp:3: declares host_cores, which framework/device/other.{suffix} defines", name)
        self.restore("framework/device/host.hpp")
        # The one header of several .cu files, which nvcc alone reads.
        self.write("framework/cuda/kernels/launch.hpp", "// All launches.\n#pragma once\nvoid launch(int rows);\n")
        self.write("framework/core/count.hpp", "// Counts.\n#pragma once\n")
        self.tolerate("framework/cuda/kernels/sums.cu", '// Sums.\n#include "core/count.hpp"\n#include "cuda/kernels/launch.hpp"\nvoid launch(int rows) {\n}\n', name)

    def test_sizes(self):
        name = "check_arrows"
        self.tolerate("framework/device/host.cpp", '#include "host.hpp"\n' + "// a line\n" * 399, name)
        self.plant("framework/device/host.cpp", '#include "host.hpp"\n' + "// a line\n" * 400, "has 401 lines", name)
        for number in range(24):
            self.write(f"framework/device/more{number}.hpp", "#pragma once\n")
        self.reports("framework/device: holds 26 sources and headers", name)
        for number in range(24):
            self.write(f"stages/more{number}.cpp", "")
        (self.root / "framework/device/more0.hpp").unlink()
        self.accepts(name)

    def test_layout(self):
        name, layout = "check_layout", "framework/include/millrace/layout.hpp"
        self.reports("there is no framework/include/millrace/layout.hpp", name)
        note = ("#pragma once\ninline void count(Hash& hash) {\n  hash.type<StageThing>().values(Order::first, Order::second);\n}\n"
                "using Tables = TableEnds<Stage, Stage::Part>;\n")
        self.write(layout, note)
        header, text = "framework/include/millrace/stage.hpp", (
            "// What a stage is.\n#pragma once\nnamespace millrace {\nstruct StageThing {};\nenum class Order : int { first, second };\n"
            "class Stage {\n public:\n  virtual ~Stage();\n  struct Part {\n    virtual void work() = 0;\n  };\n private:\n  struct Own {};\n};\n"
            "template <class T>\nstruct Any {};\ninline int rows() {\n  struct Row {};\n  return 1;\n}\nstruct Row;\n}\n")
        self.write(header, text)
        self.accepts(name)
        for old, new, what in (
                ("second };", "second, third };", "stage.hpp:5: layout.hpp does not count third of Order"),
                ("{ first,", "{ zeroth, first,", "does not count zeroth of Order"),
                ("struct StageThing {};", "struct StageThing {}; struct More {};", "stage.hpp:4: layout.hpp does not count More"),
                ("struct StageThing {};", "struct StageThing { virtual void turn(); };", "no table of the virtual functions of StageThing"),
                ("  struct Part {", "  struct Half {};\n  struct Part {", "does not count Stage::Half")):
            self.write(header, text.replace(old, new))
            self.reports(what, name)
        self.write(header, text)
        for gone in (", Order::second", ", Stage::Part"):
            self.write(layout, note.replace(gone, ""))
            self.assertEqual(self.lint(name).returncode, 1)

    def test_sizes_of_tests_and_tools(self):
        name = "check_arrows"
        for path in ("tests/stages/long_test.cpp", "tests/stages/long_test.py", "tools/long.py", "tools/long", "tests/fuzz/long"):
            self.tolerate(path, "#!/bin/sh\n" + "# a line\n" * 399, name)
            self.plant(path, "#!/bin/sh\n" + "# a line\n" * 400, f"{path}: has 401 lines", name)
        self.tolerate("tests/fuzz/corpus/long", "no program\n" * 401, name)
        self.tolerate("tests/long.yaml", "a: 1\n" * 401, name)
        for number in range(25):
            self.write(f"tests/stages/more{number}_test.py", "")
        self.reports("tests/stages: holds 26 sources and headers", name)

    def test_tests_built(self):
        commands = [{"directory": str(self.root), "file": "tests/stages/flatten_test.cpp"}]
        self.write("build/compile_commands.json", json.dumps(commands))
        build = ("--build", str(self.root / "build"))
        self.accepts("check_tests_built", *build)
        self.plant("tests/stages/forgotten_test.cpp", "", "forgotten_test.cpp: no build", "check_tests_built", *build)
        self.plant("tests/tools/forgotten_test.py", "", "forgotten_test.py: no build", "check_tests_built", *build)
        self.plant("tests/web/client_test.py", "", "client_test.py: no build", "check_tests_built", *build)
        self.write("tools/test", "client onnx tests/web/client_test.py\n")
        self.write("tests/web/client_test.py", "")
        self.accepts("check_tests_built", *build)

    def link(self, name, *flags):
        self.write("empty.cpp", "int empty() { return 0; }\n")
        object_file = self.root / "objects" / name
        object_file.parent.mkdir(exist_ok=True)
        command = ["c++", "-shared", "-fPIC", *flags, "-o", str(object_file), str(self.root / "empty.cpp")]
        subprocess.run(command, check=True, cwd=object_file.parent)
        return object_file

    def test_objects(self):
        folder = str(self.root / "objects")
        self.link("none.so")
        self.link("clean.so", "-Wl,-rpath,/usr/lib:$ORIGIN/../lib")
        self.accepts("check_objects", folder)
        for what, flags in {
            "an empty element": ["-Wl,-rpath,/usr/lib::"],
            "a relative element": ["-Wl,-rpath,/usr/lib:lib"],
            "has a relative": ["-Wl,-rpath,lib", "-Wl,--disable-new-dtags"],
            "needs `./none.so`, which is relative": ["-Wl,--no-as-needed", "./none.so"],
        }.items():
            planted = self.link("planted.so", *flags)
            self.reports(what, "check_objects", folder)
            planted.unlink()
        self.accepts("check_objects", folder)

    def test_headers(self):
        self.accepts("check_headers")
        header = "framework/include/millrace/stage.hpp"
        self.plant(header, "#pragma once\nstd::string name();\n", "stage.hpp", "check_headers")
        self.plant("framework/include/millrace/plugin.h", "namespace x {}\n", "plugin.h", "check_headers")

    def test_words(self):
        self.accepts("check_words")
        self.plant("stages/string_utils.cpp", "", "`utils` says nothing", "check_words")
        self.plant("README.md", "see /ho" + "me/other/data\n", "path of somebody's machine", "check_words")
        self.plant("tools/test", "curl de" + "b.example.org\n", "registry's host name", "check_words")
        self.plant("README.md", "as the last sess" + "ion found\n", "how the text came to be", "check_words")

    def test_spelling(self):
        name = "check_words"
        for word in ("behavio" + "ur", "Spoil" + "tPlugin", "is_normalis" + "ed", "gr" + "ey", "cancell" + "ed", "toward" + "s"):
            self.plant("README.md", f"see `{word}`\n", f"`{word.removeprefix('is_').removesuffix('Plugin')}` is British spelling", name)
        self.tolerate("README.md", "analyses of parallelism, precisely promised; a colored program, otherwise realistic\n", name)
        self.tolerate("CHANGELOG.md", "`license` was licen" + "ce\n", name)

    def test_openings_that_repeat_the_header(self):
        name, what = "check_words", "opens with the words of its header"
        self.plant("framework/device/host.cpp", '// The cores of the host.\n#include "host.hpp"\n', what, name)
        self.plant("framework/device/host.cpp", '// The cores of\n#include "host.hpp"\n', what, name)
        self.tolerate("framework/device/host.cpp", '// The cores of the host. Asked once.\n#include "host.hpp"\n', name)

    def test_rules(self):
        name, file = "check_rules", "stages/flatten.cpp"
        self.accepts(name)
        self.plant("README.md", "line\n" * 111, "README.md: 111 lines", name)
        self.tolerate("README.md", "line\n" * 110, name)
        self.plant(file, "// Rows.\nint begin_" + "pass(int epoch);\n", "stages/flatten.cpp:2: `begin_" + "pass` has given way to begin_epoch", name)
        self.plant(file, "// Rows.\ndiagnostics.add({ErrorKind::config, name});\n", "made by named fields", name)
        self.plant(file, "// Rows.\nthrow Error(Problem{ErrorKind::run, name});\n", "made by named fields", name)
        self.tolerate(file, "// Rows.\ndiagnostics.add({.kind = ErrorKind::config});\n", name)
        for allocation in ("auto* rows = new Rows(3);", "return new float[3];", "void* rows = std::malloc(3);"):
            self.plant(file, f"// Rows.\n{allocation}\n", "stages/flatten.cpp:2: no `new` or malloc here", name)
            self.tolerate("framework/device/pool.cpp", f"// Rows.\n{allocation}\n", name)
        for other in ("#include <new>", "page = new (memory) Page;", 'say("a new row, malloc(3)");', "int rows;  // a new row", "void* operator new(std::size_t);"):
            self.tolerate(file, f"// Rows.\n{other}\n", name)

    def test_openings(self):
        name, what = "check_words", "does not open with a `//` sentence"
        for folder in ("framework/device", "stages", "pipelines/run", "examples", "tests/stages", "tools"):
            self.plant(f"{folder}/other.cpp", "int other();\n", f"{folder}/other.cpp:1: {what}", name)
        for suffix in ("hpp", "cu", "cuh"):
            self.plant(f"stages/other.{suffix}", "#pragma once\n// What comes too late.\n", what, name)
        for text in ("", "\n// A line too late.\n", "// Two words.\n", "// -- // --\n", "/* Of the other kind. */\n"):
            self.plant("stages/flatten.cpp", text, what, name)
        self.tolerate("stages/flatten.cpp", "// On two\n// lines.\n", name)
        self.tolerate("stages/other.py", "", name)
        self.tolerate("docs/other.cpp", "", name)

    def test_docs(self):
        self.accepts("check_docs")
        for text, what in {
            "`stages/gone.cpp`": "there is no stages/gone.cpp",
            "`gone.yaml`": "no file called gone.yaml",
            "`StageOther`": "no source has the name StageOther",
            "`tools/test --slow`": "--slow",
            "[x](docs/gone.md)": "docs/gone.md, which does not exist",
            "```sh\ncmake --preset gone\n```": "no preset gone",
            "```sh\ntools/gone --full\n```": "there is no tools/gone",
        }.items():
            self.plant("README.md", text + "\n", what, "check_docs")

    def test_docs_runs_the_quoted_commands(self):
        program = ("--pipeline-run", "false")
        self.plant("README.md", "`pipeline-run check configs/x.yaml`\n", "ends with 1", "check_docs", *program)
        self.plant("README.md", "```sh\npipeline-run configs/x.yaml\n```\n", "--dry-run` ends with 1", "check_docs", *program)

    def test_docs_only_rehearses_what_begins_with_an_option(self):
        program = ("--pipeline-run", "false")
        self.plant("README.md", "```sh\npipeline-run --quiet configs/x.yaml\n```\n", "x.yaml --dry-run` ends with 1", "check_docs", *program)
        for page in ("--help", "-h", "--version"):
            self.plant("README.md", f"```sh\npipeline-run {page}\n```\n", f"`pipeline-run {page}` ends with 1", "check_docs", *program)

    def test_an_empty_tree_is_a_mistake_and_not_a_success(self):
        with tempfile.TemporaryDirectory() as empty:
            for name in ("check_arrows", "check_docs", "check_words", "check_rules", "check_headers"):
                done = subprocess.run([sys.executable, str(LINT / f"{name}.py"), "--root", empty], capture_output=True, check=False)
                self.assertEqual(done.returncode, 1, name)


if __name__ == "__main__":
    unittest.main()
