"""Command that makes the exercise from the solution: ``python -m exercise.make FOLDER``."""

import argparse
import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from exercise.cases import call
from exercise.make.gradescope import make_gradescope
from exercise.make.homework import ROOT, make_homework, make_module
from exercise.make.notebook import make_notebook
from exercise.parts import PARTS, solution
from exercise.student import draw_cases

HANDOUT = Path(__file__).resolve().parent / "handout"
NOTEBOOK = "two_layer_net.ipynb"
COPIED = ("LICENSE", ".gitignore", "requirements.txt", "checks.py", "data_utils.py", "files.py")
COPIED += ("gradient_check.py", "tables.py", "vis_utils.py", "run_notebook.py")
COPIED += ("classifiers/*.py", "classifiers/sweep/*.py", "datasets/*.py", "exercise/*.py", "exercise/hints.md")
MANIFEST = "exercise/made.json"
# Made by tools, not by students.
CACHES = {".venv", "build", "__pycache__", ".pytest_cache", ".ipynb_checkpoints"}


def main(arguments=None):
    """Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        Arguments of the command line; by default those of the process.

    Raises
    ------
    SystemExit
        If the exercise cannot be made. The text is a sentence that says why.
    """
    parser = argparse.ArgumentParser(prog="python -m exercise.make", description="Make the exercise from the solution.")
    parser.add_argument(
        "folder", type=Path, nargs="?", help="output folder: a new or empty one, or an unchanged earlier exercise"
    )
    parser.add_argument(
        "--gradescope", type=Path, metavar="FILE.zip", help="write the autograder for Gradescope instead"
    )
    args = parser.parse_args(arguments)
    folder = args.folder
    if (folder is None) == (args.gradescope is None):
        parser.error("give either a folder or --gradescope")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a code page lacks some characters
    try:
        if args.gradescope:
            make_gradescope(args.gradescope)
            print(f"The autograder is in {args.gradescope}. Upload it to Gradescope. It has the solution")
            return
        make_exercise(folder)
    except (OSError, ValueError) as error:
        sys.exit(f"Cannot make the exercise: {error}")
    print(f"The exercise is in {folder}. Give it to students with its README.md")


def make_exercise(folder):
    """Write all files of the exercise, or none if an error occurs.

    The folder must be missing or empty, or hold an earlier exercise without changes, which is
    replaced. Otherwise a ValueError says so. An OSError says which file cannot be read or written.
    """
    folder = Path(os.path.realpath(folder))
    check_folder(folder)
    files = collect_files()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        made, old = Path(temporary, "made"), Path(temporary, "old")
        for name, data in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(data)
        if folder.exists():
            os.replace(folder, old)  # on Windows an open file stops this: nothing has changed
        if (old / ".venv").exists():
            os.replace(old / ".venv", made / ".venv")
        os.replace(made, folder)


def check_folder(folder):
    """Raise ValueError unless a folder is missing or empty, or holds an unchanged exercise."""
    if not folder.exists() or folder.is_dir() and not any(folder.iterdir()):
        return
    try:
        made = dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise ValueError(f"{folder} is not empty and not an earlier exercise. Choose another folder") from None
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not CACHES.isdisjoint(name.parts) or name.as_posix() == MANIFEST or path.is_dir():
            continue
        if not path.is_file() or made.get(name.as_posix()) != _hash(path.read_bytes()):
            raise ValueError(f"{folder} holds work: {name} is new or has changed. Choose another folder, or move it")


def _hash(data):
    return hashlib.sha256(data).hexdigest()


def collect_files():
    """Return the files of the exercise as a dict. It maps names with slashes to bytes."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for pattern in COPIED
        for path in sorted(ROOT.glob(pattern))
    }
    for path in sorted(HANDOUT.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[path.relative_to(HANDOUT).as_posix()] = path.read_bytes()
    files["homework.py"] = make_homework().encode()
    files |= {f"{name.replace('.', '/')}.py": make_module(name).encode() for name in {part.module for part in PARTS}}
    files["diagnosis/code.zip"] = pack(path for path in (ROOT / "diagnosis").glob("*.py") if path.stem != "__init__")
    files["exercise/answers.npz"] = make_answers()
    files[NOTEBOOK] = make_notebook((ROOT / NOTEBOOK).read_text(encoding="utf-8")).encode()
    files[MANIFEST] = json.dumps({name: _hash(data) for name, data in files.items()}, indent=1).encode()
    return files


def pack(paths):
    """Return a zip of files as bytes. They are the same in each run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path in sorted(paths):
            entry = zipfile.ZipInfo(path.name)  # dated 1980
            entry.external_attr = 0o644 << 16
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def make_answers():
    """Return the bytes of an ``.npz`` file with the solution's answers to the visible cases."""
    buffer, answers = io.BytesIO(), {}
    for part in PARTS:
        for number, case in enumerate(draw_cases(part.name)):
            answer = call(part.name, solution(part.name), case.arrays)
            answers |= {f"{part.name} {number} {name}": answer[name] for name in case.outputs}
    np.savez(buffer, **answers)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
