"""pipeline-run fetch against mirrors on the loopback: good, truncated, cut off, wrong and missing files."""
import fcntl
import gzip
import hashlib
import http.server
import os
import pathlib
import resource
import subprocess
import tempfile
import threading
import unittest

from program import PROGRAM, result_of, run

STEMS = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def copy_of_a_dataset():
    """(name, folder) of a data set that this machine has, or None."""
    folders = [("mnist", os.environ.get("MILLRACE_DATA_DIR", "/nowhere") + "/mnist"),
               ("fashion_mnist", "/usr/share/datasets/fashion-mnist")]
    for name, folder in folders:
        if all(pathlib.Path(folder, stem + ".gz").is_file() for stem in STEMS):
            return name, folder
    return None


class Mirror:
    """Serves what `answer` makes of a file's name: (status, body, length to announce), and where to, for a redirection."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body, length, *to = answer(self.path.rsplit("/", 1)[-1])
                self.send_response(status)
                for address in to:
                    self.send_header("Location", address)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/set/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def whole(status, body):
    return status, body, len(body)


CAN_DOWNLOAD = result_of(run("devices", "--json"))["curl"]


@unittest.skipIf(CAN_DOWNLOAD, "needs a build without libcurl")
class FetchWithoutCurl(unittest.TestCase):
    def test_it_says_where_the_files_are_and_what_they_hash_to(self):
        with tempfile.TemporaryDirectory() as folder:
            process = run("fetch", "mnist", "--to", folder)
        self.assertEqual(process.returncode, 4)
        for text in ["error[fetch-impossible]", "https://", "ba891046e6505d7a", folder]:
            self.assertIn(text, process.stderr)


@unittest.skipUnless(CAN_DOWNLOAD, "needs a build with libcurl")
class Fetch(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name, "data set")

    def fetch(self, *mirrors, name="mnist", more=()):
        arguments = [word for mirror in mirrors for word in ("--from", mirror)]
        return run("fetch", name, *arguments, *more, "--to", str(self.folder), env={"no_proxy": "127.0.0.1"})

    def failed(self, answer, reason):
        with Mirror(answer) as mirror:
            process = self.fetch(mirror.address)
        self.assertEqual(process.returncode, 4, process.stderr)
        self.assertIn("error[fetch-failed]", process.stderr)
        self.assertIn(reason, process.stderr)
        self.assertEqual(process.stdout, "")
        self.assertEqual(list(self.folder.iterdir()), [])
        return process.stderr

    def test_a_missing_file_is_refused_with_the_reason_and_says_how_to_go_on(self):
        text = self.failed(lambda _: whole(404, b"gone"), "404")
        self.assertIn("sha256 of the unpacked content ba891046e6505d7a", text)

    def test_a_file_of_other_content_is_refused(self):
        self.failed(lambda _: whole(200, gzip.compress(bytes(47040016), 1)), "SHA-256")

    def test_a_file_of_another_size_is_refused(self):
        self.failed(lambda _: whole(200, gzip.compress(b"short")), "unpacks to 5 bytes")

    def test_a_file_that_unpacks_to_too_much_is_refused(self):
        self.failed(lambda _: whole(200, gzip.compress(bytes(47040017), 1)), "more than 47040016 bytes")

    def test_a_page_instead_of_the_file_is_refused(self):
        self.failed(lambda _: whole(200, b"<html>sign in</html>"), "unpacks to 20 bytes")

    def test_a_truncated_gzip_is_refused(self):
        body = gzip.compress(os.urandom(5000))
        self.failed(lambda _: whole(200, body[:4000]), "failed:")

    def test_a_connection_that_breaks_off_is_refused(self):
        body = gzip.compress(os.urandom(5000))
        self.failed(lambda _: (200, body[:1000], len(body)), "failed:")

    def test_an_endless_file_is_cut_off(self):
        self.failed(lambda _: whole(200, bytes(47040016 + (1 << 20) + 1)), "it sends more than")

    def test_the_reason_of_every_mirror_is_told(self):
        with Mirror(lambda _: whole(404, b"")) as first, Mirror(lambda _: whole(503, b"")) as second:
            text = self.fetch(first.address, second.address).stderr
        for status in ("404", "503"):
            self.assertEqual(text.count(f"error: {status}"), 1, text)

    def test_a_scheme_that_is_no_download_is_refused(self):
        self.assertEqual(self.fetch("ftp://127.0.0.1/x").returncode, 4)

    def test_what_somebody_could_change_on_its_way_is_not_fetched(self):
        process = self.fetch("http://192.0.2.1/x")
        self.assertEqual(process.returncode, 4)
        self.assertIn("only https is, and http to this machine", process.stderr)

    def test_a_redirection_leads_to_nothing_that_could_not_be_asked_at_once(self):
        for to in ("http://192.0.2.1/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://127.0.0.1@192.0.2.1/x"):
            self.failed(lambda _, address=to: (302, b"elsewhere", 9, address), f"{to} is not fetched")
        self.failed(lambda _: (302, b"", 0, "/again"), "redirects more than 5 times")
        found = gzip.compress(b"short")
        self.failed(lambda file: whole(200, found) if file == "there" else (302, b"a page", 6, "/there"), "unpacks to 5 bytes")

    def test_a_full_disk_is_exit_code_7(self):
        def little_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with Mirror(lambda _: whole(200, os.urandom(5000))) as mirror:
            process = run("fetch", "mnist", "--from", mirror.address, "--to", str(self.folder), env={"no_proxy": "127.0.0.1"},
                          preexec_fn=little_room)
        self.assertEqual(process.returncode, 7, process.stderr)
        self.assertIn("error[output-unwritable]", process.stderr)
        self.assertIn("File too large", process.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_a_killed_fetch_has_left_is_removed_but_not_what_another_one_writes(self):
        self.folder.mkdir()
        left, used, similar = (f".millrace-{digit * 32}{ending}" for digit, ending in (("0", ".part"), ("1", ".part"), ("2", ".parts")))
        for name in (left, used, similar):
            (self.folder / name).write_bytes(b"left")
        with open(self.folder / used, "rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            with Mirror(lambda _: whole(404, b"")) as mirror:
                self.fetch(mirror.address)
            self.assertEqual({path.name for path in self.folder.iterdir()}, {used, similar})

    def test_a_kill_leaves_nothing_that_the_next_one_does_not_remove(self):
        asked, goes_on = threading.Event(), threading.Event()

        def slow(_):
            asked.set()
            goes_on.wait()
            return whole(404, b"")

        with Mirror(slow) as mirror:
            process = subprocess.Popen([PROGRAM, "fetch", "mnist", "--from", mirror.address, "--to", str(self.folder)],
                                       env={**os.environ, "no_proxy": "127.0.0.1"}, stderr=subprocess.DEVNULL)
            self.assertTrue(asked.wait(60))
            process.kill()
            process.wait()
            goes_on.set()
            self.fetch(mirror.address)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_an_unknown_data_set_gets_a_suggestion(self):
        process = run("fetch", "mnits")
        self.assertEqual(process.returncode, 2)
        self.assertIn("did you mean `mnist`", process.stderr)

    def test_a_folder_that_cannot_be_written_is_exit_code_7(self):
        process = run("fetch", "mnist", "--from", "file:///nowhere", "--to", "/proc/nowhere")
        self.assertEqual(process.returncode, 7, process.stderr)
        self.assertIn("cannot make the folder `/proc/nowhere`: ", process.stderr)
        self.assertIn("choose a folder in which you may write", process.stderr)


@unittest.skipIf(copy_of_a_dataset() is None or not CAN_DOWNLOAD, "needs MNIST in MILLRACE_DATA_DIR or Debian's dataset-fashion-mnist")
class FetchOfRealFiles(unittest.TestCase):
    setUp = Fetch.setUp
    fetch = Fetch.fetch

    def test_the_next_mirror_is_taken_and_then_nothing_is_fetched_again(self):
        name, source = copy_of_a_dataset()
        asked = []

        def bad(file):
            asked.append(file)
            return whole(404, b"")

        with Mirror(bad) as first, Mirror(lambda file: whole(200, pathlib.Path(source, file).read_bytes())) as second:
            process = self.fetch(first.address, second.address, name=name)
            self.assertEqual(process.returncode, 0, process.stderr)
            self.assertEqual(asked, [stem + ".gz" for stem in STEMS])
            again = self.fetch(first.address, second.address, name=name)
        self.assertEqual(again.returncode, 0)
        self.assertIn("already", again.stdout)
        self.assertEqual(len(asked), len(STEMS))
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), sorted(stem + ".gz" for stem in STEMS))
        for stem in STEMS:
            ours, theirs = (gzip.decompress(pathlib.Path(at, stem + ".gz").read_bytes()) for at in (self.folder, source))
            self.assertEqual(hashlib.sha256(ours).digest(), hashlib.sha256(theirs).digest())

    def test_a_quiet_one_that_succeeds_says_nothing(self):
        name, source = copy_of_a_dataset()
        for _ in ("fetched", "there already"):
            process = self.fetch("file://" + source, name=name, more=["--quiet"])
            self.assertEqual((process.returncode, process.stdout, process.stderr), (0, "", ""))

    def test_a_copy_where_a_run_finds_it_is_not_called_out_of_sight(self):
        name, source = copy_of_a_dataset()
        elsewhere = self.folder / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name] / "raw"  # as torchvision has it
        elsewhere.mkdir(parents=True)
        for stem in STEMS:
            (elsewhere / (stem + ".gz")).symlink_to(pathlib.Path(source, stem + ".gz"))
        process = run("fetch", name, env={"MILLRACE_DATA_DIR": str(self.folder), "XDG_CACHE_HOME": str(self.folder)})
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("all 4 files were there already", process.stdout)
        self.assertNotIn("does not look there", process.stderr)

    def test_a_damaged_file_is_replaced_but_a_raw_one_is_left_to_its_owner(self):
        name, source = copy_of_a_dataset()
        self.assertEqual(self.fetch("file://" + source, name=name).returncode, 0)
        damaged = self.folder / "t10k-labels-idx1-ubyte.gz"
        damaged.write_bytes(b"damaged")
        process = self.fetch("file://" + source, name=name)
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn("fetching it anew", process.stderr)
        self.assertNotEqual(damaged.read_bytes(), b"damaged")
        (self.folder / "t10k-labels-idx1-ubyte").write_bytes(b"mine")
        refused = self.fetch("file://" + source, name=name)
        self.assertEqual(refused.returncode, 4)
        self.assertIn("error[dataset-file-wrong]", refused.stderr)


if __name__ == "__main__":
    unittest.main()
