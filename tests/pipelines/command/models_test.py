"""Whose result is whose in a graph with several models, and what is not finite, as a user of the command sees it."""
import pathlib
import tempfile
import unittest

from program import result_of, run

ROWS = "{x: [0, 1, 2, 3, 4, 5, 6, 7], y: [1, 0, 3, 2, 5, 4, 7, 6]}"
HEAD = "version: 1\nname: two\nseed: 7\nepochs: 2\ndevice: cpu\ngraph:\n"
ROWS_AND_BATCHES = f"""\
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 2, columns: {ROWS}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 2}}}}
"""
SMALL = """\
  small:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
"""
LARGE = SMALL.replace("small: ", "large: ")
HELD_OUT = f"""\
  held:    {{stage: table_source, with: {{columns: {ROWS}}}}}
  tests:   {{stage: batcher, in: {{inputs: held.x, targets: held.y}}, with: {{batch_size: 4}}}}
"""
EVALUATE = "  try:     {stage: evaluator, in: {data: tests, model: small.model}, with: {metrics: [loss]}}\n"
TWO = HEAD + ROWS_AND_BATCHES + SMALL + LARGE
ONE = HEAD + ROWS_AND_BATCHES + SMALL + HELD_OUT + EVALUATE


def run_text(config, *arguments):
    return run("-", *arguments, input=config)


class Several(unittest.TestCase):
    def test_the_summary_says_whose_each_hash_is(self):
        process = run_text(TWO, "--json")
        models = result_of(process)["models"]
        self.assertEqual(list(models), ["small", "large"])
        self.assertNotEqual(models["small"]["weights_sha256"], models["large"]["weights_sha256"])
        summary = process.stderr[process.stderr.index("two: done"):]
        self.assertLessEqual(max(len(line) for line in summary.splitlines()), 80, summary)
        for node, model in models.items():
            self.assertIn(f"weights of {node}\n  sha256 {model['weights_sha256']}\n", process.stderr)

    def test_every_epoch_has_the_same_keys_in_the_same_order(self):
        epochs = result_of(run_text(TWO, "--json", "--threads", "4"))["epochs"]
        self.assertEqual(len(epochs), 2)
        self.assertEqual(list(epochs[0]), list(epochs[1]))
        self.assertEqual([key for key in epochs[0] if key.endswith("loss")], ["small_loss", "large_loss"])

    def test_a_source_in_a_process_of_its_own_draws_the_same(self):
        more = f"  more: {{stage: table_source, with: {{shuffle: true, columns: {ROWS}}}}}\n  show: {{stage: print, in: more.x}}\n"
        here = run_text(TWO + more, "--json", "--threads", "1")
        there = run_text(TWO + more, "--json", "--threads", "4", "--set", "rows.run.isolate=process", "--set", "more.run.isolate=process")
        self.assertEqual(there.returncode, 0, there.stderr)
        self.assertEqual(result_of(here)["models"], result_of(there)["models"])
        shown = [line for line in here.stderr.splitlines() if line.startswith("[[")]
        self.assertEqual(shown, [line for line in there.stderr.splitlines() if line.startswith("[[")])
        self.assertEqual(len(shown), 1)

    def test_plan_tells_whose_numbers_are_not_the_runs_first(self):
        text = run("plan", "-", "--set", "small.seed=9", input=TWO).stdout
        self.assertRegex(text, r"small +model +its own seed 9")
        self.assertRegex(text, r"large +model +seed 7 #2")
        self.assertNotRegex(text, r"rows +shuffle")
        draws = result_of(run("plan", "-", "--json", input=TWO))["draws"]
        self.assertEqual([(d["node"], d["purpose"], d["number"]) for d in draws],
                         [("rows", "shuffle", 1), ("small", "model", 1), ("large", "model", 2)])

    def test_who_is_left_when_a_node_is_taken_away_draws_what_it_drew_before(self):
        both = result_of(run_text(TWO, "--json"))["models"]
        alone = result_of(run_text(TWO, "--json", "--set", "small=null"))
        self.assertEqual(alone["models"], {"large": both["large"]})
        draws = result_of(run("plan", "-", "--json", "--set", "small=null # the first", input=TWO))["draws"]
        self.assertEqual([(d["node"], d["purpose"], d["number"]) for d in draws], [("rows", "shuffle", 1), ("large", "model", 2)])
        own = run_text(TWO, "--json", "--set", "small=null", "--set", "large.seed=7")
        self.assertEqual(result_of(own)["models"]["large"], result_of(run_text(TWO, "--json", "--set", "large.seed=7"))["models"]["large"])

    def test_two_nodes_of_one_random_stage_differ_and_one_seed_makes_them_equal(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        letters = pathlib.Path("examples/random_affine/letters.idx").resolve()
        config = pathlib.Path(folder.name) / "moved.yaml"
        config.write_text("version: 1\nseed: 4\ngraph:\n"
                          f"  letters: {{stage: idx_loader, with: {{images: {letters}}}}}\n"
                          "  a: {stage: random_affine, in: letters.images}\n"
                          "  b: {stage: random_affine, in: letters.images}\n"
                          "  show_a: {stage: print, in: {in: a}}\n"
                          "  show_b: {stage: print, in: {in: b}}\n", encoding="utf-8")

        def printed(*arguments):
            process = run(str(config), "--quiet", *arguments)
            self.assertEqual(process.returncode, 0, process.stderr)
            lines = process.stdout.splitlines()
            self.assertEqual(lines[0::2], ["node show_a:", "node show_b:"])
            return lines[1::2]

        first, second = printed()
        self.assertNotEqual(first, second)
        self.assertEqual(printed("--set", "b.seed=4"), [first, first])
        self.assertEqual(printed("--set", "a.seed=5", "--set", "b.seed=5")[0], printed("--set", "seed=5")[0])

    def test_the_seed_of_a_node_made_by_a_chain_is_that_of_its_stages(self):
        letters = pathlib.Path("examples/random_affine/letters.idx").resolve()
        config = ("version: 1\nseed: 4\nchains:\n  move: [random_affine, flatten]\ngraph:\n"
                  f"  letters: {{stage: idx_loader, with: {{images: {letters}}}}}\n"
                  "  a: {chain: move, in: letters.images, seed: 5}\n"
                  "  show: {stage: print, in: {in: a}}\n")
        own, other = run("-", "--quiet", input=config), run("-", "--quiet", "--set", "a.seed=6", input=config)
        self.assertEqual(own.returncode, 0, own.stderr)
        self.assertNotEqual(own.stdout, other.stdout)
        self.assertEqual(own.stdout, run("-", "--quiet", "--set", "seed=5", "--set", "a.seed=5", input=config).stdout)
        wrong = run("check", "-", "--set", "a.seed=x", input=config)
        self.assertEqual(wrong.stderr.count("error["), 1, wrong.stderr)


class NotFinite(unittest.TestCase):
    def test_an_update_that_no_loss_has_seen_is_no_success(self):
        for rate in ("1e38", "3e38"):
            process = run_text(ONE, "--json", "--set", "epochs=1", "--set", "batches.batch_size=8",
                               "--set", f"small.optimizer.sgd.learning_rate={rate}")
            self.assertEqual(process.returncode, 8, process.stderr)
            result = result_of(process)
            self.assertEqual(result["models"], {})
            self.assertNotIn("weights_sha256", result)
            self.assertEqual([(f["name"], f["node"], f["epoch"], f["batch"]) for f in result["failures"]],
                             [("diverged", "small", 1, 1)])
            self.assertIn("kernel of layer 0 (dense)", result["failures"][0]["message"])

    def test_validation_rows_that_are_too_large_are_named(self):
        config = ONE.replace("held:    {stage: table_source, with: {columns: {x: [0, 1, 2, 3, 4,",
                             "held:    {stage: table_source, with: {columns: {x: [0, 1, 2, 3, 3e38,")
        process = run_text(config, "--json", "--set", "small.model.0.dense.kernel_initializer.constant.value=5")
        self.assertEqual(process.returncode, 8, process.stderr)
        failure = result_of(process)["failures"][0]
        self.assertEqual((failure["name"], failure["node"], failure["epoch"], failure["batch"]), ("diverged", "try", 1, 2))
        self.assertIn("what is reported of `small` is its model at the end of epoch", "\n".join(failure["notes"]))


if __name__ == "__main__":
    unittest.main()
