"""Tests of tables as text and as HTML."""

from tables import Table


def test_columns_are_aligned():
    """A column is as wide as its widest cell. Cells are aligned on the right. The note is last."""
    table = Table(["a", "long"], [[1, 2.5], ["wide cell", ""]], "note")
    assert str(table) == repr(table) == "        a  long\n        1   2.5\nwide cell\nnote"


def test_html_is_escaped():
    """Markup in the header, a cell or the note is shown as text."""
    html = Table(["<b>"], [["a & b"], [1]], "1 < 2")._repr_html_()
    assert "<thead><tr><th>&lt;b&gt;</th></tr></thead>" in html
    assert "<tr><td>a &amp; b</td></tr>\n<tr><td>1</td></tr>" in html and "<p>1 &lt; 2</p>" in html
