"""Tests of exercise.grade.choose: which file of a submission counts."""

import zipfile

import pytest
from test_exercise_deliveries import forward, pack, write

from exercise.grade.choose import choose
from exercise.grade.deliveries import read_delivery
from exercise.make.homework import make_homework

UNTOUCHED = make_homework()
UPDATE = "def update(): return 1\n"


def choice(path, files):
    """Return what counts of some files."""
    ((submission,), _) = read_delivery(write(path, {"./": "", **files}), single=True)
    return choose(submission)


NOTEBOOK = '{"cells": [{"cell_type": "code", "source": "def forward(x): return 1"}]}'
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
    (("1-2 - A - Apr 1, 2026 1200 AM/a.py", forward(1)), ("1-2 - A - Mar 31, 2026 1159 PM/a-1.py", forward(2))),
    (("1-2 - A - Mar 1, 2026 1:00 PM/a.py", forward(1)), ("1-2 - A - Mar 1, 2026 12:59 PM/a.py", forward(2))),
    (("h_a_attempt_2026-03-04-11-21-05_x.py", forward(1)), ("h_a_attempt_2026-03-04-09-21-05_x.py", forward(2))),
    (("classifiers-1.zip", pack({"deep/er/a.py": forward(1)})), ("classifiers.zip", pack({"a.py": forward(2)}))),
    (("x/y/homework.py", forward(1)), ("z.zip", pack({"a.py": forward(2)}))),  # it is not in an archive
    (("b.py", UPDATE), ("a.ipynb", NOTEBOOK)),
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0][0])
def test_which_file_counts(tmp_path, order):
    """First the one with the most functions, then the newest, then the highest. The others are named."""
    for folder, files in ("a", order), ("b", order[::-1]):
        found = choice(tmp_path / folder, dict(files))
        assert found.file.startswith(order[0][0])
        differs = f"Other files differ and do not count: {order[1][0]}"
        assert found.warning.startswith("" if order[1][1] in (UNTOUCHED, NOTEBOOK) else differs)


def test_newer_member_of_an_archive_counts(tmp_path):
    """Times count before places."""
    times = {"b.py": (2024, 1, 1, 0, 0, 0), "x/b.py": (2024, 1, 1, 0, 0, 2), "c.py": (2023, 9, 9, 0, 0, 0)}
    packed = pack({zipfile.ZipInfo(name, time): forward(name) for name, time in times.items()})
    assert choice(tmp_path, {"z.zip": packed}).file == "z.zip/x/b.py"


def test_warning(tmp_path):
    """Equal files are not named, nor untouched ones, and of many only some."""
    files = {f"{number}.py": forward(min(number, 6)) for number in range(1, 9)}
    assert choice(tmp_path, files).warning == "Other files differ and do not count: 2.py, 3.py, 4.py and 4 more"
    assert choice(tmp_path / "b", {"a.py": forward(1), "b.py": forward(1), "c.py": UNTOUCHED}).warning == ""


@pytest.mark.parametrize(
    "files, reason",
    [
        ({}, "The submission has no files. Hand in homework.py"),
        ({"a.jpg": "", "b.py": "x"}, "b.py defines none of the functions. Hand in homework.py"),
        ({"a.jpg": ""}, "a.jpg is not a Python file. Hand in homework.py"),
        ({"a.zip": b"x", "b.py": "x"}, "a.zip is damaged, or not what its name says. Pack it again"),
        ({f"{n}.jpg": "" for n in range(5)}, "0.jpg is not a Python file. 1.jpg is not a Python file. "
            "2.jpg is not a Python file. Hand in homework.py"),
    ],
)  # fmt: skip
def test_reason(tmp_path, files, reason):
    """If no file counts, a sentence says why. A file that may be the homework is named before others."""
    assert choice(tmp_path, files) == ("", "", {}, "", reason)
