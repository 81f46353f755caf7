"""The report of `check_net`: a table of the numeric check, and the findings as sentences."""

import math
from html import escape

from tables import Table

SHOWN = 5  # findings that are shown, at most; the most important ones come first
COLUMNS = ("parameter", "largest relative error", "where", "numeric", "analytic", "checked", "at kinks")


class NetReport:
    """Result of `check_net`. It prints as a table and sentences, and shows as HTML in a notebook.

    Attributes
    ----------
    ok : bool
        Whether there are no findings.
    rows : list of Row
        The numeric check, a row for each parameter.
    findings : list of str
        What is wrong, and how to correct it.
    notes : list of str
        What is worth knowing, but not wrong.
    found : list of Finding
        Findings and notes as objects, in the order in which they were found.
    stage : str or None
        The first of "scores", "loss", "gradients", "update" and "predict" that is missing or wrong,
        or "done". None if the parameters are wrong.
    """

    def __init__(self):
        self.rows, self.found, self.stage = [], [], None
        self.functions, self.unwritten, self.unchecked = [], [], []  # of layers

    @property
    def wrong(self):
        """The findings that are not notes."""
        return [finding for finding in self.found if not finding.mistake.note]

    @property
    def ok(self):
        return not self.wrong

    @property
    def findings(self):
        return [str(finding) for finding in self.wrong]

    @property
    def notes(self):
        return [str(finding) for finding in self.found if finding.mistake.note and finding.mistake.sentence]

    def add(self, found):
        """Append findings, each mistake of the same names once. What is to be written next comes last."""
        known = [(finding.mistake, finding.names, finding.function) for finding in self.found]
        self.found += [f for f in found if not f.names or (f.mistake, f.names, f.function) not in known]
        self.found.sort(key=lambda finding: "Next: " in finding.mistake.sentence)

    def bad(self):
        """Return the names of functions that are wrong or not written."""
        return {finding.function for finding in self.wrong} | {name for name, _ in self.unwritten}

    def has(self, stage):
        """Tell whether something is wrong in a stage."""
        return any(finding.mistake.stage == stage for finding in self.wrong)

    def skips(self, stage):
        """Tell whether a stage must be skipped because of earlier findings."""
        return any(stage in finding.skips for finding in self.found)

    def to_dict(self):
        """Return the report as a dict that JSON can hold; NaN and infinity become None.

        Returns
        -------
        dict
            It has "ok", "stage", "findings", "notes" and "rows". The last one is a list with a dict
            for each parameter.
        """

        def plain(value):
            return None if isinstance(value, float) and not math.isfinite(value) else value

        rows = [{name: plain(value) for name, value in row._asdict().items()} for row in self.rows]
        return {"ok": self.ok, "stage": self.stage, "findings": self.findings, "notes": self.notes, "rows": rows}

    @property
    def _table(self):
        return Table(COLUMNS, map(_cells, self.rows))

    @property
    def _verdict(self):
        checked = f" Checked: {', '.join(self.functions)}." if self.functions else ""
        return f"No mistake found.{checked}" if self.ok else f"{len(self.findings)} finding(s):"

    @property
    def _sentences(self):
        """The first findings, and all notes."""
        more = len(self.findings) - SHOWN
        rest = [f"There are {more} more in report.findings. Correct these first."] if more > 0 else []
        return [*self.findings[:SHOWN], *rest, *(f"Note: {note}" for note in self.notes)]

    def _repr_html_(self):
        table = f"{self._table._repr_html_()}\n" if self.rows else ""
        items = "".join(f"<li>{escape(sentence)}</li>\n" for sentence in self._sentences)
        below = f"<p>{self._verdict}</p>\n" + (f"<ul>\n{items}</ul>\n" if items else "")
        return f'{table}<div style="white-space: normal; overflow-wrap: anywhere; max-width: 60em">\n{below}</div>'

    def __str__(self):
        return "\n".join(
            [*[str(self._table)] * (bool(self.rows) or not self.functions), self._verdict, *self._sentences]
        )

    __repr__ = __str__


def _cells(row):
    """Write a `numeric.Row` as text, a cell for each column."""
    where = ", ".join(map(str, row.where))
    return row.name, f"{row.error:.1e}", where, f"{row.numeric:.8g}", f"{row.analytic:.8g}", row.checked, row.skipped
