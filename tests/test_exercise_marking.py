"""Tests of exercise.marking: the log, and which parts are graded."""

import json
import shutil

import pytest
from conftest import ROOT, run_python

from exercise.apart import Limits
from exercise.cases import make_cases
from exercise.marking import GradeLog, Plan, grade_part, grade_parts, hash_inputs, no_points
from exercise.parts import PARTS
from exercise.submissions import Found

PENALTY = next(part for part in PARTS if part.name == "penalty")
LIMITS = Limits(60, 2048, 600)  # a busy machine must not reach them


def submission(text, state="found"):
    """A submission with one function only."""
    return {part.name: Found(state if part is PENALTY else "missing", text) for part in PARTS}


def penalty(error):
    """Return the text of a penalty to which an expression is added."""
    return f"""def penalty(params, reg, grads=None):
    loss = 0.5 * reg * sum(float(np.sum(params[name] ** 2)) for name in ("W1", "W2"))
    for name in ("W1", "W2") if grads is not None else ():
        grads[name] += reg * params[name]
    return loss + ({error})
"""


def test_log_restores_results(tmp_path):
    """Torn lines and lines without a result are ignored. New results start on a new line."""
    path = tmp_path / "log.jsonl"
    path.write_text('["a", {"points": 1}]\n{"no": "result"}\n[1, 2]\n["b", {"poi')
    with GradeLog(path) as log:
        assert log.graded == {"a": {"points": 1}}
        log.add("c", {"points": 2})
        assert path.read_text().endswith('\n["c", {"points": 2}]\n')  # at once: grading may be killed
    with GradeLog(path) as log:
        assert log.graded == {"a": {"points": 1}, "c": {"points": 2}}


def test_hidden_cases_count():
    """A function that is right only in the visible cases loses points."""
    seen = [float(case.arrays["W1"].flat[0]) for case in make_cases("penalty", 0, False)]
    graded = grade_part(PENALTY, penalty(f"float(params['W1'].flat[0]) not in {seen}"), Plan(LIMITS))
    assert graded["state"] == "partly" and graded["points"]["value"] < PENALTY.points["value"]
    assert len(graded["wrong"]) == sum(case.aspect == "value" for case in make_cases("penalty", 0, True))


@pytest.mark.parametrize("explains, error, expected", [(True, 1, True), (False, 1, False), (True, 0, False)])
def test_when_check_net_runs(explains, error, expected):
    """check_net runs only if a function is wrong and `Plan.explains` is set."""
    graded = grade_part(PENALTY, penalty(error), Plan(LIMITS, explains=explains))
    assert bool(graded["check"]) == expected and graded["state"] == ("partly" if error else "right")


def test_hash_of_a_part(monkeypatch):
    """Part, text, plan and NumPy's version decide the hash. It is the same in each call."""
    hashes = [hash_inputs(PENALTY, "a", Plan()), hash_inputs(PENALTY, "b", Plan()), hash_inputs(PARTS[0], "a", Plan())]
    plans = Plan(Limits(3)), Plan(Limits(10, 3)), Plan(Limits(10, 2048, 3)), Plan(seed=1), Plan(explains=False)
    hashes += [hash_inputs(PENALTY, "a", plan) for plan in plans]
    assert hash_inputs(PENALTY, "a", Plan()) == hashes[0]
    monkeypatch.setattr("numpy.__version__", "0")
    assert len({*hashes, hash_inputs(PENALTY, "a", Plan())}) == 9


HASHES = """
import importlib, sys
from pathlib import Path
from exercise import apart, marking
from exercise.parts import PARTS

for name in ["README.md", *sys.argv[1:]]:
    path = apart.ROOT / name
    path.write_bytes(path.read_bytes() + b"#")
    importlib.reload(marking)
    print(marking.hash_inputs(PARTS[0], "a", marking.Plan()))
"""


def test_hash_of_the_code(tmp_path):
    """A change of the grader, the cases, the solution or a sentence changes the hash."""
    for name in ("classifiers", "diagnosis", "exercise"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for path in (*ROOT.glob("*.py"), ROOT / "README.md"):
        shutil.copy(path, tmp_path)
    names = ["checks.py", "files.py", "gradient_check.py", "tables.py", "classifiers/layers.py", "classifiers/sgd.py"]
    names += ["classifiers/neural_net.py", *(f"diagnosis/{path.name}" for path in ROOT.glob("diagnosis/*.py"))]
    names += [f"exercise/{name}.py" for name in ("marking", "apart", "worker", "judge", "feedback", "cases", "parts")]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n{HASHES}"
    hashes = run_python(code, *names).communicate()[0].split()
    assert len(hashes) == len(set(hashes)) == len(names) + 1


def test_equal_functions_are_graded_once(tmp_path, monkeypatch):
    """Parts in the log are not graded again. Functions that are not found are not tested."""
    wrong, text, known = penalty(1), penalty("float('nan')"), penalty(2)
    submissions = [submission(text) for text in (wrong, text, wrong, known)] + [submission("c", "syntax error")]
    plan = Plan(LIMITS)
    with GradeLog(tmp_path / "log.jsonl") as log:
        log.add(hash_inputs(PENALTY, known, plan), no_points(PENALTY, "right", "known"))
        graded = grade_parts(submissions, plan, 2, log)
    assert [graded(PENALTY, each)["state"] for each in (wrong, text, known)] == ["partly", "partly", "right"]
    keys = [json.loads(line)[0] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sorted(keys) == sorted(hash_inputs(PENALTY, each, plan) for each in (wrong, text, known))
