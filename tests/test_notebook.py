"""The notebook runs from the first cell to the last, and is stored as a finished run left it."""

import sys

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

import run_notebook
from run_notebook import NO_ALT, NOTEBOOK, execute, render, save_pictures

# What the cell tagged "parameters" says, for a folder of 120 images.
TINY = """
num_training, num_validation, num_test = 80, 20, 20
default_iters = 30
sweep_hidden, sweep_iters = [2, 3], [1, 2]
sweep_journal = "JOURNAL"
expected_effect = ["hidden_size", "learning_rate", "num_iters", "reg"]
default_val_accuracy = (0.0, 1.0)
largest_gap = 1.0
final_sizes, step_epochs, final_epochs = (80, 20, 20), 2, 2
tolerated_gap = 1.0
final_accuracy = 0.0
best_val_accuracy = 0.0
"""


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def set_parameters(notebook, text):
    """Replace the one cell tagged "parameters", which must set the same names."""
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    names = [
        sorted(name.strip() for line in source.splitlines() if "=" in line for name in line.split("=")[0].split(","))
        for source in (cell.source, text)
    ]
    assert names[0] == names[1]
    cell.source = text


def test_stored_counts_and_outputs(notebook):
    """Counts 1..n, no error among the outputs, no warning on stderr, under 3 MB."""
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert NOTEBOOK.stat().st_size < 3e6


def test_pictures_are_described_in_the_report(notebook):
    """To who cannot see them, in their own words."""
    cells = [cell for cell in code_cells(notebook) if any("image/png" in out.get("data", ()) for out in cell.outputs)]
    body = render(notebook)
    positions = [body.index(f'alt="{cell.metadata["alt"]}"') for cell in cells]
    assert positions == sorted(positions) and len(positions) == 8
    assert NO_ALT not in body


def test_cells_are_short(notebook):
    """At most 40 cells of at most a dozen lines that a laptop shows without scrolling."""
    assert len(notebook.cells) <= 40
    lines = [cell.source.splitlines() for cell in code_cells(notebook)]
    assert max(map(len, lines)) <= 12
    assert max(len(line) for cell in lines for line in cell) <= 105


def test_notebook_runs_on_tiny_data(notebook, tiny_cifar10, monkeypatch, capsys, tmp_path):
    """Every cell, in order, on fabricated images."""
    monkeypatch.setenv("CIFAR10_DIR", str(tiny_cifar10))
    monkeypatch.delenv("DATA", raising=False)
    set_parameters(notebook, TINY.replace("JOURNAL", "sweep.jsonl"))
    execute(notebook, tmp_path)
    assert (tmp_path / "sweep.jsonl").is_file()  # what cells write goes where they run
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    printed = capsys.readouterr().out
    assert "last loss 0.017143643532924" in printed and "test accuracy 0." in printed
    assert printed.count("CIFAR-10, files that differ from the official ones") == 4
    save_pictures(notebook, tmp_path / "docs")
    assert (tmp_path / "docs" / "best_net.png").read_bytes().startswith(b"\x89PNG")


def test_notebook_asserts_its_claims(notebook, tiny_cifar10, monkeypatch, tmp_path):
    """An expectation that is not met stops the run."""
    monkeypatch.setenv("CIFAR10_DIR", str(tiny_cifar10))
    monkeypatch.delenv("DATA", raising=False)
    set_parameters(
        notebook,
        TINY.replace("JOURNAL", str(tmp_path / "sweep.jsonl")).replace(
            "best_val_accuracy = 0.0", "best_val_accuracy = 1.1"
        ),
    )
    with pytest.raises(CellExecutionError, match="AssertionError"):
        execute(notebook)


def test_report_of_a_run_that_fails(tmp_path, monkeypatch):
    """Holds what was computed before the cell that raised, its error, and no output of an earlier run."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("print('se' + 'ven')", "assert 7 > 8", "print('late')")]
    stale = nbformat.v4.new_output("stream", text="stale output")
    cells[2].outputs = [stale]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "small.ipynb")
    monkeypatch.setattr(run_notebook, "NOTEBOOK", tmp_path / "small.ipynb")
    monkeypatch.setattr(sys, "argv", ["run_notebook.py", "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match="AssertionError"):
        run_notebook.main()
    report = (tmp_path / "build" / "small.html").read_text(encoding="utf-8")
    assert "seven" in report and "AssertionError" in report and "stale output" not in report
