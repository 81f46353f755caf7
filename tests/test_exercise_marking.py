"""Tests of exercise.grade.marking: the log, and which parts are graded."""

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
    """Text, names, plan and NumPy's version decide the hash. It is the same in each call."""
    plans = Plan(), Plan(3), Plan(megabytes=3), Plan(wall=3), Plan(seed=1)
    hashes = [hash_inputs("a", ["b"], plan) for plan in plans] + [hash_inputs("x", ["b"], Plan())]
    assert hash_inputs("a", ["b"], Plan()) == hashes[0]
    monkeypatch.setattr("numpy.__version__", "0")
    assert len({*hashes, hash_inputs("a", [], Plan()), hash_inputs("a", ["b"], Plan())}) == 8


HASHES = """
import sys
from exercise.grade import marking
from exercise.grade.apart import Plan

for name in ["README.md", *sys.argv[1:]]:
    path = marking.ROOT / name
    path.write_bytes(path.read_bytes() + b"#")
    print(marking.hash_inputs("a", ["forward"], Plan()))
"""


def test_hash_of_the_code(tmp_path):
    """A change of the grader, the cases, the solution or a sentence changes the hash."""
    for name in ("classifiers", "diagnosis", "exercise"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for path in (*ROOT.glob("*.py"), ROOT / "README.md"):
        shutil.copy(path, tmp_path)
    names = ["checks.py", "gradient_check.py", "tables.py", "classifiers/layers.py", "classifiers/sgd.py"]
    for folder in "diagnosis", "exercise", "exercise/grade":
        names += [f"{folder}/{path.name}" for path in ROOT.glob(f"{folder}/*.py")]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\n{HASHES}"
    hashes = run_python(code, *names).communicate()[0].split()
    assert len(hashes) == len(set(hashes)) == len(names) + 1


def test_equal_files_are_graded_once(tmp_path):
    """Parts in the log are not graded again. check_net explains only those that are wrong and that end."""
    wrong, right, known, broken, endless = penalty(1), penalty(0), penalty(2), penalty("1 +"), penalty("endless()")
    endless += "def endless():\n    while True: pass\n"
    empty = "def update(): pass\n" + right
    texts = wrong, right, wrong, known, broken, empty, endless
    choices = [*map(submission, texts), Choice(reason="no")]
    plan, path = Plan(2, 2048, 600), tmp_path / "log.jsonl"
    keys = {text: hash_inputs(text, ["penalty"], plan) for text in (wrong, right, known, empty, endless)}
    with open_log(path) as log:
        log[1](keys[known], {"penalty": result_of("penalty", "right", "known")})
        graded = grade_all(choices, plan, 2, log)
        assert len(path.read_text().splitlines()) == 5 and log[0].keys() == set(keys.values())
    states = ["partly", "right", "partly", "right", "syntax error", "right", "timeout", "unreadable"]
    assert [parts["penalty"]["state"] for parts in graded] == states
    assert [parts["update"]["state"] for parts in graded] == ["missing"] * 5 + ["not written", "missing", "unreadable"]
    assert [bool(parts["penalty"]["check"]) for parts in graded] == [state == "partly" for state in states]
