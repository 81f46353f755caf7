"""Tests of exercise.grade.choose: which file of a submission counts."""

import json
import zipfile

import pytest
from test_exercise_deliveries import forward, pack, write

from exercise.grade.choose import choose
from exercise.grade.deliveries import Submission
from exercise.make.homework import make_homework, make_module

UNTOUCHED = make_homework()
UPDATE = "def update(): return 1\n"


def choice(path):
    return choose(Submission("x", (path,)))


@pytest.mark.parametrize(
    "name",
    ["homework (1).py", "homework_final.py", "kim_4711_20771_homework-2.py", "layers.py", "a/b c/\u00fcb.py", "x.PY"],
)
def test_any_name_and_place(tmp_path, name):
    """A file counts by the functions that it defines. The modules of the exercise do not count."""
    files = {name: forward(1), "classifiers/layers.py": make_module("classifiers.layers"), "notes.py": "x = 1"}
    found = choice(write(tmp_path, files))
    assert (found.file, found.text, found.found) == (name, forward(1), {"forward": "written"})
    assert found.warning == "" and found.reason == ""


ORDERS = [
    # The first file counts.
    (("old/layers (1).py", forward(1)), ("homework.py", UNTOUCHED)),
    (("x/y.py", forward(1) + UPDATE), ("homework-3.py", forward(2))),
    (("homework.py", "def forward(:\n" + UPDATE), ("homework-1.py", UPDATE)),  # an error is work, too
    (("homework-1.py", forward(1)), ("homework.py", forward(2))),
    (("homework-10.py", forward(1)), ("homework-9.py", forward(2))),
    (("homework (2).py", forward(1)), ("homework(1).py", forward(2))),
    (("x/kim_LATE_1_2_a.py", forward(1)), ("kim_1_2_a.py", forward(2))),
    (("homework (1)/homework.py", forward(1)), ("homework.py", forward(2))),
    (("homework.py", forward(1)), ("week-3/homework.py", forward(2))),
    (("x/homework.py", forward(1)), ("a/b/homework.py", forward(2))),
    (("a.py", forward(1)), ("b.py", forward(2))),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0][0])
def test_which_file_counts(tmp_path, order):
    """First the one with the most functions, then the newest, then the highest. The others are named."""
    for folder, files in ("a", order), ("b", order[::-1]):
        found = choice(write(tmp_path / folder, dict(files)))
        assert found.file == order[0][0]
        differs = f"Other files differ and do not count: {order[1][0]}"
        assert found.warning == ("" if order[1][1] == UNTOUCHED else differs)


def test_newer_archive_counts(tmp_path):
    """The numbers of platforms count before times, and times before places."""
    pack(tmp_path / "classifiers.zip", {"a.py": forward(1)})
    pack(tmp_path / "classifiers-1.zip", {"deep/er/a.py": forward(2)})
    assert choice(tmp_path).file == "classifiers-1.zip/deep/er/a.py"
    times = {"b.py": (2024, 1, 1, 0, 0, 0), "x/b.py": (2024, 1, 1, 0, 0, 2), "c.py": (2023, 9, 9, 0, 0, 0)}
    path = pack(tmp_path / "z.zip", {zipfile.ZipInfo(name, time): forward(name) for name, time in times.items()})
    assert choice(path).file == "z.zip/x/b.py"
    write(tmp_path / "y", {"z.zip": path.read_bytes(), "x/y/homework.py": forward(1)})
    assert choice(tmp_path / "y").file == "x/y/homework.py"  # a file that is not in an archive


def test_warning(tmp_path):
    """Equal files are not named, and of many only some."""
    files = {f"{number}.py": forward(min(number, 6)) for number in range(1, 9)}
    assert choice(write(tmp_path, files)).warning == "Other files differ and do not count: 2.py, 3.py, 4.py and 4 more"
    assert choice(write(tmp_path / "b", {"a.py": forward(1), "b.py": forward(1)})).warning == ""


def test_notebook_counts_if_no_file_does(tmp_path):
    """Its code cells count like a file."""
    cells = [{"cell_type": "code", "source": "%load_ext x"}, {"cell_type": "code", "source": forward(1)}]
    write(tmp_path, {"a.ipynb": json.dumps({"cells": cells}), "b.py": "x = 1"})
    found = choice(tmp_path)
    assert found.file == "a.ipynb" and found.found == {"forward": "written"}
    assert choice(write(tmp_path, {"b.py": UPDATE})).file == "b.py"


@pytest.mark.parametrize(
    "files, words",
    [
        ({}, "No Python file defines any of the functions. Hand in homework.py"),
        ({"a.py": "class A:\n    def forward(self): pass\nforward(1)\n"}, "No Python file defines"),
        ({"homework.py": forward(1).encode("utf-16")}, "homework.py is saved as UTF-16"),
        ({"a.zip": b"x", "b.zip": b"x"}, "a.zip is a damaged zip, or not a zip. Pack it again. b.zip is a damaged"),
    ],
)
def test_reason(tmp_path, files, words):
    """If no file counts, a sentence says why."""
    (tmp_path / "x").mkdir()
    found = choice(write(tmp_path / "x", files))
    assert (found.file, found.text, found.found) == ("", "", {}) and found.reason.startswith(words)
