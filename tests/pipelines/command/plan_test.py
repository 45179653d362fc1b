"""`plan --json` is one text for one plan, and `plan --expect` fails where the plan is another."""
import hashlib
import json
import shutil
import tempfile
import unittest

from program import TINY, result_of, run

OF_THE_MACHINE = ("device", "threads", "memory", "memory_bound_bytes", "memory_of_process", "possible_memory")


def digest(*arguments, **more):
    process = run("plan", *arguments, "--json", **more)
    assert process.returncode == 0, process.stderr
    return result_of(process)["plan_sha256"]


class Canonical(unittest.TestCase):
    def test_keys_are_sorted_at_every_level(self):
        text = run("plan", TINY, "--json").stdout
        self.assertEqual(text, json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) + "\n")

    def test_two_runs_give_one_text(self):
        """But for what the process takes by itself, which is measured, and the sum with it."""
        texts = set()
        for _ in range(5):
            plan = result_of(run("plan", TINY, "--json"))
            del plan["memory_bound_bytes"], plan["memory_of_process"]["program"]
            texts.add(json.dumps(plan))
        self.assertEqual(len(texts), 1)

    def test_anybody_can_compute_the_digest(self):
        plan = result_of(run("plan", TINY, "--json"))
        said = plan.pop("plan_sha256")
        for key in OF_THE_MACHINE:
            del plan[key]
        for plugin in plan["plugins"]:
            del plugin["file"]
        text = json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.assertEqual(said, hashlib.sha256(text.encode()).hexdigest())

    def test_the_page_names_the_same(self):
        self.assertIn(f"\nplan {digest(TINY)}\n", run("plan", TINY).stdout)

    def test_machine_and_place_do_not_matter(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copy(TINY, folder)
            self.assertEqual({digest(TINY), digest(TINY, "--threads", "1"), digest(TINY, "--threads", "7"), digest(copy)}, {digest(TINY)})

    def test_what_would_train_otherwise_matters(self):
        plans = {digest(TINY, *more) for more in ((), ("--set", "seed=9"), ("--set", "epochs=2"), ("--set", "batches.batch_size=3"),
                                                  ("--set", "learn.optimizer.sgd.learning_rate=0.5"))}
        self.assertEqual(len(plans), 5)


class Expected(unittest.TestCase):
    def test_the_right_one_passes(self):
        for digits in (digest(TINY), digest(TINY)[:12]):
            process = run("plan", TINY, "--expect", digits)
            self.assertEqual((process.returncode, process.stderr), (0, ""))
            self.assertIn("peak memory at most", process.stdout)

    def test_another_one_fails_and_says_what_to_do(self):
        process = run("plan", TINY, "--expect", digest(TINY), "--set", "epochs=7")
        self.assertEqual((process.returncode, process.stdout), (3, ""))
        self.assertIn("error[plan-differs]", process.stderr)
        self.assertIn(f"expected was {digest(TINY)}", process.stderr)
        self.assertIn(digest(TINY, "--set", "epochs=7"), process.stderr)

    def test_as_json_it_is_one_object(self):
        process = run("plan", TINY, "--json", "--expect", "0" * 64)
        self.assertEqual(result_of(process)["errors"][0]["name"], "plan-differs")

    def test_what_is_no_digest_is_refused(self):
        for digits in ("abc", "G" * 64, "0" * 65, ""):
            self.assertEqual(run("plan", TINY, "--expect", digits).returncode, 2)


if __name__ == "__main__":
    unittest.main()
