"""Tables in text and HTML."""

from tables import Table


def test_columns_are_aligned():
    """Each as wide as its widest cell, to the right; the note below."""
    table = Table(["a", "long"], [[1, 2.5], ["wide cell", "x"]], "note")
    assert str(table) == repr(table) == "        a  long\n        1   2.5\nwide cell     x\nnote"


def test_html_is_escaped():
    """What looks like markup is shown, not obeyed."""
    html = Table(["<b>"], [["a & b"]])._repr_html_()
    assert "<th>&lt;b&gt;</th>" in html and "<td>a &amp; b</td>" in html
