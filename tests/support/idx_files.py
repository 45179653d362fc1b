"""Small data sets as IDX files, for tests that run the program."""
import os
import struct


def write_idx(path, extents, values):
    with open(path, "wb") as file:
        file.write(bytes([0, 0, 8, len(extents)]) + b"".join(struct.pack(">I", extent) for extent in extents) + bytes(values))


def write_images(folder, name, rows):
    """NAME-images of 6 x 6 and NAME-labels: row r, of class r % 10, has a bright pixel there."""
    pixels = [(i * 37 + i // 36 * 11) % 97 + (150 if i % 36 == i // 36 % 10 else 0) for i in range(rows * 36)]
    write_idx(os.path.join(folder, name + "-images"), [rows, 6, 6], pixels)
    write_idx(os.path.join(folder, name + "-labels"), [rows], [row % 10 for row in range(rows)])
