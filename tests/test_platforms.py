"""Tests of simulated Windows: code pages, missing modules and missing signals."""

import ast
import io
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, run_python

from classifiers.sweep import SweepResult
from classifiers.sweep.trials import Trial
from exercise.make import __main__ as make
from vis_utils import sweep_table

ROOMS = ("", "benchmarks/", "classifiers/**/", "datasets/", "diagnosis/", "exercise/**/")
MODULES = [path for room in ROOMS for path in ROOT.glob(f"{room}*.py")]
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


def test_imports_without_modules_of_linux():
    """All modules can be imported without the modules and names that Windows does not have."""
    names = ["classifiers.sweep", "classifiers.callbacks", "classifiers.ensemble", "data_utils", "vis_utils"]
    names += ["run_notebook", "datasets.choose", "diagnosis.__main__"]
    names += ["exercise.make.__main__", "exercise.grade.__main__", "exercise.visible", "exercise.live"]
    process = run_python(WITHOUT, *names, "benchmarks.accuracy", "benchmarks.loader", stderr=subprocess.PIPE)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def unclear_encodings(path):
    """Yield the lines of a module that read or write text in the encoding of the machine."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name, settings = ast.unparse(node.func), {keyword.arg for keyword in node.keywords}
            text = name == "open" and not re.search(r"'[rwxa]\+?b'", ast.unparse(node))
            text = text or name.endswith((".read_text", ".write_text")) or settings & {"text", "universal_newlines"}
            text = text or name.endswith(".TextIOWrapper") and len(node.args) == 1
            if text and "encoding" not in settings:
                yield node.lineno


def test_text_has_an_encoding():
    """Without an encoding, Python uses the code page, and machines have different code pages."""
    assert len(MODULES) > 20
    assert [(path.name, line) for path in MODULES for line in unclear_encodings(path)] == []


def test_unclear_encodings_are_found(tmp_path):
    """The check in the previous test finds calls without an encoding."""
    lines = ["open(p)", "open(p, 'w')", "p.read_text()", "run(c, text=True)"]
    clear = ["open(p, 'rb')", "open(p, mode='wb')", "open(p, encoding='utf-8')", "p.read_text(encoding='utf-8')"]
    (tmp_path / "module.py").write_text("\n".join(lines + clear), encoding="utf-8")
    assert list(unclear_encodings(tmp_path / "module.py")) == [1, 2, 3, 4]


@pytest.mark.parametrize("page", ["cp437", "cp1251", "cp1252", "cp932"])
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


def test_line_ends_are_the_same_everywhere():
    """Git for Windows would add carriage returns and so change the hashes of an exercise."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
