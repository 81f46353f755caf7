"""Tests of exercise.marking: the journal, and which parts are graded."""

import json

import pytest

from exercise import marking
from exercise.apart import Limits
from exercise.cases import make_cases
from exercise.marking import Journal, Plan, grade_part, grade_parts, make_key, no_points
from exercise.parts import PARTS
from exercise.submissions import Found

PENALTY = next(part for part in PARTS if part.name == "penalty")


def submission(text, state="found"):
    """A submission with one function only."""
    return {part.name: Found(state if part is PENALTY else "missing", text) for part in PARTS}


def test_journal_restores_results(tmp_path):
    """Torn lines and lines without a result are ignored. New results start on a new line."""
    path = tmp_path / "j.jsonl"
    path.write_text('["a", {"points": 1}]\n{"no": "result"}\n[1, 2]\n["b", {"poi')
    with Journal(path) as journal:
        assert journal.graded == {"a": {"points": 1}}
        journal.add("c", {"points": 2})
    with Journal(path) as journal:
        assert journal.graded == {"a": {"points": 1}, "c": {"points": 2}}


def test_result_is_written_at_once(tmp_path):
    """A result is in the file before the journal is closed, because grading may be killed."""
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.add("a", {"points": 1})
        assert path.read_text() == '["a", {"points": 1}]\n'


def penalty_that_is_wrong(where):
    """Return a right penalty to which an expression is added."""
    return f"""def penalty(params, reg, grads=None):
    loss = 0.5 * reg * sum(float(np.sum(params[name] ** 2)) for name in ("W1", "W2"))
    for name in ("W1", "W2") if grads is not None else ():
        grads[name] += reg * params[name]
    return loss + ({where})
"""


def test_hidden_cases_count():
    """A function that is right only in the visible cases loses points."""
    seen = [float(case.arrays["W1"].flat[0]) for case in make_cases("penalty", 0, False)]
    text = penalty_that_is_wrong(f"float(params['W1'].flat[0]) not in {seen}")
    graded = grade_part(PENALTY, text, Plan())
    assert graded["state"] == "partly" and graded["points"]["value"] < PENALTY.points["value"]
    assert len(graded["wrong"]) == sum(case.aspect == "value" for case in make_cases("penalty", 0, True))


@pytest.mark.parametrize("explains, wrong, asked", [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_when_check_net_runs(monkeypatch, explains, wrong, asked):
    """check_net runs only if a function is wrong and `Plan.explains` is set."""
    calls = []
    monkeypatch.setattr(marking, "explain", lambda *args: calls.append(args) or ["why"])
    graded = grade_part(PENALTY, penalty_that_is_wrong(int(wrong)), Plan(explains=explains))
    assert (len(calls), graded["check"]) == (asked, ["why"] * asked)


def test_key_of_a_part(monkeypatch):
    """Text, part, limits, seed and NumPy's version decide the key. It is the same in each call."""
    keys = [make_key(PENALTY, "a", Plan()), make_key(PENALTY, "b", Plan()), make_key(PARTS[0], "a", Plan())]
    keys += [make_key(PENALTY, "a", plan) for plan in (Plan(Limits(3)), Plan(Limits(10, 3)), Plan(seed=1))]
    assert make_key(PENALTY, "a", Plan()) == keys[0]
    monkeypatch.setattr("numpy.__version__", "0")
    assert len({*keys, make_key(PENALTY, "a", Plan())}) == 7


def test_equal_functions_are_graded_once(tmp_path, monkeypatch):
    """Parts in the journal are not graded again. Functions that are not found are not tested."""
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
    assert sorted(lines) == ["a", "b", "known"]  # failed parts are graded in the next run


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_no_points(part):
    """Each aspect has 0 points."""
    assert no_points(part, "missing", "why")["points"] == dict.fromkeys(part.points, 0)
