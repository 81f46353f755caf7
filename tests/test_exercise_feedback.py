"""Tests of exercise.feedback: sentences, web page, Gradescope file and file names."""

import pytest

from exercise.feedback import file_name, gradescope, make_page, sentences
from exercise.marking import no_points
from exercise.parts import PARTS


def result(**changes):
    """A submission in which nothing is written. `changes` replace entries of forward."""
    parts = {part.name: no_points(part, "not written", f"{part.function} is not written") for part in PARTS}
    parts["forward"] |= changes
    return {"name": "<i>&", "state": "x", "total": 0.0, "seconds": 1.0, "parts": parts}


def test_equal_sentences_appear_once():
    """The first case is named. At most three sentences are shown."""
    wrong = [("scores", "A", "bad"), ("scores", "B", "bad"), ("hidden", "C", "other")]
    assert sentences({"problem": "", "wrong": wrong}, "scores") == ["bad (A, and 1 more)"]
    wrong = [("scores", str(i), f"bad {i}") for i in range(5)]
    assert sentences({"problem": "", "wrong": wrong}, "scores")[2:] == ["bad 2 (2)", "and 2 other cases"]
    assert sentences({"problem": "", "wrong": wrong[:4]}, "scores")[3:] == ["and 1 other case"]
    assert sentences({"problem": "no", "wrong": []}, "scores") == ["no"]


def test_page_escapes_html(tmp_path):
    """Names, sentences, labels and the findings of check_net are escaped."""
    wrong = [["scores", "<b>", "<script>"]]
    page = make_page(result(state="wrong", problem="", wrong=wrong, check=["<u>"]))
    assert "&lt;i&gt;&amp;" in page and "&lt;script&gt; (&lt;b&gt;)" in page and "<li>&lt;u&gt;</li>" in page
    assert not any(tag in page for tag in ("<i>", "<b>", "<script>", "<u>"))


def test_gradescope_shows_the_check_once():
    """The first failed aspect shows the findings of check_net. A right aspect has no output."""
    gained = {**dict.fromkeys(PARTS[0].points, 0.0), "scores": PARTS[0].points["scores"]}
    tests = gradescope(result(state="partly", problem="", points=gained, check=["why"]))["tests"]
    assert [test["output"] for test in tests[:3]] == ["", "check_net: why", ""]
    assert [test["status"] for test in tests[:2]] == ["passed", "failed"]


@pytest.mark.parametrize("letter", ["n", "\u00fc", "\U0001f600"])
def test_names_of_files(letter):
    """Short names stay. Long names are cut and stay unique."""
    assert file_name(20 * letter) == 20 * letter
    names = [file_name(200 * letter + end) for end in "ab"]
    assert names[0] != names[1] and all(len(name.encode()) <= 100 for name in names)
