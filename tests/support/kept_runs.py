"""Who imports this and starts pipeline-run leaves no runs: they are kept in a folder that goes when the program ends."""
import os
import tempfile

FOLDER = tempfile.TemporaryDirectory(prefix="millrace-runs-")
os.environ["MILLRACE_RUNS"] = FOLDER.name
