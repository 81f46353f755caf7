"""What a student is told: few sentences, each once, and names that fit a file system."""

import pytest

from exercise.feedback import file_name, gradescope, make_page, sentences
from exercise.marking import no_points
from exercise.parts import PARTS


def result(**changes):
    """A submission of which nothing is written but what `changes` say of forward."""
    parts = {part.name: no_points(part, "not written", f"{part.function} is not written") for part in PARTS}
    parts["forward"] |= changes
    return {"name": "<i>&", "state": "x", "total": 0.0, "seconds": 1.0, "parts": parts}


def test_equal_sentences_are_told_once():
    """With the first case; of many sentences three are told."""
    wrong = [("scores", "A", "bad"), ("scores", "B", "bad"), ("hidden", "C", "other")]
    assert sentences({"problem": "", "wrong": wrong}, "scores") == ["bad (A, and 1 more)"]
    wrong = [("scores", str(i), f"bad {i}") for i in range(5)]
    assert sentences({"problem": "", "wrong": wrong}, "scores")[2:] == ["bad 2 (2)", "and 2 other cases"]
    assert sentences({"problem": "", "wrong": wrong[:4]}, "scores")[3:] == ["and 1 other case"]
    assert sentences({"problem": "no", "wrong": []}, "scores") == ["no"]


def test_a_page_escapes_all(tmp_path):
    """Names, sentences, labels and what check_net says."""
    wrong = [["scores", "<b>", "<script>"]]
    page = make_page(result(state="wrong", problem="", wrong=wrong, check=["<u>"]))
    assert "&lt;i&gt;&amp;" in page and "&lt;script&gt; (&lt;b&gt;)" in page and "<li>&lt;u&gt;</li>" in page
    assert not any(tag in page for tag in ("<i>", "<b>", "<script>", "<u>"))


def test_gradescope_tells_the_check_once():
    """In the first test that fails; a right aspect says nothing."""
    gained = {**dict.fromkeys(PARTS[0].points, 0.0), "scores": PARTS[0].points["scores"]}
    told = gradescope(result(state="partly", problem="", points=gained, check=["why"]))["tests"]
    assert [test["output"] for test in told[:3]] == ["", "check_net: why", ""]
    assert [test["status"] for test in told[:2]] == ["passed", "failed"]


@pytest.mark.parametrize("letter", ["n", "\u00fc", "\U0001f600"])
def test_names_of_files(letter):
    """Short ones stay; long ones are cut, and stay different."""
    assert file_name(20 * letter) == 20 * letter
    names = [file_name(200 * letter + end) for end in "ab"]
    assert names[0] != names[1] and all(len(name.encode()) <= 100 for name in names)
