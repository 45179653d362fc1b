"""`keep: {tensorboard: true}`: events that a reader of its own takes apart, and protoc."""
import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import unittest

from kept_run_test import CONFIG, PROGRAM
from report_pages_test import WithReports

EVENTS = "current/events.out.tfevents.*"


def crc32c(data):
    """Bit by bit, from RFC 3720."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8 & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        (length, check), body = struct.unpack_from("<QI", data, at), data[at + 12:]
        assert check == masked(data[at:at + 8])
        body = body[:length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body)
        yield body
        at += 16 + length


def fields(message):
    """(number, value) of each field, by the encoding's own description."""
    def varint(at):
        value, shift = 0, 0
        while True:
            value, shift, at = value | (message[at] & 127) << shift, shift + 7, at + 1
            if message[at - 1] < 128:
                return value, at
    at, found = 0, []
    while at < len(message):
        key, at = varint(at)
        if key & 7 == 0:
            value, at = varint(at)
        elif key & 7 == 1:
            value, at = struct.unpack_from("<d", message, at)[0], at + 8
        elif key & 7 == 5:
            value, at = struct.unpack_from("<f", message, at)[0], at + 4
        else:
            size, at = varint(at)
            value, at = message[at:at + size], at + size
        found.append((key >> 3, value))
    return found


def events(path):
    """The version, then (wall time, step, {tag: value}) of each event."""
    with open(path, "rb") as file:
        all_records = [dict(fields(body)) for body in records(file.read())]
    summaries = [(event[1], event[2], {dict(fields(value))[1].decode(): dict(fields(value))[2] for _, value in fields(event[5])}) for event in all_records[1:]]
    return all_records[0][3], summaries


class Events(WithReports):
    def file_of(self, name):
        path, = glob.glob(str(self.runs / name / EVENTS))
        return path

    def test_each_epoch_is_an_event_with_its_values(self):
        self.kept(CONFIG, "-s", "epochs=5", "-s", "keep.tensorboard=true")
        version, found = events(self.file_of("linear_fit-1"))
        self.assertEqual(version, b"brain.Event:2")
        self.assertEqual([step for _, step, _ in found], [1, 2, 3, 4, 5])
        self.assertEqual([time for time, _, _ in found], sorted(time for time, _, _ in found))
        lines = [json.loads(line) for line in (self.runs / "linear_fit-1/metrics.jsonl").read_text().splitlines()]
        told = [line["values"] for line in lines if line["kind"] == "epoch"]
        for (_, _, values), wanted in zip(found, told):
            self.assertEqual(values, {name: struct.unpack("<f", struct.pack("<f", value))[0] for name, value in wanted.items()})

    def test_none_without_being_asked_for(self):
        self.kept(CONFIG, "-s", "epochs=2")
        self.assertEqual(glob.glob(str(self.runs / "linear_fit-1" / EVENTS)), [])

    def test_a_run_that_goes_on_has_each_step_once(self):
        process = subprocess.Popen([PROGRAM, CONFIG, "-s", "epochs=1000000", "-s", "name=long", "-s", "learn.optimizer.sgd.learning_rate=1e-3", "-s", "keep.tensorboard=true"],
                                   cwd=self.folder, env={**os.environ, "MILLRACE_RUNS": ""}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while "Epoch 3/" not in process.stdout.readline():
            pass
        self.stopped(process, 2)
        process.stdout.close()
        first = self.file_of("long-1")
        before = os.path.realpath(first)
        self.stopped(self.resumed("long-1"), 2)
        _, found = events(self.file_of("long-1"))
        lines = [json.loads(line) for line in (self.runs / "long-1/metrics.jsonl").read_text().splitlines()]
        self.assertEqual([step for _, step, _ in found], [line["epoch"] for line in lines if line["kind"] == "epoch"])
        self.assertEqual([step for _, step, _ in found], list(range(1, len(found) + 1)))
        self.assertTrue(os.path.exists(before))

    @unittest.skipUnless(shutil.which("protoc"), "protoc (protobuf-compiler) is not installed")
    def test_protoc_reads_each_as_a_message(self):
        self.kept(CONFIG, "-s", "epochs=2", "-s", "keep.tensorboard=true")
        with open(self.file_of("linear_fit-1"), "rb") as file:
            bodies = list(records(file.read()))
        shown = []
        for body in bodies:
            done = subprocess.run(["protoc", "--decode_raw"], input=body, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            shown.append(done.stdout.decode())
        self.assertIn('3: "brain.Event:2"', shown[0])
        self.assertIn("2: 1\n", shown[1])
        self.assertIn('1: "val_loss"', shown[2])


if __name__ == "__main__":
    if shutil.which("protoc") is None:
        print("SKIPPED: protoc (protobuf-compiler) is not installed", file=sys.stderr)
    unittest.main()
