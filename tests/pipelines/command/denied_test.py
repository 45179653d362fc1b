"""What another user than root is told about files that it may not read or write.

Exits with 77, which ctest shows as skipped, where it cannot become such a user, or where that user cannot start the program."""
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from program import PROGRAM

NOBODY = 65534
PLUGIN = os.environ["MOODY_PLUGIN"]
LET = "let yourself read it: `ls -l` shows the permissions of the file and its folder"
TABLE = "  points: {stage: table_source, with: {columns: {x: [0, 1]}}}\n"
GOOD = "version: 1\ngraph:\n" + TABLE + "  show: {stage: print, in: points.x}\n"
IMAGES = "version: 1\ngraph:\n  load: {stage: idx_loader, with: {images: %s}}\n  show: {stage: print, in: load.images}\n"
UNKNOWN = "version: 1\ngraph:\n" + TABLE + "  mine: {stage: not_there, in: points.x}\n  show: {stage: print, in: mine}\n"


def as_nobody(*command, env=None, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, user=NOBODY, group=NOBODY, extra_groups=[],
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "XDG_DATA_HOME": "/nonexistent", **(env or {})},
                          **more)


def why_not_here():
    if os.geteuid() != 0:
        return "only root can become another user"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        try:
            if as_nobody(PROGRAM, "--version", cwd=folder).returncode == 0:
                return ""
        except OSError as error:
            return f"another user cannot start {PROGRAM}: {error}"
    return f"another user cannot start {PROGRAM}"


class Denied(unittest.TestCase):
    """Every file is in a folder that anybody may look into; what is closed is closed to all but root."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)
        self.closed = self.folder / "closed"
        self.closed.mkdir(mode=0o700)

    def file(self, name, content, closed=False):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600 if closed else 0o644)
        return path

    def told(self, code, *parts, arguments, **more):
        process = as_nobody(PROGRAM, *(str(a) for a in arguments), cwd=self.folder, **more)
        self.assertEqual(process.returncode, code, process.stderr)
        for part in parts:
            self.assertIn(part, process.stdout + process.stderr)
        return process

    def test_a_config(self):
        for path in (self.file("c.yaml", GOOD, closed=True), self.file("closed/c.yaml", GOOD)):
            with self.subTest(path=path):
                self.told(3, f"error[config-unreadable]: cannot read `{path}`: Permission denied", LET, arguments=["check", path])

    def test_the_file_that_a_config_extends(self):
        self.file("base.yaml", GOOD, closed=True)
        self.told(3, "error[extends-missing]: cannot read `base.yaml`: Permission denied", "--> c.yaml:1:10", LET,
                  arguments=["check", self.file("c.yaml", "extends: base.yaml\n").name])

    def test_a_file_of_data(self):
        idx = bytes([0, 0, 8, 1]) + struct.pack(">I", 2) + bytes(2)
        for path in (self.file("images", idx, closed=True), self.file("closed/images", idx)):
            with self.subTest(path=path):
                config = self.file("c.yaml", IMAGES % path).name
                self.told(4, f"error[file-unreadable]: node `load` (idx_loader): {path}: cannot open: Permission denied",
                          "--> c.yaml:3:44", LET, arguments=["check", config])

    def test_a_folder_with_a_data_set(self):
        (self.closed / "mnist").mkdir()
        config = "version: 1\ngraph:\n  load: {stage: idx_loader, with: {dataset: mnist, split: test}}\n" \
                 "  show: {stage: print, in: load.images}\n"
        self.told(4, "error[dataset-missing]", f"cannot look into `{self.closed}/mnist`: Permission denied; {LET}",
                  arguments=[self.file("c.yaml", config).name, "--no-keep"], env={"MILLRACE_DATA_DIR": str(self.closed)})

    def test_a_folder_for_data_sets(self):
        for to, what in ((self.closed, "make a file in"), (self.folder / "new", "make the folder")):
            with self.subTest(to=to):
                self.told(7, f"error[output-unwritable]: cannot {what} `{to}`: Permission denied",
                          "choose a folder in which you may write", arguments=["fetch", "mnist", "--to", to])

    def test_a_folder_for_runs(self):
        config = self.file("c.yaml", GOOD)
        for runs in (self.closed, self.folder / "new"):
            with self.subTest(runs=runs):
                process = self.told(7, "error[output-unwritable]: cannot ", f"`{runs}", "Permission denied", "--runs DIR", "--no-keep",
                                    arguments=[config, "--runs", runs])
                self.assertEqual(process.stdout, "")

    def test_a_folder_for_a_new_stage(self):
        self.told(7, "error[output-unwritable]: cannot make the folder `mine`: Permission denied",
                  "start from a folder in which you may write", arguments=["new-stage", "mine", "--kind", "source"])

    def test_a_plugin(self):
        config = self.file("c.yaml", GOOD)
        (self.folder / "open").mkdir()
        for path in (self.folder / "open/moody.so", self.closed / "moody.so"):
            with self.subTest(path=path):
                shutil.copy(PLUGIN, path)
                path.chmod(0o600)
                self.told(6, f"error[plugin-missing]: plugin `{path}`: it cannot be read: Permission denied", LET,
                          arguments=["check", config, "--plugin", path])
        path.chmod(0o644)
        self.told(6, f"there is no moody.so in `{self.closed}` (Permission denied)", arguments=["check", config, "--plugin", "moody"],
                  env={"MILLRACE_PLUGIN_PATH": str(self.closed)})

    def test_a_folder_of_plugins(self):
        config = self.file("c.yaml", UNKNOWN)
        for folder in (self.closed, self.closed / "below"):
            with self.subTest(folder=folder):
                env = {"MILLRACE_PLUGIN_PATH": str(folder)}
                refusal = f"cannot look into the folder `{folder}`: Permission denied"
                self.told(3, "error[unknown-stage]", f"refused: {refusal}; {LET}", arguments=["check", config], env=env)
                self.told(6, f"refused, plugin-folder-unreadable: {refusal}", LET, arguments=["stages", "not_there", "--why"], env=env)

    def test_an_output_that_is_not_open_for_writing(self):
        with open(self.file("only_read", ""), encoding="utf-8") as output:
            process = subprocess.run([PROGRAM, self.file("c.yaml", GOOD), "--json", "--no-keep"], stdout=output, stderr=subprocess.PIPE, text=True,
                                     timeout=120, user=NOBODY, group=NOBODY, extra_groups=[], check=False)
        self.assertEqual(process.returncode, 7, process.stderr)
        self.assertIn("error[output-unwritable]: cannot write to standard output: Bad file descriptor", process.stderr)
        self.assertIn("not open for writing", process.stderr)


if __name__ == "__main__":
    if reason := why_not_here():
        print("skipped:", reason)
        sys.exit(77)
    unittest.main()
