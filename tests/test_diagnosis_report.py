"""Tests of the report as HTML and as JSON."""

import json
from xml.etree import ElementTree

import numpy as np

from diagnosis.findings import Finding, Mistake
from diagnosis.numeric import Row
from diagnosis.report import COLUMNS, NetReport

ROWS = [
    Row("W1", np.float64(0.25), (2, 0), 1.5, 2.5, 40, 0),
    Row("b1", np.nan, (), np.nan, -np.inf, 0, 10),
]


def make_report(*findings, rows=ROWS):
    report = NetReport()
    report.rows = rows
    report.add([Finding(Mistake("scores", text, note=note)) for text, note in findings])
    return report


def texts_of(html):
    """Return the texts of each kind of element. HTML with unmatched tags is an error."""
    texts = {}
    for element in ElementTree.fromstring(f"<html>{html}</html>").iter():
        texts.setdefault(element.tag, []).append(element.text or "")
    return texts


def test_text_is_the_table_and_the_sentences():
    """The report prints the same in a notebook's cell without HTML."""
    report = make_report(("W1 < W2", False), ("of reg", True))
    header, *lines = str(report).splitlines()
    assert header == "parameter  largest relative error  where  numeric  analytic  checked  at kinks"
    assert lines[0] == "       W1                 2.5e-01   2, 0      1.5       2.5       40         0"
    assert lines[2:] == ["1 finding(s):", "W1 < W2", "Note: of reg"] and repr(report) == str(report)


def test_html_has_the_table_and_the_sentences():
    """Both are escaped. The sentences are outside the table, so their lines can wrap."""
    rows = [ROWS[0]._replace(name="<i>"), ROWS[1]]
    html = make_report(("W1 < W2 & <b>", False), ("of reg", True), rows=rows)._repr_html_()
    texts = texts_of(html)
    assert texts["th"] == list(COLUMNS)
    assert texts["td"] == ["<i>", "2.5e-01", "2, 0", "1.5", "2.5", "40", "0", "b1", "nan", "", "nan", "-inf", "0", "10"]
    assert texts["p"] == ["1 finding(s):"] and texts["li"] == ["W1 < W2 & <b>", "Note: of reg"]
    assert "b" not in texts and "white-space: normal" in html


def test_html_without_rows_and_sentences():
    """The HTML has no empty table and no empty list."""
    texts = texts_of(make_report(rows=[])._repr_html_())
    assert texts["p"] == ["No mistake found."] and not {"table", "ul"} & texts.keys()


def test_dict_is_valid_json():
    """NaN and infinity become null."""
    report = make_report(("wrong", False), ("of reg", True))
    report.stage = "loss"
    answer = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    first, second = ("W1", 0.25, [2, 0], 1.5, 2.5, 40, 0), ("b1", None, [], None, None, 0, 10)
    assert answer == {
        "ok": False,
        "stage": "loss",
        "findings": ["wrong"],
        "notes": ["of reg"],
        "rows": [dict(zip(Row._fields, row, strict=True)) for row in (first, second)],
    }


def test_report_shows_five_findings():
    """The findings are in order. The number of other findings and all notes follow."""
    findings = [(f"finding {number}", False) for number in range(7)]
    report = make_report(*findings, ("a note", True), rows=[])
    for text in (str(report), report._repr_html_()):
        assert "finding 4" in text and "finding 5" not in text and "a note" in text
        assert text.index("finding 0") < text.index("finding 4") < text.index("2 more in report.findings")
    assert len(report.findings) == 7 and "7 finding(s)" in str(report)
    assert "more in" not in str(make_report(*findings[:5]))
