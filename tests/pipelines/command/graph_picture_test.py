"""`graph --format svg`: what is drawn, and that librsvg and Chromium draw the same. Each is skipped loudly where it is not installed."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

from program import run

CONFIG = "configs/mnist_mlp.yaml"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script>\\"\'&\\u202e\\uffff\\u0001 \\u4e2d\\u6587 ' + "long " * 60
PROGRAMS = {"rsvg-convert (librsvg2-bin)": shutil.which("rsvg-convert"), "chromium": shutil.which("chromium")}


def need(name):
    if not PROGRAMS[name]:
        print(f"SKIPPED: {name} is not installed", file=sys.stderr)
    return unittest.skipUnless(PROGRAMS[name], f"{name} is not installed")


class Picture:
    """Pixels of a PNG of 8 bits with three or four channels, by the standard alone."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        at, packed = 8, b""
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            if kind == b"IHDR":
                self.width, self.height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", data[at + 8:at + 21])
                assert bits == 8 and interlaced == 0 and color in (2, 6)
                self.step = 3 if color == 2 else 4
            packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
            at += 12 + length
        raw, size = zlib.decompress(packed), self.width * self.step
        self.lines, above = [], bytearray(size)
        for y in range(self.height):
            kind, line = raw[y * (size + 1)], bytearray(raw[y * (size + 1) + 1:(y + 1) * (size + 1)])
            self.unfilter(kind, line, above)
            self.lines.append(line)
            above = line

    def unfilter(self, kind, line, above):
        for i in range(len(line) if kind else 0):
            a, b, c = (line[i - self.step] if i >= self.step else 0), above[i], (above[i - self.step] if i >= self.step else 0)
            p = a + b - c
            near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, near)[kind]) & 255

    def at(self, x, y):
        return tuple(self.lines[int(y)][int(x) * self.step:int(x) * self.step + 3])


def color(text):
    return tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))


class Graph(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        process = run("graph", CONFIG, "--format", "svg")
        assert process.returncode == 0, process.stderr
        cls.text = process.stdout
        cls.path = f"{cls.folder}/graph.svg"
        with open(cls.path, "w", encoding="utf-8") as file:
            file.write(cls.text)

    def points(self, text):
        """(x, y, color) of the points of all nodes."""
        found = []
        for group in xml.etree.ElementTree.fromstring(text.encode()).iter(SVG + "g"):
            if "transform" in group.attrib:
                x, y = map(float, re.fullmatch(r"translate\((\S+) (\S+)\)", group.attrib["transform"]).groups())
                point, = group.iter(SVG + "circle")
                found.append((x + float(point.attrib["cx"]), y + float(point.attrib["cy"]), color(point.attrib["fill"])))
        return found

    def test_every_node_is_there_with_what_it_gives(self):
        tree = xml.etree.ElementTree.fromstring(self.text.encode())
        texts = [text.text for text in tree.iter(SVG + "text")]
        for wanted in ("mnist_mlp", "train", "train_inputs.flatten", "learn", "trainer", "evaluate", "images u8 [n, 28, 28]; labels u8 [n]", "f32 [n, 784]", "source"):
            self.assertIn(wanted, texts)
        self.assertEqual(len(self.points(self.text)), 15)

    def test_nothing_in_it_needs_more_than_svg(self):
        self.assertNotRegex(self.text, "currentColor|var\\(|<style|<script|url\\(|@import|href|class=")
        self.assertEqual(re.findall("https?://[^\"]*", self.text), ["http://www.w3.org/2000/svg"])
        self.assertLess(len(self.text), 50_000)

    def test_hostile_names_stay_names(self):
        config = f'version: 1\nname: "{HOSTILE}"\ngraph:\n  rows: {{stage: table_source, with: {{columns: {{x: [1, 2]}}}}}}\n  show: {{stage: print, in: rows.x}}\n'
        process = run("graph", "-", "--format", "svg", input=config)  # names of nodes are words
        self.assertEqual(process.returncode, 0, process.stderr)
        tree = xml.etree.ElementTree.fromstring(process.stdout.encode())
        self.assertTrue(tree.find(SVG + "title").text.startswith("<script>alert(1)</script>\"'&\\u202e\\uffff\\x01"))
        self.assertNotIn("<script", process.stdout)
        self.assertEqual(len(list(tree.iter(SVG + "script"))), 0)

    def drawn(self, path):
        picture = Picture(path)
        for x, y, wanted in self.points(self.text):
            self.assertLess(max(abs(a - b) for a, b in zip(picture.at(x, y), wanted)), 12, (x, y))
        self.assertEqual(picture.at(picture.width - 2, 2), (255, 255, 255))
        return picture

    def by_librsvg(self):
        path = f"{self.folder}/librsvg.png"
        subprocess.run(["rsvg-convert", "-o", path, self.path], check=True, timeout=60)
        return self.drawn(path)

    @need("rsvg-convert (librsvg2-bin)")
    def test_librsvg_draws_it(self):
        root = xml.etree.ElementTree.fromstring(self.text.encode())
        picture = self.by_librsvg()
        self.assertEqual((picture.width, picture.height), (int(root.attrib["width"]), int(root.attrib["height"])))

    @need("chromium")
    @need("rsvg-convert (librsvg2-bin)")
    def test_chromium_draws_the_same(self):
        a, path = self.by_librsvg(), f"{self.folder}/chromium.png"
        done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={self.folder}/chromium",
                               f"--window-size={a.width},{a.height}", f"--screenshot={path}", f"file://{self.path}"], capture_output=True, timeout=120, check=False)
        if not os.path.exists(path):
            print(f"SKIPPED: chromium made no picture: {done.stderr[-200:]}", file=sys.stderr)
            return
        b = self.drawn(path)
        self.assertEqual((a.width, a.height), (b.width, b.height))
        # Fonts and the edges of lines differ; where ink is does not.
        others = sum(abs(p - q) > 96 for x, y in zip(a.lines, b.lines) for p, q in zip(x[::a.step], y[::b.step]))
        self.assertLess(others / (a.width * a.height), 0.04)


if __name__ == "__main__":
    unittest.main()
