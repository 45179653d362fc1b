"""Data sets that stay on the device, over several ranks: each rank has the whole table and takes its own rows of it."""
import os
import re
import tempfile
import unittest

from idx_files import write_images
from launch import HERE, alone, launch, result_of

CONFIG = os.path.join(HERE, "images.yaml")
CACHED = ("--set", "train.cache=device", "--set", "valid.cache=device")
ORDERED = ("--set", "learn.reduction=ordered")
SIM = ("--plugin", os.environ["SIM_PLUGIN"], "--set", "device=sim")
EPOCHS, TRAIN_ROWS, VALID_ROWS = 3, 45, 19


def run(ranks, *arguments):
    return alone(CONFIG, "--json", *arguments) if ranks == 1 else launch(ranks, CONFIG, "--json", *arguments)


def hash_of(ranks, *arguments):
    return result_of(run(ranks, *arguments))["weights_sha256"]


def sim_lines(process):
    """What the simulated device of each rank says at the end: {rank: (gathered rows, the rest)}."""
    found = re.findall(r"sim of rank (\d+): gathered (\d+), (.*)", process.stderr)
    return {int(rank): (int(rows), rest) for rank, rows, rest in found}


def metrics_of(process):
    return [{k: v for k, v in e.items() if "second" not in k and "deviation" not in k} for e in result_of(process)["epochs"]]


class Cache(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        write_images(folder.name, "train", TRAIN_ROWS)
        write_images(folder.name, "valid", VALID_ROWS)
        os.environ["IMAGES"] = folder.name
        cls.addClassCleanup(os.environ.pop, "IMAGES")

    def clean(self, process, ranks):
        lines = sim_lines(process)
        self.assertEqual(sorted(lines), list(range(ranks)), process.stderr)
        self.assertEqual({rest for _, rest in lines.values()}, {"live bytes 0, violations: none"}, process.stderr)
        return [lines[rank][0] for rank in range(ranks)]

    def test_on_the_cpu_nothing_changes(self):
        for ranks in (2, 4):
            with self.subTest(ranks=ranks):
                self.assertEqual(hash_of(ranks), hash_of(ranks, *CACHED))

    def test_ordered_gives_one_hash_on_1_2_and_4_ranks_with_and_without_it(self):
        hashes = {hash_of(ranks, *ORDERED, *more) for ranks in (1, 2, 4) for more in ((), CACHED)}
        self.assertEqual(len(hashes), 1)

    def test_on_a_device_with_memory_of_its_own_each_rank_gathers_its_rows_and_the_weights_are_the_same(self):
        for ranks in (1, 2, 4):
            for reduction in ((), ORDERED):
                with self.subTest(ranks=ranks, reduction=reduction):
                    # A run that is kept evaluates the validation rows once more when it is over, on rank 0.
                    on_cpu, moved, kept = (run(ranks, "--no-keep", *reduction, *more) for more in ((), SIM, (*SIM, *CACHED)))
                    self.assertEqual(len({result_of(p)["weights_sha256"] for p in (on_cpu, moved, kept)}), 1)
                    self.assertEqual(self.clean(moved, ranks), [0] * ranks)
                    # Images and labels of each row once an epoch, whichever rank has it.
                    self.assertEqual(sum(self.clean(kept, ranks)), 2 * EPOCHS * (TRAIN_ROWS + VALID_ROWS))
                    self.assertEqual(metrics_of(kept), metrics_of(moved))


if __name__ == "__main__":
    unittest.main()
