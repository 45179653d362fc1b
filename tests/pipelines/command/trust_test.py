"""What a config may make the program do: load plugins, read files; and how that is refused, whichever way a plugin is found."""
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from program import TINY, result_of, run

MOODY = os.environ["MOODY_PLUGIN"]
NODES = "version: 1\ngraph:\n  a: {stage: table_source, with: {columns: {x: [1, 2]}}}\n  b: {stage: print, in: a.x}\n"
LOOKING = ("check", "plan", "show", "graph")


class Trust(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.own = self.root / "own"
        self.own.mkdir(mode=0o755)
        self.plugin = self.own / "moody.so"
        shutil.copy(MOODY, self.plugin)
        self.plugin.chmod(0o755)
        self.mark = self.root / "mark"  # the plugin leaves it when its code runs
        self.environment = {"XDG_DATA_HOME": str(self.root / "data"), "MILLRACE_PLUGIN_PATH": "", "MILLRACE_TEST_MARK": str(self.mark)}

    def config(self, text, name="own/c.yaml"):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def naming(self, plugin="./moody.so", name="own/c.yaml"):
        return self.config(f"{NODES}plugins: [{plugin}]\n", name)

    def run_it(self, *arguments, **more):
        return run(*arguments, env={**self.environment, **more})


class Plugins(Trust):
    def every_way(self):
        """Each way in which a plugin is found, as arguments and environment."""
        by_folder = self.config(f"{NODES}  c: {{stage: moody, in: a.x}}\n", "own/folder.yaml")
        return {
            "a path in the config": ([self.naming()], {}),
            "a name in the config": ([self.naming("moody", "own/n.yaml")], {"MILLRACE_PLUGIN_PATH": str(self.own)}),
            "--plugin": ([TINY, "--plugin", str(self.plugin)], {}),
            "a folder": ([by_folder], {"MILLRACE_PLUGIN_PATH": str(self.own)}),
        }

    def refused_every_way(self, name):
        for way, (arguments, environment) in self.every_way().items():
            with self.subTest(way):
                process = self.run_it("check", *arguments, **environment)
                self.assertNotEqual(process.returncode, 0, process.stderr)
                word = {"plugin-writable-by-all": "anybody may write to", "plugin-writable-by-group": "may write to",
                        "plugin-of-another-user": "who could change it"}[name]
                self.assertIn(word, process.stderr)
                self.assertFalse(self.mark.exists())

    def test_a_file_that_anybody_may_write_to_is_refused(self):
        self.plugin.chmod(0o757)
        self.refused_every_way("plugin-writable-by-all")

    def test_so_is_one_in_a_folder_that_anybody_may_write_to(self):
        self.own.chmod(0o757)
        self.refused_every_way("plugin-writable-by-all")

    def test_and_one_below_such_a_folder(self):
        self.root.chmod(0o757)
        self.refused_every_way("plugin-writable-by-all")
        self.root.chmod(0o1757)  # where each may change only what is his, as in /tmp
        self.assertEqual(self.run_it("check", self.naming()).returncode, 0)

    @unittest.skipIf(os.geteuid() != 0, "only root can give a file away")
    def test_and_one_of_another_user_or_of_a_group(self):
        os.chown(self.plugin, 65533, 0)
        self.refused_every_way("plugin-of-another-user")
        os.chown(self.plugin, 0, 65533)
        self.plugin.chmod(0o775)
        self.refused_every_way("plugin-writable-by-group")

    def test_a_link_is_no_better_than_what_it_leads_to_and_where_it_lies(self):
        open_folder = self.root / "open"
        open_folder.mkdir()
        open_folder.chmod(0o777)
        (open_folder / "link.so").symlink_to(self.plugin)
        process = self.run_it("check", TINY, "--plugin", str(open_folder / "link.so"))
        self.assertIn("error[plugin-writable-by-all]", process.stderr)

    def test_a_relative_folder_is_not_searched(self):
        for variable in ("MILLRACE_PLUGIN_PATH", "XDG_DATA_HOME"):
            folder = self.own / "millrace/plugins" if variable == "XDG_DATA_HOME" else self.own
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(MOODY, folder / "moody.so")
            process = run("stages", "moody", "--why", cwd=self.own, env={**self.environment, variable: "."})
            self.assertIn("no plugin brings a stage `moody`", process.stdout)
            self.assertIn("plugin-folder-relative", process.stdout)

    def test_verbs_that_look_name_each_plugin_that_they_load(self):
        config = self.naming()
        for verb in LOOKING:
            process = self.run_it(verb, config)
            self.assertEqual(process.returncode, 0, process.stderr)
            self.assertEqual(process.stderr, f"loaded plugin {self.plugin}\n")
            if verb != "graph":
                listed = result_of(self.run_it(verb, config, "--json"))["plugins"]
                self.assertEqual([(p["name"], p["file"]) for p in listed], [("moody", str(self.plugin))])
            self.assertNotIn("loaded plugin", self.run_it(verb, TINY).stderr)

    def test_a_config_with_errors_lists_the_plugins_that_its_check_has_loaded_too(self):
        config = self.naming()
        for verb in (["check"], ["plan"], ["show"], []):
            process = self.run_it(*verb, config, "--json", "--set", "epochs=x")
            self.assertEqual(process.returncode, 3, process.stderr)
            self.assertEqual([p["file"] for p in result_of(process)["plugins"]], [str(self.plugin)])

    def test_no_plugins_refuses_those_that_a_config_names(self):
        base = self.naming(name="own/base.yaml")
        child = self.config("version: 1\nextends: base.yaml\n", "own/child.yaml")
        for verb in LOOKING + ((),):
            for config in (base, child):
                process = self.run_it(*([verb] if verb else []), config, "--no-plugins")
                self.assertEqual(process.returncode, 6, process.stderr)
                self.assertIn("error[plugins-refused]", process.stderr)
                self.assertIn("base.yaml:5:", process.stderr)
                self.assertFalse(self.mark.exists())
        allowed = self.run_it("check", TINY, "--no-plugins", "--plugin", str(self.plugin))
        self.assertEqual(allowed.stderr, f"loaded plugin {self.plugin}\n")

    def test_a_plugin_of_a_base_lies_beside_the_base(self):
        self.naming(name="own/base.yaml")
        child = self.config("version: 1\nextends: ../own/base.yaml\n", "elsewhere/child.yaml")
        self.assertEqual(self.run_it("check", child).returncode, 0)

    def test_completion_runs_no_plugin_of_a_config(self):
        config = self.naming()
        self.assertIn("b.rows=", self.run_it("__complete", config, "--set", "b.").stdout)
        self.assertFalse(self.mark.exists())
        self.run_it("check", config)
        self.assertTrue(self.mark.exists())


class StrictPaths(Trust):
    def idx(self, name):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2]))
        return path

    def reading(self, path, more=""):
        return self.config(f"version: 1\ngraph:\n  a: {{stage: idx_loader, with: {{images: {path}}}{more}}}\n"
                           "  b: {stage: print, in: a.images}\n")

    def test_data_below_the_config_are_read_and_others_refused(self):
        inside, outside = self.idx("own/labels.idx"), self.idx("else/labels.idx")
        linked = self.own / "link.idx"
        linked.symlink_to(outside)
        for isolate in ("", ", run: {isolate: process}"):
            self.assertEqual(self.run_it(self.reading(inside, isolate), "--strict-paths").returncode, 0)
            for path in (outside, linked):
                self.assertEqual(self.run_it(self.reading(path, isolate)).returncode, 0)
                process = self.run_it(self.reading(path, isolate), "--strict-paths")
                self.assertNotEqual(process.returncode, 0)
                self.assertIn("error[outside-folder]", process.stderr)

    def test_bases_and_plugins_outside_are_refused(self):
        self.config(NODES, "else/base.yaml")
        child = self.config("version: 1\nextends: ../else/base.yaml\n")
        self.assertEqual(self.run_it("check", child).returncode, 0)
        process = self.run_it("check", child, "--strict-paths")
        self.assertEqual(process.returncode, 3)
        self.assertIn("outside of the config's folder", process.stderr)
        shutil.copy(MOODY, self.root / "else/moody.so")
        process = self.run_it("check", self.naming("../else/moody.so"), "--strict-paths")
        self.assertIn("error[outside-folder]", process.stderr)
        self.assertFalse(self.mark.exists())
        self.assertEqual(self.run_it("check", self.naming(), "--strict-paths").returncode, 0)

    def test_a_plugin_of_a_plugin_folder_passes_by_its_name(self):
        folder = self.root / "plugins of mine"
        folder.mkdir()
        shutil.copy(MOODY, folder / "apart.so")
        process = self.run_it("check", self.naming("apart"), "--strict-paths", MILLRACE_PLUGIN_PATH=str(folder))
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn(f"loaded plugin {folder}/apart.so", process.stderr)

    def test_what_comes_with_millrace_passes(self):
        for name in ("linear_fit", "colors_onehot", "mnist_mlp", "mnist_mlp_3way", "mnist_mlp_augmented"):
            process = self.run_it("check", name, "--strict-paths", "--json")
            self.assertEqual(json.loads(process.stdout)["errors"], [], process.stderr)


if __name__ == "__main__":
    unittest.main()
