"""Tests of exercise.grade.marking: the log, and which parts are graded."""

import json
import shutil

from conftest import ROOT, run_python

from exercise.cases import make_cases
from exercise.grade.apart import Plan
from exercise.grade.choose import Choice
from exercise.grade.marking import grade_all, grade_file, hash_inputs, open_log, result_of
from exercise.parts import BY_NAME
from exercise.student import find_functions

PENALTY = BY_NAME["penalty"]
PLAN = Plan(60, 2048, 600)  # a busy machine must not reach them


def submission(text):
    """The choice of a submission with one file."""
    return Choice("a.py", text, find_functions(text))


def penalty(error):
    """Return the text of a penalty to which an expression is added."""
    return f"""import numpy as np

def penalty(params, reg, grads=None):
    loss = 0.5 * reg * sum(float(np.sum(params[name] ** 2)) for name in ("W1", "W2"))
    for name in ("W1", "W2") if grads is not None else ():
        grads[name] += reg * params[name]
    return loss + ({error})
"""


def test_log_restores_results(tmp_path):
    """Torn lines and lines without a result are ignored. New results start on a new line."""
    path = tmp_path / "log.jsonl"
    path.write_text('["a", {"points": 1}]\n{"no": "result"}\n[1, 2]\n["b", {"poi')
    with open_log(path) as (graded, add):
        assert graded == {"a": {"points": 1}}
        add("c", {"points": 2})
        assert path.read_text().endswith('\n["c", {"points": 2}]\n')  # at once: grading may be killed
    with open_log(path) as (graded, _):
        assert graded == {"a": {"points": 1}, "c": {"points": 2}}


def test_hidden_cases_count():
    """A function that is right only in the visible cases loses points."""
    seen = [float(case.arrays["W1"].flat[0]) for case in make_cases("penalty", 0, False)]
    text = penalty(f"float(params['W1'].flat[0]) not in {seen}")
    graded = grade_file(text, ["penalty"], PLAN)["penalty"]
    assert graded["state"] == "partly" and graded["points"]["value"] < PENALTY.points["value"]
    assert len(graded["wrong"]) == sum(case.aspect == "value" for case in make_cases("penalty", 0, True))


def test_hash_of_a_part(monkeypatch):
    """Task, text, names, plan and NumPy's version decide the hash. It is the same in each call."""
    given = [("a", "b", ["c"], Plan()), ("x", "b", ["c"], Plan()), ("a", "x", ["c"], Plan()), ("a", "b", [], Plan())]
    plans = Plan(3), Plan(megabytes=3), Plan(wall=3), Plan(seed=1)
    hashes = [hash_inputs(*facts) for facts in [*given, *(("a", "b", ["c"], plan) for plan in plans)]]
    assert hash_inputs("a", "b", ["c"], Plan()) == hashes[0]
    monkeypatch.setattr("numpy.__version__", "0")
    assert len({*hashes, hash_inputs("a", "b", ["c"], Plan())}) == 9


HASHES = """
import importlib, sys
from pathlib import Path
from exercise.grade import marking
from exercise.grade.apart import Plan

for name in ["README.md", *sys.argv[1:]]:
    path = marking.ROOT / name
    path.write_bytes(path.read_bytes() + b"#")
    importlib.reload(marking)
    print(marking.hash_inputs("grade", "a", ["forward"], Plan()))
"""


def test_hash_of_the_code(tmp_path):
    """A change of the grader, the cases, the solution or a sentence changes the hash."""
    for name in ("classifiers", "diagnosis", "exercise"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for path in (*ROOT.glob("*.py"), ROOT / "README.md"):
        shutil.copy(path, tmp_path)
    names = ["checks.py", "gradient_check.py", "tables.py", "classifiers/layers.py", "classifiers/sgd.py"]
    names += [f"diagnosis/{path.name}" for path in ROOT.glob("diagnosis/*.py")]
    names += [f"exercise/{path.name}" for path in ROOT.glob("exercise/*.py")]
    names += [f"exercise/grade/{path.name}" for path in ROOT.glob("exercise/grade/*.py")]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n{HASHES}"
    hashes = run_python(code, *names).communicate()[0].split()
    assert len(hashes) == len(set(hashes)) == len(names) + 1


def test_equal_files_are_graded_once(tmp_path):
    """Parts in the log are not graded again, and check_net explains only those that are wrong."""
    wrong, right, known, broken = penalty(1), penalty(0), penalty(2), penalty("1 +")
    empty = "def update(): pass\n" + right
    choices = [submission(text) for text in (wrong, right, wrong, known, broken, empty)] + [Choice(reason="no")]
    plan, path = PLAN, tmp_path / "log.jsonl"
    keys = {text: hash_inputs("grade", text, ["penalty"], plan) for text in (wrong, right, known, empty)}
    with open_log(path) as log:
        log[1](keys[known], {"penalty": result_of("penalty", "right", "known")})
        graded = grade_all(choices, plan, 2, log)
        assert len(path.read_text().splitlines()) == 4 and log[0].keys() == set(keys.values())
        explained = grade_all(choices, plan, 2, log, explain=True)
        lines = path.read_text().splitlines()
    states = ["partly", "right", "partly", "right", "syntax error", "right", "unreadable"]
    assert [parts["penalty"]["state"] for parts in graded] == states
    assert [parts["update"]["state"] for parts in graded] == ["missing"] * 5 + ["not written", "unreadable"]
    assert len(lines) == 5 and json.loads(lines[4])[0] == hash_inputs("check", wrong, ["penalty"], plan)
    assert [bool(parts["penalty"]["check"]) for parts in explained] == [state == "partly" for state in states]
    assert not any(part["check"] for parts in graded for part in parts.values())


def test_stopped_function_is_not_explained(tmp_path):
    """check_net would only reach the same limit."""
    endless = submission("def penalty(*_):\n    while True: pass\n")
    with open_log(tmp_path / "log.jsonl") as log:
        (parts,) = grade_all([endless], Plan(1, 2048, 600), 1, log, explain=True)
        assert parts["penalty"]["state"] == "timeout" and len(log[0]) == 1


def test_equal_functions_get_equal_points():
    """What stands beside a function does not change its points."""
    for error in (0, 1, "np.random.rand()", "len({'a', 'b'} - {next(iter({'a', 'b', 'c'}))})"):
        first, second = (grade_file(text + penalty(error), ["penalty"], PLAN) for text in ("", "x = 'other'\n"))
        first, second = first["penalty"], second["penalty"]
        assert first["points"] == second["points"] and first["state"] == second["state"]
