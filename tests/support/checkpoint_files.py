"""Checkpoints that Python writes and reads with nothing but its own library: what the format says, a second time."""
import hashlib
import json
import struct


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def matrix_of(rows):
    """The bytes of a matrix that is given by its rows, [out, in], as a model has them: [in, out]."""
    return floats([row[i] for i in range(len(rows[0])) for row in rows])


def write_checkpoint(path, layers, node="learn", epoch=1, more=None):
    """layers: (module, rows of the matrix [out, in], biases), by module. more: metadata that the run adds."""
    tensors, weights = {}, b""
    for module, rows, biases in layers:
        tensors[f"{module}.weight"] = ([len(rows), len(rows[0])], floats([value for row in rows for value in row]))
        tensors[f"{module}.bias"] = ([len(biases)], floats(biases))
        weights += matrix_of(rows) + floats(biases)
    metadata = {"millrace_checkpoint": "1", "epoch": str(epoch), "batch": "0", "row": "0", "epoch_complete": "true",
                "trainers": node, "stages": "", "weights_sha256": hashlib.sha256(weights).hexdigest(), "sha256": "0" * 64,
                **(more or {})}
    header, at = {"__metadata__": metadata}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)

    def content():
        text = json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values())

    metadata["sha256"] = hashlib.sha256(content()).hexdigest()
    with open(path, "wb") as file:
        file.write(content())


def read_tensors(path):
    """(metadata, {name: (dtype, shape, bytes)}) of a safetensors file."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def change_weight(path, name, index, change):
    """Changes one value of a tensor and makes all digests right again: a file that nothing but training can tell from a good one.
    Returns its new digest."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header["__metadata__"]
    begin = header[name]["data_offsets"][0] + 4 * index
    data[begin:begin + 4] = floats([change(struct.unpack("<f", data[begin:begin + 4])[0])])

    def values(of):
        entry = header[of]
        return entry["shape"], struct.unpack(f"<{(entry['data_offsets'][1] - entry['data_offsets'][0]) // 4}f", data[slice(*entry["data_offsets"])])

    weights = b""
    for module in sorted({int(key.split(".")[0]) for key in header if key.split(".")[0].isdigit()}):
        (outputs, inputs), matrix = values(f"{module}.weight")
        weights += matrix_of([matrix[row * inputs:(row + 1) * inputs] for row in range(outputs)])
        weights += floats(values(f"{module}.bias")[1])
    metadata["weights_sha256"] = hashlib.sha256(weights).hexdigest()

    def content():
        text = json.dumps(header, separators=(",", ":")).encode()
        assert len(text) <= length
        return struct.pack("<Q", length) + text.ljust(length) + bytes(data)

    metadata["sha256"] = "0" * 64
    metadata["sha256"] = hashlib.sha256(content()).hexdigest()
    with open(path, "wb") as file:
        file.write(content())
    return metadata["sha256"]
