"""What others make of an exported model: onnx's own checker, protoc, numpy. Each skips loudly where it is not installed; exits with 77 where
none is."""
import importlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from program import run

CONFIG = """version: 1
name: kept
epochs: 1
device: cpu
graph:
  rows:    {stage: table_source, with: {dtypes: {x: i32}, columns: {x: [1, 2, 3, 4], y: [a, b, c, a]}}}
  small:   {stage: normalize, in: rows.x, with: {mean: 2.5, std: 1.5}}
  flat:    {stage: flatten, in: small}
  hot:     {stage: one_hot, in: rows.y, with: {classes: 3}}
  batches: {stage: batcher, in: {inputs: flat, targets: hot}, with: {batch_size: 2}}
  learn:
    stage: trainer
    in: batches
    with:
      model: [dense: {units: 3, activation: relu}, dropout: {rate: 0.5}, dense: {units: 4, activation: sigmoid}, dense: {units: 3, activation: softmax}]
      loss: categorical_crossentropy
"""


def has(module):
    return importlib.util.find_spec(module) is not None


HAS = {"onnx (python3-onnx)": has("onnx"), "protoc (protobuf-compiler)": shutil.which("protoc") is not None,
       "numpy (python3-numpy)": has("numpy")}


def need(name):
    if not HAS[name]:
        print(f"SKIPPED: {name} is not installed", file=sys.stderr)
    return unittest.skipUnless(HAS[name], f"{name} is not installed")


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        folder = cls.shared.name
        pathlib.Path(f"{folder}/kept.yaml").write_text(CONFIG, encoding="utf-8")
        process = run(f"{folder}/kept.yaml", "--runs", f"{folder}/runs")
        assert process.returncode == 0, process.stderr
        cls.files = {}
        for form in ("onnx", "npy"):
            cls.files[form] = f"{folder}/model.{form}"
            process = run("export", "last", "--runs", f"{folder}/runs", "--format", form, "-o", cls.files[form])
            assert process.returncode == 0, process.stderr

    @classmethod
    def tearDownClass(cls):
        cls.shared.cleanup()

    @need("onnx (python3-onnx)")
    def test_onnx_checks_it_and_infers_its_shapes(self):
        onnx = importlib.import_module("onnx")
        model = onnx.load(self.files["onnx"])
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        print(onnx.helper.printable_graph(model.graph))
        self.assertEqual((model.ir_version, model.opset_import[0].version), (7, 13))
        texts = {text.key: text.value for text in model.metadata_props}
        self.assertEqual(sorted(texts), ["classes", "epoch", "run", "weights_sha256"])
        self.assertEqual((texts["classes"], texts["run"]), ('["a","b","c"]', "kept-1"))
        self.assertEqual([node.op_type for node in model.graph.node],
                         ["Cast", "Sub", "Div", "Cast", "Flatten", "Gemm", "Relu", "Gemm", "Sigmoid", "Gemm", "Softmax", "ArgMax"])
        shapes = {value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
                  for value in [*inferred.graph.output, *inferred.graph.value_info]}
        self.assertEqual(shapes["probabilities"], ["N", 3])
        self.assertEqual(shapes["class"], ["N"])
        self.assertEqual(shapes["layer0/values"][1:], [3])

    @need("protoc (protobuf-compiler)")
    def test_protoc_reads_it_as_a_message(self):
        with open(self.files["onnx"], "rb") as file:
            done = subprocess.run(["protoc", "--decode_raw"], stdin=file, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith('1: 7\n2: "millrace"\n'), done.stdout[:80])
        self.assertIn('4: "Gemm"', done.stdout)

    @need("numpy (python3-numpy)")
    def test_numpy_loads_each_tensor(self):
        numpy = importlib.import_module("numpy")
        shapes = {name: numpy.load(f"{self.files['npy']}/{name}").shape for name in os.listdir(self.files["npy"])}
        self.assertEqual(shapes, {"0.weight.npy": (3, 1), "0.bias.npy": (3,), "3.weight.npy": (4, 3), "3.bias.npy": (4,),
                                  "5.weight.npy": (3, 4), "5.bias.npy": (3,)})


if __name__ == "__main__":
    if not any(HAS.values()):
        sys.exit(77)
    unittest.main()
