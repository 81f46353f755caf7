"""Tests of simulated Windows: locked files, code pages, missing modules and missing signals."""

import ast
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT, run_python

import run_notebook
from classifiers.sweep import SweepResult
from classifiers.sweep.trials import Trial
from datasets import fetch
from exercise import make
from vis_utils import sweep_table

MODULES = sorted(ROOT.glob("*.py")) + sorted(
    path
    for folder in ("benchmarks", "classifiers", "datasets", "diagnosis", "exercise")
    for path in ROOT.glob(f"{folder}/*.py")
)
LOCKED = PermissionError(13, "The process cannot access the file because it is being used by another process")


class Locked:
    """Function of `os` that fails a few times, as if a virus scanner or indexer locked a file."""

    def __init__(self, function, times, of=lambda *paths: True):
        self.function, self.left, self.of = function, times, of

    def __call__(self, *paths, **settings):
        if self.left and self.of(*paths):
            self.left -= 1
            raise LOCKED
        return self.function(*paths, **settings)


@pytest.fixture
def windows(monkeypatch):
    """Remove the waiting time between two attempts."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return monkeypatch


def test_exercise_that_is_open_in_a_program(tmp_path, windows):
    """The exercise and its environment do not change."""
    folder = tmp_path / "exercise"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / "ready").touch()
    windows.setattr(make, "check_folder", lambda folder: None)
    windows.setattr(make, "collect_files", lambda: {"new": b""})
    windows.setattr(os, "replace", Locked(os.replace, 10**6, of=lambda source, target: Path(source) == folder))
    with pytest.raises(PermissionError):
        make.make_exercise(folder)
    assert (folder / ".venv" / "ready").exists() and not (folder / "new").exists()


def test_readonly_installation(tmp_path, windows):
    """The read-only folder is recognised, although os.access reports every folder as writable."""
    (tmp_path / "datasets").touch()  # nothing can be written into a file
    windows.setattr(fetch, "DATASETS", tmp_path / "datasets")
    windows.setattr(os, "access", lambda path, mode: True)
    assert fetch.data_folder() == Path(fetch.pooch.os_cache(fetch.CACHE))


def test_probe_of_a_writable_folder_is_removed(tmp_path, windows):
    """A writable datasets/ is the folder for data, and the probe leaves no file in it."""
    windows.setattr(fetch, "DATASETS", tmp_path)
    assert fetch.data_folder() == tmp_path and list(tmp_path.iterdir()) == []


WITHOUT = """
import importlib, os, signal, sys
import psutil  # imported first, because psutil for Linux needs these modules
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for module, names in {signal: ["SIGKILL", "SIGHUP"], os: ["killpg", "setsid", "O_NONBLOCK", "O_NOFOLLOW"]}.items():
    for name in names:
        vars(module).pop(name, None)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.mark.parametrize(
    "names",
    [
        [
            "classifiers.sweep",
            "classifiers.callbacks",
            "classifiers.ensemble",
            "data_utils",
            "vis_utils",
            "run_notebook",
        ],
        ["datasets.choose", "diagnosis.__main__", "exercise.make", "exercise.grade", "tasks", "benchmarks.accuracy"],
        ["benchmarks.loader"],
    ],
    ids=" ".join,
)
def test_imports_without_modules_of_linux(names):
    """All modules can be imported without the modules and names that Windows does not have."""
    process = run_python(WITHOUT, *names, stderr=subprocess.PIPE)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def unclear_encodings(path):
    """Yield the lines of a module that read or write text in the encoding of the machine."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        settings = {keyword.arg: keyword.value for keyword in node.keywords}
        modes = [*node.args[1:2], *filter(None, [settings.get("mode")])] if name == "open" else []
        binary = any("b" in mode.value for mode in modes if isinstance(mode, ast.Constant))
        text = name == "open" and not binary or name.endswith((".read_text", ".write_text", ".TextIOWrapper"))
        text = text or any(isinstance(settings.get(key), ast.Constant) for key in ("text", "universal_newlines"))
        named = "encoding" in settings or name.endswith(".TextIOWrapper") and len(node.args) > 1
        if text and not named:
            yield node.lineno


def test_text_has_an_encoding():
    """Without an encoding, Python uses the code page, and machines have different code pages."""
    found = {path.relative_to(ROOT).as_posix(): list(unclear_encodings(path)) for path in MODULES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_unclear_encodings_are_found(tmp_path):
    """The check in the previous test finds calls without an encoding."""
    lines = ["open(p)", "open(p, 'w')", "p.read_text()", "run(c, text=True)"]
    clear = ["open(p, 'rb')", "open(p, mode='wb')", "open(p, encoding='utf-8')", "p.read_text(encoding='utf-8')"]
    (tmp_path / "module.py").write_text("\n".join(lines + clear), encoding="utf-8")
    assert list(unclear_encodings(tmp_path / "module.py")) == [1, 2, 3, 4]


@pytest.mark.parametrize("page", ["cp437", "cp850", "cp1250", "cp1251", "cp1252", "cp932", "cp936", "cp949"])
def test_table_of_a_sweep_in_a_code_page(page):
    """If a script writes to a file, it can print only the characters of the code page."""
    trial = Trial(0, {"reg": 0.5}, [0, 0], val_accuracy=0.5, standard_error=0.01)
    printed = str(sweep_table(SweepResult([trial], None))).encode(page)
    assert "0.500 ± 0.010" in printed.decode(page)


def test_exercise_in_a_folder_with_characters_not_in_the_code_page(tmp_path, monkeypatch):
    """The exercise is made, and the message is printed."""
    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(make, "make_exercise", lambda folder: None)
    make.main([str(tmp_path / "\u7ec3\u4e60")])
    screen.flush()
    assert b"The exercise is in" in screen.buffer.getvalue()


SPAWNED = """
import numpy as np
print("begins")
from classifiers.sweep import sweep
X, y = np.random.RandomState(0).randn(20, 4), np.arange(20) % 2
result = sweep({"reg": [0.0, 0.1]}, X, y, X, y, hidden_size=3, num_iters=2, n_jobs=2, progress=False)
print([trial.state for trial in result.trials])
"""


def test_script_needs_no_main_guard(tmp_path):
    """Joblib's workers are new processes, but they do not run the script again."""
    (tmp_path / "script.py").write_text(SPAWNED, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "script.py")]
    printed = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)
    assert printed.stdout.split("\n") == ["begins", "['done', 'done']", ""]


def test_event_loop_of_windows(tmp_path, monkeypatch):
    """zmq warns of Windows' event loop but works with it. The warning is ignored."""

    def run_cells(client):
        warnings.warn("Proactor event loop does not implement add_reader ...", RuntimeWarning, stacklevel=1)

    monkeypatch.setattr(run_notebook, "_run_cells", run_cells)
    run_notebook.execute(nbformat.v4.new_notebook(), tmp_path)


def test_line_ends_are_the_same_everywhere():
    """Git for Windows would add carriage returns and so change the hashes of an exercise."""
    lines = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "* text=auto eol=lf" in lines


def test_notebook_alone(tmp_path, monkeypatch):
    """In Colab, the notebook has no modules. The cell's advice works: clone, %cd, run it again."""
    cells = nbformat.read(ROOT / "two_layer_net.ipynb", as_version=4).cells
    source = next(cell.source for cell in cells if cell.cell_type == "code").removesuffix("%matplotlib inline")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *(path for path in sys.path if path and Path(path).resolve() != ROOT)])
    with pytest.raises(SystemExit, match="clone the repository, %cd into it, rerun"):
        exec(source, {})
    (tmp_path / "repo" / "classifiers").mkdir(parents=True)
    (tmp_path / "repo" / "classifiers" / "sweep.py").touch()
    monkeypatch.chdir(tmp_path / "repo")
    exec(source, {})
    assert sys.path[0] == str((tmp_path / "repo").resolve())
