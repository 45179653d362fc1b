// What ONNX Runtime makes of rows of bytes: `node onnx_rows.mjs FOLDER MODEL BYTES OUT`, where FOLDER has onnxruntime-web. BYTES are rows of the
// model's only input, u8 [N, 28, 28]. OUT gets an object of lists, by output.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const BATCH = 1000;
const [folder, model, bytes, out] = process.argv.slice(2);
const ort = createRequire(path.join(path.resolve(folder), "package.json"))("onnxruntime-web");

ort.env.wasm.numThreads = 1;
const runtime = await ort.InferenceSession.create(readFileSync(model), { executionProviders: ["wasm"] });
const rows = readFileSync(bytes);
const rowBytes = 28 * 28;
const found = {};
for (let at = 0; at < rows.length; at += BATCH * rowBytes) {
  const part = new Uint8Array(rows.subarray(at, at + BATCH * rowBytes));
  const feeds = { [runtime.inputNames[0]]: new ort.Tensor("uint8", part, [part.length / rowBytes, 28, 28]) };
  for (const [name, tensor] of Object.entries(await runtime.run(feeds)))
    found[name] = (found[name] ?? []).concat(Array.from(tensor.data, Number));
}
writeFileSync(out, JSON.stringify({ inputs: runtime.inputNames, outputs: found, version: ort.env.versions.web }));
