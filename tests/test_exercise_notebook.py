"""Tests of the exercise's notebook: its tags, its gaps and questions, and runs section by section."""

import copy
import json
import re

import nbformat
import pytest
from conftest import ROOT
from test_exercise_make import run, write
from test_notebook import TINY, code_cells, find_parameters

from exercise.make.__main__ import make_exercise
from exercise.make.notebook import WORDS, make_notebook, read_words
from exercise.parts import PARTS

SOLUTION = (ROOT / "two_layer_net.ipynb").read_text(encoding="utf-8")
GONE = ("sweep_hidden",)
TINY = "\n".join(line for line in TINY.splitlines() if not line.startswith(GONE))
GAPS = {
    '"hidden_size": ..., "learning_rate": ..., "num_iters": ..., "reg": ...': (
        '"hidden_size": [2, 3], "learning_rate": [1e-3], "num_iters": [1, 2], "reg": [0.5]'
    ),
    "    ...  # fill both arrays, and return them": """
    for i in range(N):
        for h in range(H):
            total = params["b1"][h] + sum(X[i, d] * params["W1"][d, h] for d in range(X.shape[1]))
            hidden[i, h] = max(0, total)
        for c in range(C):
            scores[i, c] = params["b2"][c] + sum(hidden[i, h] * params["W2"][h, c] for h in range(H))
    return hidden, scores""",
    "backward(self.params, X, hidden": "backward(self.params, centred, hidden",
    "        ...\n    return losses": """
        X_batch, y_batch = draw_minibatch(X, y, batch_size, rng)
        hidden, scores = forward(params, X_batch)
        loss, dscores = softmax_loss(scores, y_batch)
        grads = backward(params, X_batch, hidden, dscores)
        losses.append(loss + penalty(params, reg, grads))
        for name in params:
            update(params[name], grads[name], learning_rate)
    return losses""",
}


@pytest.fixture(scope="module")
def notebook():
    return nbformat.reads(make_notebook(SOLUTION), as_version=4)


@pytest.fixture
def folder(tmp_path):
    make_exercise(tmp_path / "exercise")
    return tmp_path / "exercise"


def fill(notebook, wrong=("", "")):
    """Fill the gaps, and correct the mistake of question 3. Something may still be wrong."""
    for cell in notebook.cells:
        for gap, filling in GAPS.items():
            cell.source = cell.source.replace(gap, filling.replace(*wrong))
    return notebook


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


TEXT = "# Title\n\nFirst.\nMore.\n\n- one\n- two\n  lines\n- three\n\nLast."
CODE = "x = 1\np = f(\n    x)\ny = p\n"
MORE = """Ignored.

<!-- more -->
Some text.

```python
a = 1
```

Then this.

**Question 7.** Why?

<!-- end -->
End.
"""


def make_cells(kind, source, *tags):
    """Return the type and the source of the cells that the exercise gets for one cell."""
    solution = {"cell_type": kind, "id": "x", "metadata": {"tags": list(tags)}, "source": source}
    other = {**solution, "source": "x", "metadata": {"tags": ["exercise:replace more", "exercise:after end"]}}
    made = json.loads(make_notebook(json.dumps({"cells": [solution, other]}), MORE))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in made[:-6]]


@pytest.mark.parametrize(
    "source, tags, expected",
    [
        (TEXT, ["picture:x"], TEXT),
        (TEXT, ["exercise:drop"], None),
        (TEXT, ["exercise:without More"], TEXT.replace("First.\nMore.\n\n", "")),
        (TEXT, ["exercise:without lines", "exercise:without Last"], "# Title\n\nFirst.\nMore.\n\n- one\n- three"),
        (CODE, ["exercise:without y ="], "x = 1\np = f(\n    x)"),
    ],
)
def test_tags(source, tags, expected):
    """A cell is kept, dropped, or kept without some pieces."""
    kind = "code" if source == CODE else "markdown"
    assert make_cells(kind, source, *tags) == ([(kind, expected)] if expected else [])


def test_words():
    """Text and code are cells of their own. A question gets a cell for its answer. Ids are those of the words."""
    cells = [
        ("markdown", "Some text."),
        ("code", "a = 1"),
        ("markdown", "Then this."),
        ("markdown", "**Question 7.** Why?"),
    ]
    cells += [("markdown", "*Your answer to question 7: double-click here and write.*")]
    assert make_cells("code", CODE, "exercise:after more") == [("code", CODE.strip()), *cells]
    assert make_cells("code", CODE, "exercise:replace more") == cells
    assert make_cells("markdown", TEXT, "exercise:replace more") == [("markdown", "# Title"), *cells]
    assert [cell["id"] for cell in read_words(MORE)["more"]] == [f"more-{number}" for number in range(1, 6)]


@pytest.mark.parametrize(
    "tags, words",
    [
        (["exercise:without nothing"], "cell x of the notebook: it does not contain 'nothing'"),
        (["exercise:hide"], "unknown tag 'exercise:hide'"),
        (["exercise:after none"], "cell x of the notebook: 'none'. Correct its tags or words.md"),
    ],
)
def test_tag_that_cannot_be_followed(tags, words):
    """The error names the cell. Words that no tag names are an error, too."""
    with pytest.raises(ValueError, match=re.escape(words)):
        make_cells("code", CODE, *tags)
    with pytest.raises(ValueError, match="no cell of the notebook has a tag with end, more of words.md"):
        make_notebook(json.dumps({"cells": []}), MORE)


def sentences(text):
    """Return the longer sentences of a text without its code."""
    text = re.sub(r"^```.*?^```", "\n\n", text, flags=re.MULTILINE | re.DOTALL)
    found = [" ".join(part.split()) for part in re.split(r"(?<=[.?!:])\s+|\n\n", text)]
    return [sentence for sentence in found if len(sentence) > 30]


def test_no_sentence_stands_twice():
    """A sentence of the words is neither in the solution's notebook nor a second time in the words."""
    cells = nbformat.reads(SOLUTION, as_version=4).cells
    theirs = {sentence for cell in cells for sentence in sentences(cell.source)}
    ours = sentences(WORDS.read_text(encoding="utf-8"))
    assert len(ours) > 40 and [sentence for sentence in ours if sentence in theirs or ours.count(sentence) > 1] == []


def test_order_of_work(notebook):
    """Each section names its functions in `PARTS`. Behind the task come check_net, asserts, and points."""
    for number, cells in sections(notebook).items():
        wanted = [part.name for part in PARTS if part.section == number]
        _, task, behind = "\n".join(cell.source for cell in cells).partition("**Now write")
        assert re.findall("`(.*?)`", behind.partition("**")[0]) == wanted
        if wanted:
            names = ", ".join(f'"{name}"' for name in wanted) if number < 5 else ""
            assert behind.index("check_net(") < behind.index("assert ") < behind.index(f"show_points({names});")
    order = [part.section for part in PARTS]
    assert order == sorted(order)


def test_what_students_shall_find_is_asked(notebook):
    """Each question has a cell for its answer. The solution's answers are removed."""
    solution, whole = (
        " ".join(" ".join(cell.source.split()) for cell in cells)
        for cells in (nbformat.reads(SOLUTION, as_version=4).cells, notebook.cells)
    )
    for number in (r"\*\*Question (\d)\.", r"Your answer to question (\d)"):
        assert re.findall(number, whole) == list("12345678")
    answers = "log 10", "np.log(10)", "probability 0.1", "too low", "overfit", "by far", "blurred", "edges", "[200,"
    assert all(answer in solution and answer not in whole for answer in answers)
    assert all(whole.count(" ".join(gap.split())) == 1 for gap in GAPS)
    assert not any(name in whole for name in (*GONE, "ForgetfulNet", "benchmarks/", "getsource", "onehot", r"\odot"))


def test_whole_notebook_runs_when_all_is_filled(folder, cifar10_of_the_notebook, monkeypatch):
    """It has the functions of the solution, filled gaps and tiny data."""
    write(folder)
    notebook = nbformat.read(folder / "two_layer_net.ipynb", as_version=4)
    fill(notebook)
    find_parameters(notebook).source = TINY.replace("JOURNAL", "build/sweep-{}.jsonl")
    nbformat.write(notebook, folder / "two_layer_net.ipynb")
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_of_the_notebook))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    ran = run(folder, "run_notebook.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "last loss 0.017143643532924" in ran.stdout and "test accuracy of the last net" in ran.stdout
    assert (folder / "build" / "two_layer_net.html").is_file() and (folder / "build" / "sweep-tiny.jsonl").is_file()


STAGES = {
    2: ["scores are correct", "Next: Write softmax_loss: "],
    3: ["error of dscores", "Next: the gradient of W1, b1, W2, b2"],
    4: ["W2  shape (10, 3)", "Next: Write draw_minibatch: ", "predict is not finished"],
}


def run_sections(folder, notebook, last):
    """Run the cells up to a section as a script. Print what a cell shows."""
    cells = [cell for number, cells in sections(notebook).items() if number <= last for cell in cells]
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    shown = [re.sub(r"^check_net\(.*\)$", r"print(\g<0>)", source, flags=re.MULTILINE) for source in sources]
    script = "\n".join(shown).replace("%matplotlib inline", "display = print")
    return run(folder, "-c", re.sub("^%", "#", script, flags=re.MULTILINE))


@pytest.mark.parametrize("stage", STAGES)
def test_section_by_section(folder, notebook, stage):
    """With the functions up to a section, its cells run. check_net says what comes next."""
    write(folder, [part.name for part in PARTS if part.section <= stage])
    ran = run_sections(folder, fill(copy.deepcopy(notebook)), stage)
    assert ran.returncode == 0, ran.stderr
    assert all(words in ran.stdout for words in STAGES[stage]), ran.stdout


@pytest.mark.parametrize(
    "old, new, before",
    [
        ('params["b1"][h] +', "", "hidden:"),
        ('params["b2"][c] +', "", "scores:"),
        ("max(0, total)", "total", "scores:"),
        ("self.params, centred", "self.params, X", "backward           24 of 24"),
        ("loss + penalty(params, reg, grads)", "loss", "net.train 1.24"),
        ("(X, y, batch_size, rng)", "(X, y, len(X), rng)", "net.train 1.24"),
        ("learning_rate)", "learning_rate / 2)", "net.train 1.24"),
        ("        losses.append", "        losses[:] = [0]\n        losses.append", "net.train 1.24"),
    ],
)
def test_wrong_gap_fails(folder, notebook, old, new, before):
    """A mistake in a gap, or one that nobody has corrected, fails the assert of its cell, behind what it prints."""
    write(folder)
    ran = run_sections(folder, fill(copy.deepcopy(notebook), (old, new)), 5)
    assert ran.stderr.rstrip().endswith("AssertionError") and before in ran.stdout
    assert "100 of 100" not in ran.stdout
