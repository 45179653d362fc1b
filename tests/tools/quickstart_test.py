#!/usr/bin/env python3
"""tools/quickstart with stand-ins for CMake and the program: it says which parts are built, shows how far the build is, and what
it prints as next commands fits the data it trained on."""
import os
import pathlib
import pty
import shlex
import shutil
import subprocess
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]

CMAKE = """#!/bin/sh
case "$1" in
  --preset | -S) echo "arguments: $*" ; mkdir -p build/release && touch build/release/CMakeCache.txt ; echo "-- part: NVIDIA GPUs (CUDA): no, there is no nvcc"; echo "-- noise" ;;
  --build)
    for i in 1 2 3 4 5 6 7 8 9 10; do echo "[$i/10] Building thing$i"; done
    [ -z "$FAILS" ] || { echo "error: thing11"; exit 1; }
    mkdir -p build/release/bin && cp program build/release/bin/pipeline-run ;;
esac
"""
PROGRAM = """#!/bin/sh
[ "$1" != fetch ] || exit $NO_MNIST
echo "trains on ${MILLRACE_DATASET:-mnist}: $*"
"""


class Quickstart(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("bin", "tools"):
            (self.root / name).mkdir()
        for name in ("quickstart", "build_progress"):
            shutil.copy(TREE / "tools" / name, self.root / "tools")
        for name, text in {"bin/cmake": CMAKE, "program": PROGRAM, "tools/install_packages": "#!/bin/sh\n"}.items():
            (self.root / name).write_text(text, encoding="utf-8")
            (self.root / name).chmod(0o755)

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MILLRACE_")}
        return {**kept, "PATH": f"{self.root}/bin:{kept['PATH']}", "FAILS": "", "NO_MNIST": "0", "TERM": "xterm", **more}

    def start(self, *arguments, **more):
        return subprocess.run([self.root / "tools" / "quickstart", *arguments], env=self.environment(**more),
                              capture_output=True, text=True, check=False)

    def test_it_says_what_is_built_and_how_far_it_is(self):
        done = self.start("--set", "epochs=1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("    NVIDIA GPUs (CUDA): no, there is no nvcc\n", done.stdout)
        self.assertNotIn("noise", done.stdout)
        self.assertIn("    5 of 10 built", done.stdout)
        self.assertNotIn("\r", done.stdout)
        self.assertIn("build/quickstart.log", done.stdout)
        self.assertIn("Building thing10", (self.root / "build/quickstart.log").read_text(encoding="utf-8"))
        self.assertIn("trains on mnist: configs/mnist_mlp.yaml --set epochs=1", done.stdout)
        self.assertIn(f'export PATH="{self.root}/build/release/bin:$PATH"', done.stdout)
        self.assertNotIn("export MILLRACE_DATASET", done.stdout)

    def test_a_folder_that_is_configured_keeps_what_is_built_in_it(self):
        log = self.root / "build/quickstart.log"
        self.start()
        self.assertIn("arguments: --preset release -DMILLRACE_BUILD_TESTS=OFF", log.read_text(encoding="utf-8"))
        self.start()
        self.assertIn("arguments: -S . -B build/release\n", log.read_text(encoding="utf-8"))

    def test_on_a_terminal_one_line_is_drawn_again(self):
        reader, writer = pty.openpty()
        with subprocess.Popen([self.root / "tools" / "quickstart"], env=self.environment(), stdout=writer) as process:
            os.close(writer)
            shown = b""
            try:
                while more := os.read(reader, 4096):
                    shown += more
            except OSError:  # how a terminal says that its other end has gone
                pass
            self.assertEqual(process.wait(), 0)
        os.close(reader)
        self.assertIn(b"\r\x1b[K    5 of 10 built", shown)
        self.assertNotIn(b"Building thing", shown)

    def test_after_fashion_mnist_the_variable_is_named_that_makes_the_tour_work(self):
        done = self.start(NO_MNIST="4")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("trains on fashion_mnist", done.stdout)
        self.assertIn("  export MILLRACE_DATASET=fashion_mnist ", done.stdout)

    def test_what_the_program_would_refuse_is_refused_before_anything_is_installed(self):
        for arguments in (["--epochs", "1"], ["epochs=1"], ["--set"], ["mnist_mlp"]):
            done = self.start(*arguments)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertEqual(done.stdout, "")
            self.assertIn("tools/quickstart --set epochs=1", done.stderr)
        for arguments in (["--set=epochs=1", "-q"], ["-sepochs=1", "--threads", "2", "--json"]):
            self.assertEqual(self.start(*arguments).returncode, 0)

    def test_help_is_printed_wherever_it_is_asked_for(self):
        for arguments in (["--help"], ["-h"], ["--set", "epochs=1", "--help"], ["-q", "-h"]):
            done = self.start(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            self.assertTrue(done.stdout.startswith("usage: tools/quickstart"), done.stdout)
            self.assertNotIn("packages\n", done.stdout)
        self.assertIn("pipeline-run has no option --helpful", self.start("--set", "epochs=1", "--helpful").stderr)

    def test_the_next_commands_can_be_pasted_with_their_comments(self):
        done = self.start(NO_MNIST="4")
        text = done.stdout[done.stdout.index("Next, "):].split("\n", 1)[1]
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            self.assertTrue(not words or words[0] in ("export", "pipeline-run", "tools/quickstart", "tools/test"), line)
            self.assertNotRegex(" ".join(words), " {2}|instead|bytes")

    def test_a_build_that_fails_ends_with_its_last_lines(self):
        done = self.start(FAILS="yes")
        self.assertEqual(done.returncode, 1)
        self.assertIn("error: thing11", done.stderr)
        self.assertIn("build/quickstart.log", done.stderr)
        self.assertNotIn("trains on", done.stdout)


if __name__ == "__main__":
    unittest.main()
