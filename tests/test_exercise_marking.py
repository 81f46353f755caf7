"""What is recorded of graded parts, and which parts are graded at all."""

import json

import pytest

from exercise import marking
from exercise.apart import Limits
from exercise.marking import Journal, Plan, grade_parts, make_key, no_points
from exercise.parts import PARTS
from exercise.submissions import Found

PENALTY = next(part for part in PARTS if part.name == "penalty")


def submission(text, state="found"):
    """A submission with one function only."""
    return {part.name: Found(state if part is PENALTY else "missing", text) for part in PARTS}


def test_a_journal_brings_back_what_was_added(tmp_path):
    """Lines that are torn or no results are left out, and the next line does not join them."""
    path = tmp_path / "j.jsonl"
    path.write_text('["a", {"points": 1}]\n{"no": "result"}\n[1, 2]\n["b", {"poi')
    with Journal(path) as journal:
        assert journal.graded == {"a": {"points": 1}}
        journal.add("c", {"points": 2})
    with Journal(path) as journal:
        assert journal.graded == {"a": {"points": 1}, "c": {"points": 2}}


def test_what_makes_a_part_be_graded_anew(monkeypatch):
    """Another text, limit, seed or version of NumPy; the same ones do not."""
    keys = [make_key(PENALTY, "a", Plan()), make_key(PENALTY, "b", Plan()), make_key(PARTS[0], "a", Plan())]
    keys += [make_key(PENALTY, "a", plan) for plan in (Plan(Limits(3)), Plan(Limits(10, 3)), Plan(seed=1))]
    assert make_key(PENALTY, "a", Plan()) == keys[0]
    monkeypatch.setattr("numpy.__version__", "0")
    assert len({*keys, make_key(PENALTY, "a", Plan())}) == 7


def test_equal_functions_are_graded_once(tmp_path, monkeypatch):
    """What is in the journal is not graded again; what is not found is not tried."""
    tried = []

    def grade_part(part, text, plan):
        tried.append(text)
        if text == "fails":
            raise OSError("no space")
        return no_points(part, "wrong", text)

    monkeypatch.setattr(marking, "grade_part", grade_part)
    texts = ["a", "b", "a", "known", "fails"]
    submissions = [submission(text) for text in texts] + [submission("c", "syntax error")]
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.add(make_key(PENALTY, "known", Plan()), no_points(PENALTY, "right", "known"))
        graded = grade_parts(submissions, Plan(), 2, journal)
    assert sorted(tried) == ["a", "b", "fails"]
    assert [graded(PENALTY, text)["state"] for text in texts] == ["wrong", "wrong", "wrong", "right", "not graded"]
    assert graded(PENALTY, "fails")["problem"] == "Not graded: no space"
    lines = [json.loads(line)[1]["problem"] for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    assert sorted(lines) == ["a", "b", "known"]  # what failed is tried again


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_no_points(part):
    """Each aspect has 0."""
    assert no_points(part, "missing", "why")["points"] == dict.fromkeys(part.points, 0)
