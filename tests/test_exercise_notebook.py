"""Tests of the exercise's notebook: its gaps and questions, and runs section by section."""

import json
import re

import nbformat
import pytest
from conftest import ROOT
from test_exercise_make import put_back, run
from test_notebook import CLAIMS, TINY, code_cells, drop_claims, set_parameters

from exercise.make import make_exercise
from exercise.notebook import make_notebook
from exercise.parts import PARTS

SOLUTION = (ROOT / "two_layer_net.ipynb").read_text(encoding="utf-8")
GONE = ("sweep_hidden",)
TINY = "\n".join(line for line in TINY.splitlines() if not line.startswith(GONE))
GAPS = {
    '"hidden_size": ..., "learning_rate": ..., "num_iters": ..., "reg": ...': (
        '"hidden_size": [2, 3], "learning_rate": [1e-3], "num_iters": [1, 2], "reg": [0.5]'
    ),
    "p = ...": "p = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))",
}


@pytest.fixture(scope="module")
def notebook():
    return nbformat.reads(make_notebook(SOLUTION), as_version=4)


@pytest.fixture
def folder(tmp_path):
    make_exercise(tmp_path / "exercise")
    return tmp_path / "exercise"


def sections(notebook):
    """Map the number of each section to its cells."""
    found, number = {}, 1
    for cell in notebook.cells:
        number = int(m[1]) if (m := re.match(r"## (\d+)\.", cell.source)) else number
        found.setdefault(number, []).append(cell)
    return found


def test_no_outputs_and_nothing_about_them(notebook):
    """No cell has outputs, counts or a description of a picture. Each cell has its own id."""
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))
    assert [cell.metadata for cell in notebook.cells if cell.metadata] == [{"tags": ["parameters"]}]
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert make_notebook(SOLUTION) == make_notebook(SOLUTION)


def test_change_needs_its_text_once():
    """If a section or a text is missing or occurs twice, the error says so."""
    cells = json.loads(SOLUTION)["cells"]
    twice = [cell for cell in cells for _ in range(2)]
    for changed, words in ([], "has no section"), (cells[:1], "import backward.* found 0"), (twice, "found 2 times"):
        with pytest.raises(ValueError, match=words):
            make_notebook(json.dumps({"cells": changed}))


def test_order_of_work(notebook):
    """Each section names its functions in `PARTS`. After the task it calls check_net."""
    for number, cells in sections(notebook).items():
        wanted = [part.function.split(".")[-1] for part in PARTS if part.section == number]
        tasks = [i for i, cell in enumerate(cells) if cell.source.startswith("**Now write")]
        named = re.findall("`(.*?)`", cells[tasks[0]].source.partition("**")[2].partition("**")[0]) if tasks else []
        assert named == wanted
        if wanted:
            assert any("check_net(" in c.source for c in cells[tasks[0] :] if c.cell_type == "code")
    order = [part.section for part in PARTS]
    assert order == sorted(order)


def test_what_students_shall_find_is_asked(notebook):
    """There are five questions with a cell for each answer. The solution's answers are removed."""
    solution, whole = (
        " ".join(" ".join(cell.source.split()) for cell in cells)
        for cells in (nbformat.reads(SOLUTION, as_version=4).cells, notebook.cells)
    )
    for number in (r"\*\*Question (\d)\.", r"Your answer to question (\d)"):
        assert re.findall(number, whole) == list("12345")
    answers = "log 10", "np.log(10)", "1/10", "too low", "overfit", "by far", "blurred", "edges", "60%", "[200,"
    assert all(answer in solution and answer not in whole for answer in answers)
    assert all(whole.count(gap) == 1 for gap in GAPS)
    assert not any(name in whole for name in (*GONE, "ForgetfulNet", "benchmarks"))


def test_whole_notebook_runs_when_all_is_filled(folder, cifar10_of_the_notebook, monkeypatch):
    """It has the functions of the solution, filled gaps and tiny data."""
    put_back(folder, PARTS)
    notebook = nbformat.read(folder / "two_layer_net.ipynb", as_version=4)
    for cell in notebook.cells:
        for gap, filling in GAPS.items():
            cell.source = cell.source.replace(gap, filling)
    set_parameters(notebook, TINY.replace("JOURNAL", "build/sweep-{}.jsonl"))
    drop_claims(notebook, [claim for claim in CLAIMS if any(claim in cell.source for cell in notebook.cells)])
    nbformat.write(notebook, folder / "two_layer_net.ipynb")
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_of_the_notebook))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    ran = run(folder, "run_notebook.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "last loss 0.017143643532924" in ran.stdout and "test accuracy of the last net" in ran.stdout
    assert (folder / "build" / "two_layer_net.html").is_file() and (folder / "build" / "sweep-tiny-1.jsonl").is_file()


STAGES = {
    2: ["scores are correct", "Next: Write softmax_loss (classifiers/layers.py"],
    3: ["error of dscores", "Next: the gradient of W1, b1, W2, b2"],
    4: ["W2  shape (10, 3)", "Next: Write draw_minibatch (classifiers/sgd.py", "predict is not finished"],
}


def run_sections(folder, notebook, last):
    """Run the cells up to a section as a script. Print what a cell shows."""
    cells = [cell for number, cells in sections(notebook).items() if number <= last for cell in cells]
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    shown = [re.sub(r"^check_net\(.*\)$", r"print(\g<0>)", source, flags=re.MULTILINE) for source in sources]
    script = "\n".join(shown).replace("%matplotlib inline", "display = print")
    return run(folder, "-c", script)


@pytest.mark.parametrize("stage", STAGES)
def test_section_by_section(folder, notebook, stage):
    """With the functions up to a section, its cells run. check_net says what comes next."""
    put_back(folder, [part for part in PARTS if part.section <= stage])
    ran = run_sections(folder, notebook, stage)
    assert ran.returncode == 0, ran.stderr
    assert all(words in ran.stdout for words in STAGES[stage]), ran.stdout
