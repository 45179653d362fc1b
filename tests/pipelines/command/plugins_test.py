"""Where pipeline-run looks for plugins, and what it says of those that it refuses."""
import os
import shutil
import tempfile
import unittest

from program import TINY, result_of, run

MOODY = os.environ["MOODY_PLUGIN"]
CONFIG = """version: 1
name: moods
graph:
  points: {stage: table_source, with: {columns: {x: [1, 2, 3]}}}
  same:   {stage: moody, in: points.x}
  show:   {stage: print, in: {in: same}}
"""


class Plugins(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.makedirs(f"{self.folder}/data/millrace/plugins")
        os.makedirs(f"{self.folder}/path")
        self.env = {"XDG_DATA_HOME": f"{self.folder}/data", "MILLRACE_PLUGIN_PATH": f"{self.folder}/path"}

    def put(self, path, way="good"):
        """A copy of the moody plugin that behaves in a way of fixtures/moody.cpp."""
        file = f"{self.folder}/{path}"
        with open(MOODY, "rb") as good:
            content = good.read()
        at = content.index(b"mood:good") + 5
        with open(file, "wb") as copy:
            copy.write(content[:at] + way.encode().ljust(32, b"\0") + content[at + 32:])
        return file

    def run_config(self, *arguments, text=CONFIG):
        return run("-", *arguments, env=self.env, input=text)

    def test_a_config_finds_its_stage_in_a_folder(self):
        for place in ["path/a.so", "data/millrace/plugins/a.so"]:
            file = self.put(place)
            self.assertEqual(self.run_config().returncode, 0, self.run_config().stderr)
            os.remove(file)
        process = self.run_config()
        self.assertEqual(process.returncode, 3)
        self.assertIn("error[unknown-stage]", process.stderr)

    def test_a_copy_that_is_shadowed_is_warned_of_and_the_json_names_the_one_that_ran(self):
        used, shadowed = self.put("path/a_backup.so"), self.put("path/moods.so")
        process = self.run_config("--json")
        self.assertEqual(process.returncode, 0, process.stderr)
        result = result_of(process)
        self.assertEqual([plugin["file"] for plugin in result["plugins"]], [os.path.realpath(used)])
        warnings = [warning for warning in result["warnings"] if warning["name"] == "plugin-shadowed"]
        self.assertEqual(len(warnings), 1, result["warnings"])
        self.assertIn(shadowed, warnings[0]["message"])

    def test_a_config_names_a_plugin_by_its_path_or_by_its_name_in_a_folder(self):
        self.put("path/moods.so")
        self.put("own.so")
        os.makedirs(f"{self.folder}/configs")
        for name in ["moods", "../own.so"]:
            with open(f"{self.folder}/configs/c.yaml", "w", encoding="utf-8") as config:
                config.write(CONFIG + f"plugins: [{name}]\n")
            process = run(f"{self.folder}/configs/c.yaml", env=self.env)
            self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(self.run_config("--plugin", "moods").returncode, 0)

    def test_a_config_of_built_in_stages_runs_no_code_of_a_folder(self):
        self.put("path/moods.so")
        mark = f"{self.folder}/mark"
        self.assertEqual(run("check", TINY, env={**self.env, "MILLRACE_TEST_MARK": mark}).returncode, 0)
        self.assertFalse(os.path.exists(mark))
        self.run_config("--dry-run")
        run("check", "-", env={**self.env, "MILLRACE_TEST_MARK": mark}, input=CONFIG)
        self.assertTrue(os.path.exists(mark))

    def test_a_stage_that_is_missing_because_its_plugin_was_refused_says_so(self):
        file = self.put("path/moods.so", "register crashes")
        process = self.run_config("--json")
        self.assertEqual(process.returncode, 3)
        error = result_of(process)["errors"][0]
        self.assertEqual(error["name"], "unknown-stage")
        self.assertTrue(any(file in note and "Segmentation fault" in note for note in error["notes"]), error)

    def test_a_plugin_that_is_waited_for_is_named_meanwhile(self):
        file = self.put("path/moods.so", "register hangs")
        process = run("check", "-", env={**self.env, "MILLRACE_PLUGIN_TIMEOUT_MS": "1200"}, input=CONFIG)
        self.assertIn(f"waiting for plugin `{file}` to load, 1.2 s at most (MILLRACE_PLUGIN_TIMEOUT_MS)\n", process.stderr)
        self.assertIn("has not registered its stages within 1200 ms", process.stderr)

    @unittest.skipIf(os.environ["MILLRACE_SANITIZER"] == "thread", "it reports at the usual end, which waits for the plugin's thread")
    def test_a_plugin_that_starts_a_thread_while_it_is_loaded_is_noticed(self):
        file = self.put("path/moods.so", "global thread")
        for more in ([], ["--plugin", self.put("own.so", "global thread")]):
            process = run("stages", "moody", "--why", "--json", *more, env=self.env)
            remarks = {place["path"]: place.get("remark") for place in result_of(process)["looked_at"]}
            self.assertEqual(remarks[more[1] if more else file], "starts 1 thread of its own while it is loaded")
            warnings = result_of(run("check", "-", "--json", *more, env=self.env, input=CONFIG))["warnings"]
            self.assertEqual([warning["name"] for warning in warnings], ["plugin-starts-threads"])
            self.assertIn("starts 1 thread of its own", self.run_config(*more).stderr)

    def test_nobody_answers_by_hand(self):
        for arguments in (["__try_plugin", "1", MOODY], ["__check_stage", "1", MOODY, "moody", "runs", "", "42"]):
            self.assertEqual(run(*arguments).returncode, 2)

    def test_why_lists_every_place_and_every_refusal(self):
        crash, good = self.put("path/a.so", "global aborts"), self.put("data/millrace/plugins/b.so")
        process = run("stages", "moody", "--why", "--plugin", "README.md", "--plugin", "nowhere", env=self.env)
        self.assertEqual(process.returncode, 0, process.stderr)
        for part in ["`moody` is there", "built in: ", "--plugin: README.md", "plugin-not-elf", "plugin-missing", crash,
                     "plugin-crashes", "help: ", good, "brings moody"]:
            self.assertIn(part, process.stdout)
        self.assertLess(process.stdout.index(crash), process.stdout.rindex(good))

    def test_why_is_exit_code_2_and_has_a_suggestion_when_the_stage_is_nowhere(self):
        process = run("stages", "--why", "bacher", env=self.env)
        self.assertEqual(process.returncode, 2)
        self.assertIn("Did you mean `batcher`?", process.stdout)
        self.assertIn("has no *.so", process.stdout)

    def test_why_is_exit_code_6_where_a_refused_plugin_may_have_brought_the_stage(self):
        self.put("path/a.so", "register exits")
        self.assertEqual(run("stages", "--why", "moody", env=self.env).returncode, 6)

    def test_why_as_json_has_the_same(self):
        self.put("path/a.so", "register exits")
        found = result_of(run("stages", "moody", "--why", "--json", env=self.env))
        self.assertFalse(found["found"])
        refused = [place for place in found["looked_at"] if "refusal" in place]
        self.assertEqual([place["refusal"]["name"] for place in refused], ["plugin-exits"])

    def test_why_without_a_name_is_refused(self):
        self.assertEqual(run("stages", "--why").returncode, 2)

    def test_a_mended_plugin_is_there_at_once(self):
        self.put("path/a.so", "global exits")
        self.assertEqual(run("stages", "moody", env=self.env).returncode, 2)
        shutil.copy(MOODY, f"{self.folder}/path/a.so")
        self.assertEqual(run("stages", "moody", env=self.env).returncode, 0)

    def test_a_plugin_that_exits_does_not_end_the_program_as_if_all_were_well(self):
        process = run("check", TINY, "--plugin", self.put("path/a.so", "global exits"), "--json", env=self.env)
        self.assertEqual(process.returncode, 6)
        self.assertEqual(result_of(process)["errors"][0]["name"], "plugin-exits")


if __name__ == "__main__":
    unittest.main()
