"""The notebook that configs/mnist_mlp.yaml comes from, item by item: what its user did, done with Millrace, and what they must see. Exits with 77 where
MNIST is not here. One epoch is trained, or the notebook's five with MILLRACE_FULL=1."""
import json
import os
import re
import sys
import tempfile
import unittest

from program import result_of, run

MNIST, COLORS, LINE = "configs/mnist_mlp.yaml", "configs/colors_onehot.yaml", "configs/linear_fit.yaml"
EPOCHS = 5 if os.environ.get("MILLRACE_FULL") == "1" else 1
LABELS = [5, 0, 4, 1, 9, 2, 1, 3, 1]  # of the first training images
IN_ORDER = ("--set", "train.shuffle=false")
IMAGES = "t10k-images-idx3-ubyte"
SEEN = {}  # item -> what was seen


def peek(port, *arguments):
    """The one field that passes at an output in the first block of the training images, in the order of the file."""
    return result_of(run("peek", MNIST, port, "--json", *IN_ORDER, *arguments))["fields"][0]


class Notebook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.runs = folder.name
        process = run(MNIST, "--set", f"epochs={EPOCHS}", "--runs", cls.runs, timeout=600)
        assert process.returncode == 0, process.stderr
        cls.trained = process.stdout
        cls.folder = f"{cls.runs}/mnist_mlp-1"

    def saw(self, item, what):
        SEEN[item] = what

    def test_01_and_35_memory_is_given_back(self):
        line = re.search("device memory: peak .*, leaked 0 B", self.trained)
        self.assertTrue(line, self.trained)
        self.saw(1, line.group())

    def test_02_devices(self):
        process = run("devices")
        self.assertEqual(process.returncode, 0)
        self.assertRegex(process.stdout, r"cpu +.*cores")
        self.saw(2, process.stdout.splitlines()[1].strip())

    def test_06_the_files_are_the_real_ones(self):
        with open(f"{self.folder}/environment.json", encoding="utf-8") as file:
            data = json.load(file)["data"]
        self.assertEqual((data["train"]["rows"], data["valid"]["rows"]), (60000, 10000))
        self.saw(6, f"train sha256 {data['train']['sha256'][:16]}, {data['train']['rows']} rows")

    def test_15_flatten(self):
        field = peek("train_inputs.flatten.out")
        self.assertEqual((field["dtype"], field["row_shape"]), ("u8", [784]))
        self.saw(15, "u8 [n, 784]")

    def test_16_the_bytes_stay(self):
        flat, image = peek("train_inputs.flatten.out")["values"][0], peek("train.images")["values"][0]
        rows = [value for row in image for value in row] if isinstance(image[0], list) else image
        self.assertEqual((flat, len(flat), max(flat)), (rows, 784, 255))
        self.saw(16, "784 values, those of the image")

    def test_17_normalized_once_and_not_twice(self):
        twice = run("check", "-", input=f"extends: {os.path.abspath(MNIST)}\nversion: 1\ngraph:\n"
                    "  again: {stage: normalize, in: train_inputs, with: {scale: 1/255}}\n  train_batches: {in: {inputs: again}}\n")
        self.assertIn("error[normalized-twice]", twice.stderr)
        self.saw(17, "error[normalized-twice] for a second one")

    def test_18_and_19_float32_from_0_to_1(self):
        field = peek("train_inputs.normalize.out")
        self.assertEqual((field["dtype"], field["min"], field["max"]), ("f32", 0.0, 1.0))
        self.saw(18, "f32")
        self.saw(19, "0.0 and 1.0")

    def test_20_colors(self):
        shown = run(COLORS, "--no-keep", "--quiet").stdout.strip()
        self.assertEqual(json.loads(shown), [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]])
        self.saw(20, shown)

    def test_21_ten_classes_and_not_eight(self):
        self.assertEqual(peek("train_targets.out")["row_shape"], [10])
        refused = run("check", MNIST, "--set", "train_targets.classes=8")
        self.assertIn("labels reach 9", refused.stderr)
        self.saw(21, "f32 [n, 10]; classes: 8: labels reach 9")

    def test_22_the_first_nine_rows(self):
        rows = peek("train_targets.out", "--rows", "9")["values"]
        self.assertEqual([row.index(1) for row in rows], LABELS)
        self.assertEqual([sum(row) for row in rows], [1] * 9)
        self.saw(22, "ones at " + " ".join(map(str, LABELS)))

    def test_23_a_picture_of_the_graph(self):
        source, picture = run("graph", MNIST).stdout, run("graph", MNIST, "--format", "svg").stdout
        self.assertIn('"train_to_device" -> "learn"', source)
        self.assertIn(">train_to_device<", picture)
        self.saw(23, f"{source.count('->')} edges, SVG of {len(picture)} bytes")

    def test_24_25_26_and_28_the_summary(self):
        plan = run("plan", MNIST).stdout
        for item, units, parameters in ((24, 512, "401,920"), (25, 512, "262,656"), (26, 10, "5,130")):
            self.assertRegex(plan, rf"dense +\[n, {units}\] +[a-z]+ +{parameters}\n")
            self.saw(item, parameters)
        self.assertIn("total parameters: 669,706", plan)
        self.saw(28, "669,706")

    def test_26_predicted_rows_are_probabilities(self):
        path = next(f"{os.environ['MILLRACE_DATA_DIR']}/mnist/{IMAGES}{end}" for end in ("", ".gz")
                    if os.path.exists(f"{os.environ['MILLRACE_DATA_DIR']}/mnist/{IMAGES}{end}"))
        rows = result_of(run("predict", self.folder, path, "--json"))["files"][0]["predictions"]
        self.assertEqual(len(rows), 10000)
        self.assertLess(max(abs(sum(row["values"]) - 1) for row in rows), 1e-6)
        self.assertTrue(all(0 <= value <= 1 for row in rows for value in row["values"]))

    def test_30_the_optimizer_is_that_of_keras(self):
        text = run("show", MNIST, "--set", "learn.optimizer=rmsprop").stdout
        for key, value in (("learning_rate", "1e-3"), ("rho", "0.9"), ("epsilon", "1e-7"), ("momentum", "0")):
            self.assertRegex(text, rf"{key}: +({re.escape(value)}|{float(value)}) ")
        self.saw(30, "rmsprop: 1e-3, 0.9, 1e-7")

    def test_31_fit(self):
        lines = re.findall(r"Epoch \d/\d +1875/1875 .*loss.*accuracy.*val_loss.*val_accuracy.*", self.trained)
        self.assertEqual(len(lines), EPOCHS)
        self.saw(31, lines[-1][:60])

    def test_32_and_34_history_and_report(self):
        with open(f"{self.folder}/metrics.jsonl", encoding="utf-8") as file:
            epochs = [line["values"] for line in map(json.loads, file) if line["kind"] == "epoch"]
        self.assertEqual(len(epochs), EPOCHS)
        self.assertGreater(epochs[-1]["val_accuracy"], 0.97 if EPOCHS == 5 else 0.95)
        report = run("report", self.folder).stdout
        self.assertIn("val_accuracy", report)
        with open(f"{self.folder}/report.html", encoding="utf-8") as file:
            page = file.read()
        self.assertLess(len(page.encode()), 300_000)
        self.assertGreaterEqual(page.count("<img src=\"data:image/png;base64,"), 20)
        judged, = result_of(run("report", self.folder, "--json"))["validation"]
        self.assertEqual((judged["rows"], judged["accuracy"], len(judged["classes"])), (10000, epochs[-1]["val_accuracy"], 10))
        self.assertEqual([one["rows"] for one in judged["classes"]], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
        is_, taken, rows = judged["confused"][0]
        self.saw(32, f"{EPOCHS} epochs in metrics.jsonl, report.html")
        self.saw(34, f"accuracy {epochs[-1]['accuracy']:.4f}, val_accuracy {epochs[-1]['val_accuracy']:.4f}, {is_} taken for {taken} {rows} times")

    def line(self, m, b):
        process = run(LINE, "--no-keep", "--json", "--set", "epochs=0", "--set", f"learn.model.0.dense.kernel_initializer.constant.value={m}",
                      "--set", f"learn.model.0.dense.bias_initializer.constant.value={b}")
        return result_of(process)["epochs"][-1]["val_loss"]

    def test_36_and_37_the_loss_of_a_guess(self):
        self.assertEqual((self.line(4, 19), self.line(-2, 40)), (25.5, 475.5))
        self.saw(36, "25.5")
        self.saw(37, "475.5")

    def test_38_the_best_line(self):
        loss = result_of(run(LINE, "--no-keep", "--json", "--quiet"))["epochs"][-1]["val_loss"]
        shown = run(LINE, "--no-keep", "--quiet").stdout
        m, b = (float(value) for value in re.findall(r"\[+(-?[0-9.]+)\]+", shown))
        self.assertEqual((round(m, 4), round(b, 4), round(loss, 4)), (5.1212, 14.4545, 14.8788))
        self.saw(38, f"m {m:.4f}, b {b:.4f}, MSE {loss:.4f}")

    def test_39_the_points_and_the_line(self):
        with tempfile.TemporaryDirectory() as runs:
            self.assertEqual(run(LINE, "--runs", runs).returncode, 0)
            shown = run("report", "last", "--plot", "--runs", runs).stdout
            self.assertEqual(run("report", "last", "--plot", "-o", f"{runs}/line.svg", "--runs", runs).returncode, 0)
            with open(f"{runs}/line.svg", encoding="utf-8") as file:
                picture = file.read()
        points = sum(line.count("o") for line in shown.splitlines()[:-1])
        self.assertEqual((points, picture.count("<circle"), picture.count('stroke-width="1.8"')), (10, 10, 1))
        self.saw(39, "10 points and one line, as text and SVG")

    def test_40_names_of_other_libraries(self):
        process = run("stages", "to_categorical")
        self.assertIn("did you mean `one_hot`?", process.stderr)
        self.saw(40, "to_categorical: did you mean `one_hot`?")


if __name__ == "__main__":
    if "MILLRACE_DATA_DIR" not in os.environ or "dataset-missing" in run(MNIST, "--dry-run", "--strict").stderr:
        print("SKIPPED: MNIST is not here")
        sys.exit(77)
    program = unittest.main(exit=False)
    for item, seen in sorted(SEEN.items()):
        print(f"{item:>4}  {seen}")
    sys.exit(not program.result.wasSuccessful())
