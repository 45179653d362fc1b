"""What a run came to: the page that it leaves, and the verbs `report` and `compare`."""
import html.parser
import os
import pathlib
import re
import subprocess
import unicodedata
import unittest
import xml.etree.ElementTree

from kept_run_test import CONFIG, WithRuns
from program import PROGRAM, result_of

EPOCHS = 40
VOID = {"meta", "link", "br", "img"}
LOADING = {"src", "srcset", "action", "poster", "data", "background", "formaction"}


class Page(html.parser.HTMLParser):
    """Every element is closed where it should be; nothing of the page loads anything."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.problems, self.tags, self.text, self.ids = [], [], [], "", []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"left open: {self.open}")

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if (tag, name) == ("img", "src") and re.fullmatch("data:image/png;base64,[A-Za-z0-9+/]+=*", value):
                continue
            if name in LOADING or name.startswith("on") or (name in ("href", "xlink:href") and not value.startswith("data:")):
                self.problems.append(f"{tag} {name}={value}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}>")

    def handle_data(self, data):
        self.text += data


def widest(text):
    return max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) for line in text.splitlines())


class WithReports(WithRuns):
    def resumed(self, name):
        """A run that goes on until it is stopped, and has trained three epochs more."""
        process = subprocess.Popen([PROGRAM, "resume", name], cwd=self.folder, env={**os.environ, "MILLRACE_RUNS": ""}, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        for closing in (process.stdout.close, process.wait, process.kill):
            self.addCleanup(closing)
        for _ in range(3):
            self.assertNotEqual(process.stdout.readline(), "", process.poll())
        return process

    def page_of(self, path):
        text = pathlib.Path(path).read_text(encoding="utf-8")
        page = Page(text)
        self.assertEqual(page.problems, [])
        for wanted_not in ("http:", "https:", "url(", "@import", "<script", "<img", "<iframe", "javascript:"):
            self.assertNotIn(wanted_not, text)
        self.assertLess(len(text.encode()), 300_000)
        for picture in re.findall(r"<svg.*?</svg>", text, re.S):
            xml.etree.ElementTree.fromstring(picture)
        return text, page


class OfARun(WithReports):
    def test_a_run_leaves_a_page_that_is_whole_and_asks_for_nothing(self):
        self.kept(CONFIG, "-s", f"epochs={EPOCHS}")
        folder = self.runs / "linear_fit-1"
        self.assertEqual(os.readlink(folder / "report.html"), "current/report.html")
        text, page = self.page_of(folder / "report.html")
        self.assertEqual(page.tags.count("h1"), 1)
        for part in (f"Finished after {EPOCHS} of {EPOCHS} epochs", "val_loss", "linear_fit-1", "finished", "all_to_device", "table_source", "dense",
                     "bits_class", "learning_rate: 0.01", "No failures, no warnings.", "after epoch 40"):
            self.assertIn(part, page.text)
        self.assertEqual(len(re.findall('role="img"', text)), 4)  # of loss, seconds, samples_per_second, and the points of the validation

    def test_report_says_the_same_as_text_page_and_data(self):
        self.kept(CONFIG, "-s", f"epochs={EPOCHS}")
        text = self.kept("report", "last").stdout
        self.assertLessEqual(widest(text), 80)
        found = result_of(self.kept("report", "last", "--json"))
        self.assertEqual((found["schema"], found["status"], found["epochs"]), (1, "finished", EPOCHS))
        self.assertEqual(" ".join(text.split())[: len(found["verdict"]["sentence"]) + 200].count(found["verdict"]["sentence"]), 1)
        curve = next(curve for curve in found["curves"] if curve["name"] == "val_loss")
        self.assertEqual(len(curve["points"]), EPOCHS)
        nodes = {node["name"]: node for node in found["pipeline"]["nodes"]}
        self.assertEqual(nodes["learn"]["inputs"], ["to_device"])
        self.assertEqual(nodes["evaluate"]["inputs"], ["all_to_device", "learn"])
        self.assertEqual(found["models"][0]["layers"], [{"layer": "dense", "outputs": 1, "activation": "linear", "parameters": 2}])
        target = self.folder / "again.html"
        self.kept("report", "linear_fit-1", "--html", "-o", str(target))
        self.assertEqual(target.read_bytes(), (self.runs / "linear_fit-1/report.html").read_bytes())
        self.assertEqual(self.kept("report", "linear_fit-1", "--html").stdout, target.read_text(encoding="utf-8"))

    def test_a_run_that_failed_or_was_stopped_leaves_one_too(self):
        self.kept(CONFIG, "-s", "learn.optimizer.sgd.learning_rate=1e30", "-s", "epochs=9", code=8)
        _, page = self.page_of(self.runs / "linear_fit-1/report.html")
        self.assertIn("Failed", page.text)
        self.assertIn("error[diverged]", page.text)
        self.assertIn("error[diverged]", self.kept("report", "last").stdout)
        process = self.running()
        self.stopped(process, 2)
        _, page = self.page_of(self.runs / "long-1/report.html")
        self.assertIn("Stopped (signal 2) after", page.text)

    def test_a_run_that_went_on_has_its_attempts(self):
        self.stopped(self.running(), 2)
        done = result_of(self.kept("report", "last", "--json"))["epochs"]
        process = self.resumed("long-1")
        self.stopped(process, 2)
        rows = result_of(self.kept("report", "last", "--json"))["lineage"]["attempts"]
        self.assertEqual([(row["attempt"], row["status"]) for row in rows], [(1, "stopped"), (2, "stopped")])
        self.assertEqual((rows[0]["first_epoch"], rows[1]["first_epoch"]), (1, rows[0]["last_epoch"] + 1))
        self.assertLessEqual(rows[0]["last_epoch"], done)
        _, page = self.page_of(self.runs / "long-1/report.html")
        self.assertIn(f"{rows[1]['first_epoch']} to {rows[1]['last_epoch']}", page.text)

    def test_hostile_names_stay_names(self):
        config = pathlib.Path(CONFIG).read_text(encoding="utf-8").replace("name: linear_fit", 'name: "<script>alert(1)</script>\\u202e\\e[31m&\\"\'"')
        self.assertEqual(self.run_it("-", "-s", "epochs=2", input=config).returncode, 0)
        name = self.names()[0]
        text, page = self.page_of(self.runs / name / "report.html")
        self.assertNotIn("\u202e", text)
        self.assertNotIn("\x1b", text)
        self.assertIn("<script>alert(1)</script>", page.text)
        self.assertNotIn("\x1b", self.kept("report", name).stdout)

    def test_a_page_that_cannot_be_written_is_a_warning(self):
        process = self.running()
        attempt = self.runs / "long-1/attempts/1"
        (attempt / "report.html").mkdir()
        (attempt / "report.html/in_the_way").touch()
        self.assertEqual(self.stopped(process, 2), 130)
        self.assertIn("warning[report-failed]", (attempt / "log.txt").read_text())


class Damaged(WithReports):
    def test_a_run_without_an_epoch_and_a_torn_journal_are_told(self):
        self.kept(CONFIG, "-s", "epochs=3")
        journal = self.runs / "linear_fit-1/attempts/1/metrics.jsonl"
        with open(journal, "a", encoding="utf-8") as file:
            file.write('{"v":1,"attem')
        self.assertIn("torn", self.kept("report", "last").stdout)
        self.assertEqual(result_of(self.kept("report", "last", "--json"))["torn_bytes"], 13)
        journal.write_text("")
        self.assertIn("No epoch was completed", self.kept("report", "last").stdout)
        journal.write_text('{"v":99,"attempt":1,"epoch":1,"batch":0,"kind":"epoch","values":{}}\n')
        self.assertIn("cannot be read", self.kept("report", "last").stdout)
        journal.unlink()
        (self.runs / "linear_fit-1/summary.json").write_text("[[[")
        (self.runs / "linear_fit-1/config.yaml").write_bytes(b"\xff: [")
        self.kept("report", "last")
        self.kept("report", "last", "--html")
        self.kept("compare", "last", "last")

    def test_json_that_is_nested_too_deeply_is_torn_and_ends_nobody(self):
        self.kept(CONFIG, "--quiet")
        own = self.runs / "linear_fit-1" / "attempts" / "1"
        deep = '{"a":' * 100000 + "1" + "}" * 100000
        for name in ("environment.json", "summary.json"):
            (own / name).write_text(deep)
        for arguments in (["runs"], ["report", "linear_fit-1"], ["compare", "linear_fit-1", "linear_fit-1"], ["runs", "prune", "--keep", "9"]):
            self.kept(*arguments)

    def test_what_is_no_run_is_refused(self):
        self.kept(CONFIG, "-s", "epochs=1")
        for arguments in (("report", "linear_fat-1"), ("compare", "linear_fit-1", "linear_fat-1")):
            error = self.kept(*arguments, code=2).stderr
            self.assertIn("error[unknown-run]", error)
            self.assertIn("did you mean `linear_fit-1`", error)
        self.assertIn("error[no-run-folder]", self.kept("report", str(self.folder), code=2).stderr)
        self.assertIn("two runs or more", self.kept("compare", "last", code=2).stderr)
        self.assertIn("--html and --json", self.kept("report", "last", "--html", "--json", code=2).stderr)
        self.kept("report", "last", "-o", str(self.folder / "no/such/folder"), code=7)


class Compared(WithReports):
    def test_what_yaml_tells_apart_is_a_difference_and_a_config_that_is_gone_is_told(self):
        for _ in range(2):
            self.kept(CONFIG, "--quiet")
        for number, value in (("1", '["a, b", c]'), ("2", '[a, "b, c"]')):
            (self.runs / f"linear_fit-{number}" / "config.yaml").write_text(f"version: 1\ngraph:\n  x: {{with: {{classes: {value}}}}}\n")
        compared = result_of(self.kept("compare", "linear_fit-1", "linear_fit-2", "--json"))
        self.assertEqual([d["path"] for d in compared["config"]], ["x.classes"])
        for number in "12":
            os.remove(self.runs / f"linear_fit-{number}" / "config.yaml")
        self.assertEqual(self.kept("compare", "linear_fit-1", "linear_fit-2").stderr.count("warning[config-unreadable]"), 2)

    def test_configs_values_and_curves_stand_beside_each_other(self):
        self.kept(CONFIG, "-s", "epochs=20")
        self.kept(CONFIG, "-s", "epochs=20", "-s", "learn.optimizer.sgd.learning_rate=0.005")
        self.kept(CONFIG, "-s", "epochs=10")
        text = self.kept("compare", "linear_fit-1", "linear_fit-2", "linear_fit-3").stdout
        self.assertLessEqual(widest(text), 80)
        self.assertRegex(text, r"(?m)^  epochs +20 +20 +10$")
        self.assertRegex(text, r"(?m)^  learn\.optimizer\.sgd\.learning_rate +0\.01 +0\.005 +0\.01$")
        self.assertRegex(text, r"(?m)^  val_loss last ")
        found = result_of(self.kept("compare", "linear_fit-1", "linear_fit-2", "--json"))
        self.assertEqual(found["config"], [{"path": "learn.optimizer.sgd.learning_rate", "values": ["0.01", "0.005"]}])
        self.assertEqual(len(found["runs"][1]["metrics"]["val_loss"]["points"]), 20)
        self.kept("compare", "linear_fit-1", "linear_fit-2", "--html", "-o", str(self.folder / "both.html"))
        _, page = self.page_of(self.folder / "both.html")
        self.assertIn("learn.optimizer.sgd.learning_rate", page.text)
        self.assertIn("A val_loss", page.text)
        self.assertIn("no difference", self.kept("compare", "linear_fit-1", "linear_fit-1").stdout)


if __name__ == "__main__":
    unittest.main()
