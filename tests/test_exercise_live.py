"""Tests of exercise.live: an edited homework.py counts in a running kernel."""

import asyncio
import json
import os

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from test_exercise_make import write
from test_exercise_student import solve

from exercise.make.__main__ import make_exercise


@pytest.fixture
def folder(tmp_path):
    make_exercise(tmp_path / "exercise")
    return tmp_path / "exercise"


@pytest.fixture
def execute(folder):
    """Return a function that runs a cell in the kernel of a notebook, and returns what it prints or raises."""
    client = NotebookClient(nbformat.v4.new_notebook(), AsyncKernelManager(), resources={"metadata": {"path": folder}})
    environment = {**os.environ, "IPYTHONDIR": str(folder / "build"), "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a cached file must not hide an edit
    loop = asyncio.new_event_loop()

    def execute(source):
        cell = nbformat.v4.new_code_cell(source)
        client.nb.cells.append(cell)
        try:
            loop.run_until_complete(client.async_execute_cell(cell, len(client.nb.cells) - 1))
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}"
        return "".join(output.get("text", "") for output in cell.outputs)

    async def start():
        await client.async_start_new_kernel(env=environment)
        await client.async_start_new_kernel_client()

    loop.run_until_complete(start())
    yield execute
    loop.run_until_complete(client._async_cleanup_kernel())
    loop.close()


SCORES = "print(net.loss(np.ones((1, 4)))[0, 0], forward(net.params, np.ones((1, 4)))[1][0, 0], scale(1))"
FORWARD = (
    'def forward(params, X, mask=None):\n    scores = {} * np.ones((len(X), len(params["b2"])))\n    return X, scores'
)
AGAIN = "homework.py has changed. It is loaded again.\n"


def test_edited_file_counts_in_a_running_kernel(folder, execute):
    """So it does in modules that imported its functions, after errors, and in the processes of a sweep."""

    def edit(*extra, forward):
        text = solve(forward=FORWARD.format(forward)) + "\n".join(["", *extra]) + "\n"
        (folder / "homework.py").write_text(text, encoding="utf-8")
        os.utime(folder / "homework.py", (10**9, 10**9))  # as after two edits in one second

    assert execute("%load_ext exercise.live") == ""
    edit("def scale(x): return x", forward=1)
    execute(
        "import numpy as np\nfrom classifiers.neural_net import TwoLayerNet\nfrom classifiers.layers import forward"
    )
    execute("from homework import scale\nfrom classifiers.sweep import sweep\nnet = TwoLayerNet(4, 2, 3)")
    assert execute(SCORES) == "1.0 1.0 1\n"
    edit("def scale(x): return 2 * x", forward=2)
    assert execute(SCORES) == AGAIN + "2.0 2.0 2\n" and execute(SCORES) == "2.0 2.0 2\n"
    edit("def scale(x: return x", forward=3)
    for _ in range(2):  # the old functions must not run unnoticed
        assert execute(SCORES).startswith("SyntaxError: ")
        assert execute("import homework\nhomework.backward()").startswith("SyntaxError: ")
    edit("import functools", "forward = functools.wraps(forward)(lambda *a, f=forward: f(*a))", forward=4)
    assert execute(SCORES) == "AttributeError: homework.py does not define this function any more"
    edit("def scale(x): return 5 * x", forward=5)
    assert execute(SCORES) == AGAIN + "5.0 5.0 5\n"
    edit("def scale(x): return 6 * x", forward=6)
    assert execute(SCORES) == AGAIN + "6.0 6.0 6\n"


def test_sweep_after_an_edit(folder, execute):
    """The processes of a sweep have the new functions, and its journal begins anew."""
    write(folder)
    execute("%load_ext exercise.live")
    execute("import numpy as np\nfrom classifiers.sweep import sweep")
    execute("X, y = np.random.default_rng(0).standard_normal((20, 4)), np.arange(20) % 3")
    call = 'result = sweep({"hidden_size": [2, 3]}, X, y, X, y, num_iters=5, journal="build/s.jsonl", seed=0, n_jobs=2)'
    call += "\nprint([trial.stats['loss_history'][0] for trial in result.trials])"
    first = json.loads(execute(call).splitlines()[-1])
    text = (folder / "homework.py").read_text(encoding="utf-8")
    changed = text.replace("return float(loss), dscores", "return float(loss) + 7, dscores")
    (folder / "homework.py").write_text(changed, encoding="utf-8")
    printed = execute(call)
    assert "The code has changed since" in printed
    second = json.loads(printed.splitlines()[-1])
    assert changed != text and [b - a for a, b in zip(first, second, strict=True)] == pytest.approx([7, 7])
