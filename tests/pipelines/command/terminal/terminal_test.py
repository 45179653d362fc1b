"""A run in a real terminal: tmux, whose windows change their width and can be stopped with Ctrl-S."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from program import PROGRAM, TINY

ROOT = os.getcwd()


class Window:
    """A tmux server of its own with one window that runs a command and then waits to be looked at."""

    def __init__(self, test, columns, command, **env):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.socket = pathlib.Path(folder.name) / "tmux"
        test.addCleanup(lambda: subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], check=False, capture_output=True))
        clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TMUX", "LC_ALL")}
        self.env = {**clean, "LANG": "C.UTF-8", "LC_CTYPE": "C.UTF-8", **env}
        self.tmux("-f", "/dev/null", "new", "-d", "-x", str(columns), "-y", "50", "-c", ROOT,
                  f"{command}; echo ended with $?; exec sleep 600")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", str(self.socket), *words], env=self.env, check=True, capture_output=True, text=True).stdout

    def rows(self, joined=False):
        """What is on the screen. `joined`: rows that the terminal has wrapped are one."""
        return [row.rstrip() for row in self.tmux("capture-pane", "-p", *(["-J"] if joined else [])).split("\n") if row.strip()]

    def wait_for_rows(self, wanted):
        for _ in range(6000):
            rows = self.rows()
            if wanted(rows):
                return rows
            time.sleep(0.02)
        raise AssertionError("never came\n" + "\n".join(self.rows()))

    def wait_for(self, text):
        return self.wait_for_rows(lambda rows: any(text in row for row in rows))

    def wait_for_another(self, row):
        """The live line has been drawn again."""
        return self.wait_for_rows(lambda rows: row not in rows)


def command(*arguments, then=""):
    return shlex.join([PROGRAM, *arguments]) + then


class Widths(unittest.TestCase):
    def test_no_row_is_wrapped_and_each_epoch_shows_its_losses(self):
        for columns in 40, 60, 80, 120, 200:
            window = Window(self, columns, command(TINY, "--set", "epochs=4"))
            rows = window.wait_for("ended with 0")
            heads = [row for row in rows if row.startswith("Epoch ")]
            self.assertEqual([row.split()[1] for row in heads], ["1/4", "2/4", "3/4", "4/4"], rows)
            for metric in "  loss ", "  val_loss ":
                self.assertEqual(sum(metric in "  " + row for row in rows), 4, rows)
            if columns >= 80:
                self.assertEqual(rows, window.rows(joined=True))

    def test_an_error_of_check_stands_over_its_caret(self):
        for columns in 40, 60, 80, 120, 200:
            window = Window(self, columns, command("check", "configs/mnist_mlp.yaml", "--set", "train_targets.class=10")
                            + "; sed 's/classes/klasses/' configs/mnist_mlp.yaml | " + command("check", "-"))
            rows = window.wait_for("ended with 3")
            caret = next(i for i, row in enumerate(rows) if "^^^^^^^" in row and row.startswith("   |"))
            self.assertEqual(rows[caret - 1][rows[caret].index("^"):][:7], "klasses", rows)

    def test_a_window_that_becomes_narrower_is_not_flooded(self):
        window = Window(self, 110, command(TINY, "--set", "epochs=100000", "--every", "100000"))
        window.wait_for("ETA")
        for columns in 70, 50, 41:
            window.tmux("resize-window", "-x", str(columns))
            window.wait_for_rows(lambda rows: rows and len(rows[-1]) < columns and "loss" in rows[-1])
            window.wait_for_another(window.rows()[-1])
        rows = window.rows()
        self.assertLessEqual(len(rows), 4, rows)  # the live line, and what each change of the width may leave
        window.tmux("send-keys", "C-c")
        window.wait_for("ended with 130")


class Stopped(unittest.TestCase):
    def test_a_terminal_that_takes_nothing_stops_no_run_and_loses_no_result(self):
        with tempfile.TemporaryDirectory() as folder:
            result = pathlib.Path(folder) / "result.json"
            window = Window(self, 80, f"read go; {command(TINY, '--set', 'epochs=2000', '--json')} > {shlex.quote(str(result))}")
            window.tmux("send-keys", "Enter", "C-s")
            for _ in range(6000):
                if result.exists() and result.read_bytes().endswith(b"\n"):
                    break
                time.sleep(0.02)
            found = json.loads(result.read_text(encoding="utf-8"))
            self.assertEqual((len(found["epochs"]), found["exit"]["code"]), (2000, 0))
            window.tmux("send-keys", "C-q")
            window.wait_for("ended with 0")
            self.assertTrue(any("Epoch 2000/2000" in row for row in window.rows()))


if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("skipped: there is no tmux")
        sys.exit(77)
    unittest.main()
