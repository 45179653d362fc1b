"""The files of a checkout as the checks see them: no build folders, nothing that git ignores by convention."""
import argparse
import pathlib
import sys

IGNORED = {".git", ".deps", ".cache", "build", "runs", "__pycache__"}
CPP_SUFFIXES = (".cpp", ".hpp", ".h", ".cu")


def files(root, suffixes=None):
    """Paths relative to `root`, sorted; all of them, or those that end with one of `suffixes`."""
    found = []
    pending = [root]
    while pending:
        folder = pending.pop()
        for entry in folder.iterdir():
            if entry.is_symlink() or entry.name in IGNORED:  # .git is a file in a second work tree
                continue
            if entry.is_dir():
                pending.append(entry)
            elif suffixes is None or entry.name.endswith(tuple(suffixes)):
                found.append(entry.relative_to(root))
    return sorted(found)


def text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def arguments(description, add=None):
    parser = argparse.ArgumentParser(description=description)
    default = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--root", type=pathlib.Path, default=default, help="the checkout; default: this one")
    if add:
        add(parser)
    args = parser.parse_args()
    args.root = args.root.resolve()
    return args


def finish(name, problems, looked_at):
    """Prints the problems and a closing line, and ends the program. Having looked at nothing is a problem too."""
    if not looked_at:
        problems = problems + ["nothing to check: is --root right?"]
    for problem in problems:
        print(problem)
    print(f"{name}: {looked_at} checked, {len(problems)} wrong")
    sys.exit(1 if problems else 0)
