"""Tests of progress bars: a line each ten percent where the output is a file."""

import io
import sys

import pytest

from classifiers.progress import make_bar


class Terminal(io.StringIO):
    """Standard output that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("total", [1, 7, 3000])
def test_log_has_a_line_each_ten_percent(monkeypatch, total):
    """The numbers of the last state are in the last line. There is no carriage return."""
    monkeypatch.setattr(sys, "stdout", log := io.StringIO())
    bar = make_bar(range(total), total=total, shown=True)
    for step in bar:
        bar.set_postfix_str(f"step {step}", refresh=False)
    lines = log.getvalue().splitlines()
    assert len(lines) <= 12 and f"{total}/{total}" in lines[-1] and "\r" not in log.getvalue()
    assert all("%" in line for line in lines) and len(lines) >= min(total, 10)


@pytest.mark.parametrize("shown", [True, False])
def test_terminal_has_one_line(monkeypatch, shown):
    """The bar is drawn again over the old one. If it is not shown, nothing is written."""
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    with make_bar(total=50, shown=shown) as bar:
        bar.update(50)
    assert terminal.getvalue().count("\n") == shown and ("50/50" in terminal.getvalue()) == shown
