#!/usr/bin/env python3
"""The scripts of tools/bench say no when they should: run with a made-up pipeline-run that answers what a test wants."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "tools" / "bench"

# Answers like `pipeline-run CONFIG --json`. {rule} computes from the overrides.
PROGRAM = """#!{python} -SE
import json, os, sys
sets = dict(a.split("=", 1) for a in sys.argv if "=" in a)
{rule}
"""


class Measuring(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, rule):
        program = self.folder / name
        program.write_text(PROGRAM.format(python=sys.executable, rule=rule), encoding="utf-8")
        program.chmod(0o755)
        return program

    def bench(self, script, rule, *arguments):
        program = self.program("pipeline-run", rule)
        command = [sys.executable, str(BENCH / script), "--pipeline-run", str(program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def seeds(self, accuracy, *arguments):
        rule = f'a = {accuracy}; print(json.dumps({{"epochs": [{{"val_accuracy": a, "val_loss": 0.1}}]}}))'
        return self.bench("seeds", rule, *arguments)

    def test_seeds_accepts_good_accuracies_and_writes_every_seed(self):
        out = self.folder / "seeds.json"
        done = self.seeds(0.98, "--json", str(out))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        written = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual([row["seed"] for row in written["seeds"]], list(range(1, 21)))
        self.assertEqual((written["median"], written["worst"]), (0.98, 0.98))
        for name in ("machine", "command", "commit"):
            self.assertTrue(written[name])

    def test_seeds_refuses_one_bad_seed(self):
        done = self.seeds('0.98 if sets["seed"] != "7" else 0.96')
        self.assertEqual(done.returncode, 1)
        self.assertIn("worst 0.9600 is below 0.97", done.stdout)

    def test_seeds_refuses_a_low_median(self):
        done = self.seeds(0.975)
        self.assertEqual(done.returncode, 1)
        self.assertIn("median 0.9750 is below 0.977", done.stdout)

    def test_seeds_compares_two_configs(self):
        out = self.folder / "seeds.json"
        better = ["--config", "a.yaml", "--against", "b.yaml", "--seeds", "3", "--epochs", "15", "--json", str(out)]
        done = self.seeds('0.985 if sys.argv[1] == "a.yaml" else 0.984', *better)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        written = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual([written["config"], written["mean"]], ["a.yaml", 0.985])
        self.assertEqual([written["against"]["config"], written["against"]["median"]], ["b.yaml", 0.984])
        self.assertEqual([written["epochs"], written["against"]["epochs"]], [15, 15])
        done = self.seeds(0.985, *better)
        self.assertEqual(done.returncode, 1)
        self.assertIn("median 0.9850 is not above 0.9850 of b.yaml", done.stdout)
        self.assertIn("mean 0.9850 is not above 0.9850 of b.yaml", done.stdout)

    def test_seeds_ends_with_the_message_of_a_failed_run(self):
        done = self.bench("seeds", 'sys.exit("error[dataset-missing]")')
        self.assertEqual(done.returncode, 1)
        self.assertIn("dataset-missing", done.stderr)

    def test_bit_matrix_accepts_one_hash_for_each_instruction_set(self):
        rule = 'print(json.dumps({"weights_sha256": os.environ.get("ONEDNN_MAX_CPU_ISA", "best")}))'
        done = self.bench("bit_matrix", rule, "--small")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("same bits", done.stdout)

    def test_bit_matrix_refuses_a_hash_that_depends_on_the_threads(self):
        done = self.bench("bit_matrix", 'print(json.dumps({"weights_sha256": "h" + sets["threads"]}))', "--small")
        self.assertEqual(done.returncode, 1)
        self.assertIn("NOT the same bits", done.stdout)
        self.assertIn("h8", done.stdout)

    def test_bit_matrix_refuses_two_runs_that_differ(self):
        count = self.folder / "count"
        rule = f'p = "{count}"; open(p, "a").write("x"); print(json.dumps({{"weights_sha256": str(os.path.getsize(p) == 1)}}))'
        done = self.bench("bit_matrix", rule, "--small")
        self.assertEqual(done.returncode, 1)

    def bits_against(self, before, now):
        rule = 'print(json.dumps({{"weights_sha256": "{}", "epochs": [{{"epoch": 1, "val_loss": {}, "seconds": os.getpid()}}]}}))'
        other = self.program("other", rule.format(*before))
        return self.bench("bits_against", rule.format(*now), "HEAD", "--small", "--program", str(other))

    def test_bits_against_accepts_the_same_hashes_and_metrics_whatever_the_clock_says(self):
        done = self.bits_against(("h1", 0.5), ("h1", 0.5))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("the same, h1"), 6)

    def test_bits_against_refuses_another_hash(self):
        done = self.bits_against(("h1", 0.5), ("h2", 0.5))
        self.assertEqual(done.returncode, 1)
        self.assertIn("weights_sha256: h1 before, h2 now", done.stdout)
        self.assertIn("NOT the same bits", done.stdout)

    def test_bits_against_refuses_another_metric_beside_the_same_hash(self):
        done = self.bits_against(("h1", 0.5), ("h1", 0.5000001))
        self.assertEqual(done.returncode, 1)
        self.assertIn("val_loss of epoch 1: 0.5 before, 0.5000001 now", done.stdout)

    def resume_start(self, cold, resumed):
        rule = f"""
import pathlib, time
if "resume" not in sys.argv:
    run = pathlib.Path(sys.argv[sys.argv.index("--runs") + 1]) / "mnist_mlp-1"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text(chr(34) + "checkpoint" + chr(34))
    if "--json" not in sys.argv:
        time.sleep(60)  # until it is killed
print(json.dumps({{"launch_to_first_batch_seconds": {resumed} if "resume" in sys.argv else {cold}}}))
"""
        return self.bench("resume_start", rule, "--repeats", "3", "--json", str(self.folder / "start.json"))

    def test_resume_start_takes_a_fifth_more_or_50_ms(self):
        for cold, resumed in ((1, 1.2), (0.1, 0.15)):
            done = self.resume_start(cold, resumed)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            written = json.loads((self.folder / "start.json").read_text(encoding="utf-8"))
            self.assertEqual([written["cold_seconds"]["median"], written["resumed_seconds"]["median"]], [cold, resumed])

    def test_resume_start_refuses_more_of_both(self):
        done = self.resume_start(1, 1.3)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ratio: 1.3", done.stdout)


if __name__ == "__main__":
    unittest.main()
