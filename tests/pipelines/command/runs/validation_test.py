"""What a run keeps of its validation rows: who was taken for whom, the worst rows as pictures, points and line of a quantity."""
import base64
import json
import os
import pathlib
import struct
import subprocess
import unittest
import zlib

from idx_files import write_idx, write_images
from kept_run_test import CONFIG, WithRuns
from program import PROGRAM, result_of
from report_pages_test import Page, widest

IMAGES = """version: 1
name: small
seed: 3
epochs: 4
device: cpu
graph:
  train:   {stage: idx_loader, with: {images: train-images, labels: train-labels, shuffle: true}}
  inputs:  {chain: prep, in: train.images}
  targets: {stage: one_hot, in: train.labels, with: {classes: CLASSES}}
  batches: {stage: batcher, in: {inputs: inputs, targets: targets}, with: {batch_size: 8}}
  learn:
    stage: trainer
    in: batches
    with: {model: [dense: {units: 16, activation: relu}, dense: {units: 10, activation: softmax}], loss: categorical_crossentropy, optimizer: {adam: {}}}
  valid:   {stage: idx_loader, with: {images: valid-images, labels: valid-labels}}
  vinputs: {chain: prep, in: valid.images}
  vtargets: {stage: one_hot, in: valid.labels, with: {classes: CLASSES}}
  vbatches: {stage: batcher, in: {inputs: vinputs, targets: vtargets}, with: {batch_size: 32}}
  vthere:  {stage: transfer, in: vbatches}
  check:   {stage: evaluator, in: {data: vthere, model: learn.model}, with: {metrics: [loss, accuracy]}}
chains:
  prep: [flatten, normalize: {scale: 1/255}]
"""
BINARY = """version: 1
name: two
epochs: 5
device: cpu
graph:
  rows:    {stage: table_source, with: {columns: {x: [0, 1, 2, 3, 4, 5], y: [0, 0, 1, 0, 1, 1]}}}
  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.y}, with: {batch_size: 4}}
  a: {stage: trainer, in: batches, with: {model: [dense: {units: 1, activation: sigmoid}], loss: binary_crossentropy, metrics: [accuracy]}}
  b: {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
  vrows:    {stage: table_source, with: {columns: {x: [0, 1, 2, 3, 4, 5], y: [0, 0, 1, 0, 1, 1]}}}
  vbatches: {stage: batcher, in: {inputs: vrows.x, targets: vrows.y}, with: {batch_size: 4}}
  check_a: {stage: evaluator, in: {data: vbatches, model: a.model}}
  check_b: {stage: evaluator, in: {data: vbatches, model: b.model}}
  log: {stage: metrics_sink, in: {a: a.metrics, va: check_a.metrics, b: b.metrics, vb: check_b.metrics}}
"""
ROWS, HOSTILE = 333, ["<script>alert(1)</script>", '"\'&', "\u202egpj", "\u4e2d\u6587" * 40] + [f"c{i}" for i in range(4, 10)]


def gray_of(png):
    """Width, height and pixels of a gray PNG, by the standard alone."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, head = 8, b"", None
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        body = png[at + 8:at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length:at + 12 + length])[0] == zlib.crc32(kind + body)
        head, data = (body if kind == b"IHDR" else head), data + (body if kind == b"IDAT" else b"")
        at += 12 + length
    width, height = struct.unpack(">II", head[:8])
    lines = zlib.decompress(data)
    assert all(lines[y * (width + 1)] == 0 for y in range(height))
    return width, height, b"".join(lines[y * (width + 1) + 1:(y + 1) * (width + 1)] for y in range(height))


class WithImages(WithRuns):
    def small(self, classes="10", **files):
        write_images(self.folder, "train", 400)
        write_images(self.folder, "valid", ROWS)
        (self.folder / "small.yaml").write_text(IMAGES.replace("CLASSES", classes), encoding="utf-8")
        return str(self.folder / "small.yaml")

    def validation(self, name):
        return json.loads((self.runs / name / "current/validation.json").read_text(encoding="utf-8"))["models"]

    def page_of(self, path):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        page = Page(text)
        self.assertEqual(page.problems, [])
        self.assertNotRegex(text, "https?:|url\\(|<script")
        self.assertLess(len(text.encode()), 300_000)
        return text, page


class Classes(WithImages):
    def test_as_many_are_right_as_the_run_has_measured(self):
        result = result_of(self.kept(self.small(), "--json"))
        found, = self.validation("small-1")
        self.assertEqual((found["node"], found["epoch"], found["metric"], found["rows"]), ("learn", 4, "val_accuracy", ROWS))
        self.assertEqual(found["accuracy"], result["epochs"][-1]["val_accuracy"])
        self.assertTrue((self.runs / "small-1" / found["checkpoint"]).exists())
        rows = result_of(self.kept("predict", "last", "valid-images", "--json"))["files"][0]["predictions"]
        for number, one in enumerate(found["classes"]):
            self.assertEqual(one["name"], str(number))
            self.assertEqual(one["rows"], sum(p["row"] % 10 == number for p in rows))
            self.assertEqual(one["given"], sum(p["class"] == number for p in rows))
            right = sum(p["class"] == number == p["row"] % 10 for p in rows)
            self.assertEqual((one["right"], one["recall"]), (right, right / one["rows"]))
            self.assertAlmostEqual(one["precision"], right / one["given"] if one["given"] else 0)
        wrong = {(p["row"] % 10, p["class"]) for p in rows if p["class"] != p["row"] % 10}
        self.assertEqual({(is_, given) for is_, given, _ in found["confused"]}, wrong)
        worst = sorted(rows, key=lambda p: (p["values"][p["row"] % 10], p["row"]))[:24]
        self.assertEqual([row["row"] for row in found["worst"]], [p["row"] for p in worst])
        self.assertEqual([row["given"] for row in found["worst"]], [p["class"] for p in worst])
        self.assertEqual([row["wanted_probability"] for row in found["worst"]], [p["values"][p["row"] % 10] for p in worst])

    def test_the_worst_rows_are_pictures(self):
        self.kept(self.small())
        pixels = (self.folder / "valid-images").read_bytes()[16:]
        found, = self.validation("small-1")
        for row in found["worst"]:
            self.assertEqual(gray_of(base64.b64decode(row["picture"])), (6, 6, pixels[row["row"] * 36:row["row"] * 36 + 36]))
        text, page = self.page_of(self.runs / "small-1/report.html")
        self.assertEqual(text.count("<img src=\"data:image/png;base64,"), 24)
        self.assertIn("Confusion matrix", page.text)
        self.assertIn(f"row {found['worst'][0]['row']}", page.text)
        again = self.folder / "again.html"
        (self.folder / "valid-images").unlink()  # a report needs the record alone
        self.kept("report", "last", "--html", "-o", str(again))
        self.assertEqual(again.read_text(encoding="utf-8"), text)

    def test_text_and_data_say_the_same(self):
        self.kept(self.small())
        text = self.kept("report", "last").stdout
        self.assertLessEqual(widest(text), 80)
        found, = result_of(self.kept("report", "last", "--json"))["validation"]
        self.assertEqual(found, self.validation("small-1")[0])
        self.assertIn(f"of {ROWS} validation rows right, accuracy {found['accuracy']:.6g}", " ".join(text.split()))
        for one in found["classes"]:
            self.assertRegex(text, rf"(?m)^  {one['name']} +{one['rows']} +{one['precision']:.4f} +{one['recall']:.4f} +{one['f1']:.4f}")
        self.assertIn("error[no-plot]", self.kept("report", "last", "--plot", code=2).stderr)

    def test_hostile_names_of_classes_stay_names(self):
        self.kept(self.small(json.dumps(HOSTILE)))
        text, page = self.page_of(self.runs / "small-1/report.html")
        self.assertIn("<script>alert(1)</script>", text.replace("&lt;", "<").replace("&gt;", ">"))
        self.assertNotIn("\u202e", text)
        shown = self.kept("report", "last").stdout
        self.assertNotIn("\u202e", shown)
        self.assertLessEqual(widest(shown), 80)

    def test_two_models_and_one_output(self):
        (self.folder / "two.yaml").write_text(BINARY, encoding="utf-8")
        result = result_of(self.kept(str(self.folder / "two.yaml"), "--json"))
        a, b = self.validation("two-1")
        self.assertEqual((a["node"], b["node"], a["metric"]), ("a", "b", "va_accuracy"))
        self.assertEqual(a["accuracy"], result["epochs"][-1]["va_accuracy"])
        self.assertEqual([one["rows"] for one in a["classes"]], [3, 3])
        self.assertAlmostEqual(b["errors"][0]["root_mean_square"] ** 2, result["epochs"][-1]["vb_loss"], places=6)


class LeftOut(WithImages):
    def test_a_run_that_was_stopped_or_has_failed_says_so(self):
        self.stopped(self.running(), 2)
        self.assertFalse((self.runs / "long-1/current/validation.json").exists())
        self.assertIn("only a run that has finished is judged", " ".join(self.kept("report", "last").stdout.split()))
        _, page = self.page_of(self.runs / "long-1/report.html")
        self.assertIn("this one is stopped", page.text)

    def during(self, change):
        """Trains, and changes the data once the first epoch is told."""
        with subprocess.Popen([PROGRAM, self.small(), "-s", "epochs=300"], cwd=self.folder, env={**os.environ, "MILLRACE_RUNS": ""}, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as process:
            self.assertIn("Epoch 1/", process.stdout.readline())
            change()
            process.stdout.read()
        self.assertEqual(process.returncode, 0)
        return " ".join(self.kept("report", "last").stdout.split())

    def test_data_that_are_gone(self):
        text = self.during((self.folder / "valid-images").unlink)
        self.assertIn("learn: left out:", text)
        self.assertIn("valid-images", text)

    def test_data_that_are_others(self):
        def change():
            write_idx(str(self.folder / "other"), [ROWS], [(row + 1) % 10 for row in range(ROWS)])
            os.replace(self.folder / "other", self.folder / "valid-labels")
        self.assertIn("the data are not what they were", self.during(change))

    def test_a_file_that_others_have_written(self):
        self.kept(self.small())
        path = self.runs / "small-1/current/validation.json"
        good = json.loads(path.read_text())
        good["models"][0]["worst"][0]["picture"] = '"><script>'
        good["models"][0]["worst"][1]["wanted"] = 10
        good["models"][0]["confused"] += [[99, 1, 2], [-1, 0, 1], ["a"], [0, 1, 1e300], 7]
        for text in (json.dumps(good), "[[[", '{"v":2,"models":[{}]}', '{"v":1,"models":[7,{"classes":{}},{"node":1,"worst":[[]]}]}'):
            path.write_text(text)
            self.assertLessEqual(widest(self.kept("report", "last").stdout), 80)
            self.kept("report", "last", "--html", "-o", str(self.folder / "x.html"))
            self.page_of(self.folder / "x.html")


class Quantities(WithImages):
    def test_ten_points_and_one_line(self):
        self.kept(CONFIG)
        found, = self.validation("linear_fit-1")
        self.assertEqual([point[:2] for point in found["points"]], [[x, y] for x, y in enumerate([10, 20, 25, 30, 40, 45, 40, 50, 60, 55])])
        self.assertAlmostEqual(found["errors"][0]["root_mean_square"] ** 2, 14.8788, places=4)
        text = self.kept("report", "last", "--plot").stdout
        self.assertEqual(text.count("o") - "".join(text.splitlines()[-1:]).count("o"), 10)
        self.assertLessEqual(widest(text), 80)
        self.kept("report", "last", "--plot", "-o", str(self.folder / "line.svg"))
        picture = (self.folder / "line.svg").read_text(encoding="utf-8")
        self.assertEqual(picture.count("<circle"), 10)
        self.assertNotRegex(picture, "var\\(|<script|<style|url\\(")
        text, _ = self.page_of(self.runs / "linear_fit-1/report.html")
        self.assertIn("Rows as points, the model as a line", text)


if __name__ == "__main__":
    unittest.main()
