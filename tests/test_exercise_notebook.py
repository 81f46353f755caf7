"""Tests of the exercise's notebook: its gaps and questions, and runs section by section."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from test_exercise_make import put_back
from test_notebook import CLAIMS, TINY, code_cells, drop_claims, set_parameters

from exercise.make import make_exercise
from exercise.notebook import CHANGES, make_notebook
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


def test_cells_are_short(notebook):
    """A laptop shows each cell without scrolling."""
    lines = [cell.source.splitlines() for cell in code_cells(notebook)]
    assert max(map(len, lines)) <= 13 and max(len(line) for cell in lines for line in cell) <= 105


@pytest.mark.parametrize(
    "heading, change", [(h, c) for h, changes in CHANGES.items() for c in changes], ids=lambda x: str(x)[:30]
)
def test_each_change_needs_its_text(heading, change):
    """If the text occurs twice or not at all, the error names the section and the text."""
    nb = json.loads(SOLUTION)
    inside = False
    for cell in nb["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and source.startswith("#"):
            inside = source.startswith(heading + "\n")
        if inside and change.old in source:
            kept = change.old if change.old.startswith("#") else ""
            twice = source + "\n" + change.old
            cell["source"] = twice if kept else source.replace(change.old, "")
    with pytest.raises(ValueError) as caught:
        make_notebook(json.dumps(nb))
    assert repr(change.old) in str(caught.value) and heading in str(caught.value)


def test_missing_section_is_an_error():
    """Its name is in the message."""
    with pytest.raises(ValueError, match="has no section '## 8. What is wrong"):
        make_notebook(SOLUTION.replace("## 8. What is wrong?", "## 8. What now?"))


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


def read_all(notebook):
    """Return the text of all cells, without line breaks."""
    return " ".join(" ".join(cell.source.split()) for cell in notebook.cells)


def test_what_students_shall_find_is_asked(notebook):
    """There are five questions with a cell for each answer. The solution's answers are removed."""
    solution = read_all(nbformat.reads(SOLUTION, as_version=4))
    whole = read_all(notebook)
    numbers = [str(number) for number in range(1, 6)]
    assert re.findall(r"\*\*Question (\d)\.", whole) == re.findall(r"Your answer to question (\d)", whole) == numbers
    for told in (
        "log 10",
        "np.log(10)",
        "1/10",
        "too low",
        "overfit",
        "by far",
        "blurred",
        "edges",
        "60%",
        "[200,",
    ):
        assert told in solution and told not in whole
    for gap in GAPS:
        assert whole.count(gap) == 1
    assert not any(name in whole for name in (*GONE, "ForgetfulNet", "benchmarks"))


def fill_gaps(notebook, gaps=GAPS):
    for cell in notebook.cells:
        for gap, filling in gaps.items():
            cell.source = cell.source.replace(gap, filling)


def run_here(folder, notebook, environment):
    """Run a notebook with the exercise's own run_notebook.py."""
    nbformat.write(notebook, folder / "two_layer_net.ipynb")
    command = [sys.executable, "run_notebook.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def environment(cifar10_of_the_notebook, monkeypatch):
    kept = {name: value for name, value in os.environ.items() if name not in ("DATA", "PYTHONPATH")}
    return {**kept, "CIFAR10_DIR": str(cifar10_of_the_notebook), "OPENBLAS_NUM_THREADS": "1"}


def test_whole_notebook_runs_when_all_is_filled(folder, environment):
    """It has the functions of the solution, filled gaps and tiny data."""
    put_back(folder, PARTS)
    notebook = nbformat.read(folder / "two_layer_net.ipynb", as_version=4)
    fill_gaps(notebook)
    set_parameters(notebook, TINY.replace("JOURNAL", "build/sweep-{}.jsonl"))
    drop_claims(notebook, [claim for claim in CLAIMS if any(claim in cell.source for cell in notebook.cells)])
    ran = run_here(folder, notebook, environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "last loss 0.017143643532924" in ran.stdout and "test accuracy of the last net" in ran.stdout
    assert (folder / "build" / "two_layer_net.html").is_file() and (folder / "build" / "sweep-tiny-1.jsonl").is_file()


STAGES = {
    2: ["the scores are right", "Next: Write softmax_loss (classifiers/layers.py"],
    3: ["largest relative error of dscores", "the scores, the loss are right. Next: the gradient of W1, b1, W2, b2"],
    4: ["W2  shape (10, 3)", "Next: Write draw_minibatch (classifiers/sgd.py", "predict is not written"],
    5: ["last loss 0.017143643532924", "No mistake found"],
}


def run_sections(folder, notebook, last):
    """Run the cells up to a section as a script. Print what a cell shows."""
    cells = [cell for number, cells in sections(notebook).items() if number <= last for cell in cells]
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    shown = [re.sub(r"^check_net\(.*\)$", r"print(\g<0>)", source, flags=re.MULTILINE) for source in sources]
    script = "\n".join(shown).replace("%matplotlib inline", "display = print")
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("stage", STAGES)
def test_section_by_section(folder, notebook, stage):
    """With the functions up to a section, its cells run. check_net says what comes next."""
    put_back(folder, [part for part in PARTS if part.section <= stage])
    ran = run_sections(folder, notebook, stage)
    assert ran.returncode == 0, ran.stderr
    for told in STAGES[stage]:
        assert told in ran.stdout


def test_section_that_is_not_written_says_so(folder, notebook):
    """The run stops with the message of its first function."""
    ran = run_sections(folder, notebook, 2)
    assert ran.returncode == 1 and "NotImplementedError: Write forward (classifiers/layers.py, line 31)" in ran.stderr
