"""A run may pass its plan's bound by the blocks that it adds for stages that drop rows: told before it, and counted by it; and what only the data can tell."""
import os
import unittest

from program import result_of, run

SPARSE = os.environ["SPARSE_PLUGIN"]
COLUMNS = [[row, row] for row in range(160)]
CONFIG = f"""version: 1
name: sparse
epochs: 1
device: cpu
graph:
  rows: {{stage: table_source, with: {{block_rows: 1, columns: {{x: {COLUMNS}}}}}}}
  few: {{stage: sparse, in: rows.x, with: {{share: 4}}}}
  batches: {{stage: batcher, in: {{x: few}}, with: {{batch_size: 10}}}}
  show: {{stage: print, in: batches}}
"""
LINE = "`few` may drop rows: a run that starves adds blocks, and may take more"


def sparse(*arguments):
    return run(*arguments, "-", "--plugin", SPARSE, input=CONFIG)


class StarvingPlan(unittest.TestCase):
    def test_plan_says_who_may_make_a_run_pass_the_bound(self):
        self.assertIn("\n" + LINE + "\n", sparse("plan").stdout)
        self.assertEqual(result_of(sparse("plan", "--json"))["may_drop_rows"], ["few"])

    def test_plan_says_nothing_of_it_where_no_row_can_be_dropped(self):
        for config in ("configs/linear_fit.yaml", "configs/mnist_mlp.yaml"):
            self.assertNotIn("may drop rows", run("plan", config).stdout)
            self.assertEqual(result_of(run("plan", config, "--json"))["may_drop_rows"], [])

    def test_a_run_tells_by_how_many_bytes_the_bound_grew(self):
        process = sparse("run", "--json")
        result = result_of(process)
        self.assertEqual(result["exit"]["code"], 0, process.stderr)
        self.assertEqual(list(result["widened"]), ["rows"])
        self.assertGreater(result["bytes_beyond_bound"], 0)
        self.assertIn("more than `plan` said", process.stderr)

    def test_a_run_that_starves_nowhere_has_none(self):
        self.assertEqual(result_of(run("configs/linear_fit.yaml", "--json"))["bytes_beyond_bound"], 0)


class RowsThatNobodyHasCounted(unittest.TestCase):
    """Behind `few` nobody knows how many rows come, and `rows` of print is the most that the user would like to see."""
    MOST = ("--set", "show.rows=16777216")

    def test_plan_tells_what_their_text_may_take_apart_from_the_bound(self):
        plan = result_of(sparse("plan", "--json", *self.MOST))
        possible, = plan["possible_memory"]
        self.assertEqual((possible["node"], possible["what"]), ("show", "text of the rows"))
        self.assertGreater(possible["bytes"], 1 << 30)
        self.assertLess(plan["memory_bound_bytes"], 1 << 28)
        self.assertIn("text of the rows of `show`: up to 3.", sparse("plan", *self.MOST).stdout)

    def test_no_run_is_refused_for_what_may_never_come(self):
        wide = CONFIG.replace(str(COLUMNS), str([[row] * 400 for row in range(160)]))
        process = run("run", "-", "--json", "--plugin", SPARSE, *self.MOST, input=wide)
        self.assertEqual(process.returncode, 0, process.stderr[-2000:])

    def test_of_a_known_number_no_more_than_that_is_counted(self):
        lines = [line for line in CONFIG.splitlines() if "few" not in line]
        known = "\n".join(lines).replace("in: batches", "in: rows.x") + "\n"
        plan = result_of(run("plan", "-", "--json", *self.MOST, input=known))
        self.assertEqual(plan["possible_memory"], [])
        self.assertLess(plan["memory_bound_bytes"], 1 << 28)


if __name__ == "__main__":
    unittest.main()
