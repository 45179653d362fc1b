"""NumPy files without NumPy, for tests that run the program."""
import struct


def npy_bytes(letter, shape, values):
    """`letter`: of a struct, one of B, b, h, i, q, f, d."""
    descr = {"B": "|u1", "b": "|i1", "h": "<i2", "i": "<i4", "q": "<i8", "f": "<f4", "d": "<f8"}[letter]
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({''.join(f'{n}, ' for n in shape)}), }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    data = bytes(values) if letter == "B" else struct.pack(f"<{len(values)}{letter}", *values)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def write_npy(path, letter, shape, values):
    with open(path, "wb") as file:
        file.write(npy_bytes(letter, shape, values))


def read_npy(path):
    """(shape, values) of a file that Millrace has written."""
    with open(path, "rb") as file:
        content = file.read()
    assert content[:8] == b"\x93NUMPY\x01\x00", content[:8]
    (length,) = struct.unpack("<H", content[8:10])
    assert (10 + length) % 64 == 0
    header = eval(content[10:10 + length], {"__builtins__": {}})  # pylint: disable=eval-used
    assert header["fortran_order"] is False
    letter = {"|u1": "B", "|i1": "b", "<i2": "h", "<i4": "i", "<f4": "f", "<f8": "d"}[header["descr"]]
    count = 1
    for extent in header["shape"]:
        count *= extent
    return header["shape"], struct.unpack(f"<{count}{letter}", content[10 + length:])
