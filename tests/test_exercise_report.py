"""Tests of exercise.grade.report: sentences about an aspect, and the table. The command tests the pages."""

import csv
import io

import pytest

from exercise.grade.choose import Choice
from exercise.grade.marking import result_of
from exercise.grade.report import COLUMNS, assemble, file_name, make_table, sentences
from exercise.parts import BY_NAME


def test_equal_sentences_appear_once():
    """The first case is named. At most three sentences are shown."""
    wrong = [("scores", "A", "bad"), ("scores", "B", "bad"), ("hidden", "C", "other")]
    assert sentences({"problem": "", "wrong": wrong}, "scores") == ["bad (A, and 1 more)"]
    wrong = [("scores", str(i), f"bad {i}") for i in range(5)]
    assert sentences({"problem": "", "wrong": wrong}, "scores")[2:] == ["bad 2 (2)", "and 2 other cases"]
    assert sentences({"problem": "", "wrong": wrong[:4]}, "scores")[3:] == ["and 1 other case"]
    assert sentences({"problem": "no", "wrong": []}, "scores") == ["no"]


def result(name, file="homework.py", **points):
    """The result of a submission with some points of the aspect "classes"."""
    parts = {part: result_of(part, "right" if part in points else "missing") for part in BY_NAME}
    for part, number in points.items():
        parts[part]["points"]["classes"] = number
    return assemble(name, Choice(file, warning="other.py differs"), parts)


def test_table_keeps_the_lines_of_earlier_runs():
    """New results replace those of the same name. Other lines stay. Spreadsheets must not find formulas."""
    old = make_table([result("b", best_class=4), result("=c", " -1.py")])
    new = list(csv.DictReader(io.StringIO(make_table([result("b", best_class=6), result("a")], old), newline="")))
    assert [(row["submission"], row["total"], row["best_class"]) for row in new] == [
        ("'=c", "0.00", "0.00"), ("a", "0.00", "0.00"), ("b", "6.00", "6.00")
    ]  # fmt: skip
    assert new[1]["state"] == "missing" and "update missing" in new[2]["state"] and "best" not in new[2]["state"]
    assert new[0]["file"] == "' -1.py" and new[0]["warning"] == "other.py differs"
    assert list(new[0]) == COLUMNS
    with pytest.raises(ValueError, match="has other columns than submission, state"):
        make_table([], "name,points\nx,1\n")


def test_long_names():
    """Submissions with very long names get different files."""
    names = [file_name(name) for name in (125 * "\u00fc", 124 * "\u00fc" + "o")]
    assert len(set(names)) == 2 and all(name.startswith("\u00fc") and len(name.encode()) <= 100 for name in names)
