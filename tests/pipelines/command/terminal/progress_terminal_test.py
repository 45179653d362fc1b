"""The progress of a run, through a pipe and on a pseudo terminal."""
import os
import pty
import re
import subprocess
import unittest

from program import PROGRAM, TINY, run


def on_terminal(*arguments, **env):
    """Everything that a terminal gets from a run: standard output and standard error together."""
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "LC_ALL")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
                               env={**clean, "TERM": "xterm", "LANG": "C.UTF-8", "LC_CTYPE": "C.UTF-8", **env})
    os.close(theirs)
    read = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the last writer has closed its side
            break
        if not piece:
            break
        read += piece
    os.close(ours)
    assert process.wait(timeout=120) == 0, read
    return read.decode()


# Long enough for a live line to be drawn, however busy the machine is; few lines stay.
DRAWN = (TINY, "--set", "epochs=3000", "--every", "1000")


def kept_lines(text):
    """What stays on the screen: of each line the part behind its last redraw."""
    return [line.split("\r\x1b[K")[-1] for line in text.replace("\r\n", "\n").split("\n")]


class Pipe(unittest.TestCase):
    def test_there_is_one_plain_line_an_epoch_on_standard_output_and_the_runs_folder_on_standard_error(self):
        process = run(TINY, "--set", "epochs=5", env={"LC_ALL": "C.UTF-8"})
        self.assertRegex(process.stderr, r"\Arun \S+/linear_fit-\d+\n\Z")
        self.assertNotRegex(process.stdout, "[\r\x1b━]")
        lines = [line for line in process.stdout.splitlines() if line.startswith("Epoch ")]
        self.assertEqual([line.split()[1] for line in lines], ["1/5", "2/5", "3/5", "4/5", "5/5"])
        for line in lines:
            self.assertRegex(line, r"^Epoch \d/5  1/1  \d+\.\ds  loss \S+  .*val_loss \S+  \S+ samples/s")

    def test_all_of_many_epochs_are_there_unless_fewer_are_asked_for(self):
        for more, count in ([], 300), (["--every", "100"], 3), (["--every", "7"], 43):
            self.assertEqual(run(TINY, *more).stdout.count("Epoch "), count)
        self.assertEqual(run(TINY, "--every", "0").returncode, 2)

    def test_the_object_is_alone_on_standard_output_and_the_lines_go_to_standard_error(self):
        process = run(TINY, "--set", "epochs=2", "--json")
        self.assertEqual(process.stdout.count("\n"), 1)
        for text in "Epoch 2/2", "linear_fit: done", "0.dense.kernel":
            self.assertIn(text, process.stderr)

    def test_the_end_names_weights_time_memory_and_device(self):
        text = run(TINY, "--set", "epochs=2").stdout
        self.assertRegex(text, r"\nlinear_fit: done in [\d.]+s")
        self.assertRegex(text, r"\nweights sha256 [0-9a-f]{64}\n")
        self.assertRegex(text, r"\ndevice memory: peak \S+ \S+, leaked 0 B\n")
        self.assertRegex(text, r"\ndevice cpu \(.+\), \d+ thread")


class Terminal(unittest.TestCase):
    def test_there_is_one_line_an_epoch_kept_on_screen(self):
        text = on_terminal(TINY, "--set", "epochs=4")
        lines = [line for line in kept_lines(text) if line.startswith("Epoch ")]
        self.assertEqual([line.split()[1] for line in lines], ["1/4", "2/4", "3/4", "4/4"])
        for line in lines:
            self.assertIn("loss", line)
        self.assertNotIn("━", "".join(lines))
        self.assertIn("━", on_terminal(*DRAWN))  # the bar of a live line

    def test_what_is_half_drawn_is_taken_back(self):
        text = on_terminal(TINY, "--set", "epochs=4")
        drawn = len(re.findall(r"Epoch \d/4  [^\r\n]*(?=\r\x1b\[K)", text))
        self.assertLessEqual(drawn, text.count("\r\x1b[K"))
        self.assertNotRegex(kept_lines(text)[-1], "Epoch")

    def test_no_color_leaves_no_color(self):
        self.assertIn("\x1b[32m", on_terminal(*DRAWN))
        self.assertNotIn("\x1b[32m", on_terminal(*DRAWN, NO_COLOR="1"))
        self.assertNotIn("\x1b[32m", on_terminal(*DRAWN, "--color", "never"))

    def test_another_locale_gets_ascii(self):
        text = on_terminal(*DRAWN, LANG="C", LC_CTYPE="C")
        self.assertTrue(text.isascii())
        self.assertIn("====", text)

    def test_a_dumb_terminal_is_not_redrawn(self):
        text = on_terminal(TINY, "--set", "epochs=2", TERM="dumb")
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\r", text.replace("\r\n", "\n"))
        self.assertTrue(text.isascii())


if __name__ == "__main__":
    unittest.main()
