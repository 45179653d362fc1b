#!/usr/bin/env python3
"""tools/install_packages on a system that is not Debian's: it lists what is missing, installs nothing and fails."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "install_packages"
NEEDED = ("sh", "dirname", "tr", "echo", "c++", "as", "cc1plus")


class InstallPackages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for name in NEEDED:
            if shutil.which(name):
                (self.bin / name).symlink_to(shutil.which(name))
        shutil.copy(SCRIPT, self.root)

    def install(self, packages, *groups):
        (self.root / "packages-debian.txt").write_text(packages, encoding="utf-8")
        return subprocess.run([self.bin / "sh", self.root / "install_packages", *groups], env={"PATH": str(self.bin)},
                              capture_output=True, text=True, check=False)

    def test_what_is_missing_is_listed_and_nothing_else(self):
        done = self.install("build  cmake  cmd:cmake\nbuild  libc-dev  hdr:stdio.h\nbuild  libgone-dev  hdr:gone/gone.h\n"
                            f"build  this  file:{SCRIPT}\ntest  elsewhere  cmd:elsewhere\n", "build")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual([line.strip() for line in done.stderr.splitlines()[1:-1]], ["cmake", "libgone-dev"])
        self.assertIn("not a Debian-like system", done.stderr)
        self.assertIn("run the same command again", done.stderr)

    def test_nothing_is_said_when_all_is_there(self):
        done = self.install(f"build  this  file:{SCRIPT}\n", "build")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main()
