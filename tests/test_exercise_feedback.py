"""Tests of exercise.feedback: sentences about an aspect. The pages are tested with the command."""

from exercise.feedback import sentences


def test_equal_sentences_appear_once():
    """The first case is named. At most three sentences are shown."""
    wrong = [("scores", "A", "bad"), ("scores", "B", "bad"), ("hidden", "C", "other")]
    assert sentences({"problem": "", "wrong": wrong}, "scores") == ["bad (A, and 1 more)"]
    wrong = [("scores", str(i), f"bad {i}") for i in range(5)]
    assert sentences({"problem": "", "wrong": wrong}, "scores")[2:] == ["bad 2 (2)", "and 2 other cases"]
    assert sentences({"problem": "", "wrong": wrong[:4]}, "scores")[3:] == ["and 1 other case"]
    assert sentences({"problem": "no", "wrong": []}, "scores") == ["no"]
