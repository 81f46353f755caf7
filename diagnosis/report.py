"""The report of `check_net`: a table of the numeric check, and sentences."""

COLUMNS = ("parameter", "largest relative error", "where", "numeric", "analytic", "checked", "at kinks")


class NetReport:
    """What `check_net` returns; prints as a table and sentences.

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
        Both as objects, in the order in which they were found.
    """

    def __init__(self):
        self.rows, self.found = [], []

    @property
    def ok(self):
        return not self.findings

    @property
    def findings(self):
        return [str(finding) for finding in self.found if not finding.mistake.note]

    @property
    def notes(self):
        return [str(finding) for finding in self.found if finding.mistake.note]

    def add(self, found):
        """Append findings, in the order in which they are told."""
        self.found += found

    def has(self, stage):
        """Tell whether something is found in a stage."""
        return any(finding.mistake.stage == stage for finding in self.found)

    def hides(self, stage):
        """Tell whether a stage's questions tell nothing, because of what is found already."""
        return any(stage in finding.hides for finding in self.found)

    def __str__(self):
        lines = [COLUMNS, *(_cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        verdict = "No mistake found." if self.ok else f"{len(self.findings)} finding(s):"
        return "\n".join([*table, verdict, *self.findings, *(f"Note: {note}" for note in self.notes)])

    __repr__ = __str__


def _cells(row):
    """Write a `numeric.Row` as text, a cell for each column."""
    where = ", ".join(map(str, row.where))
    numbers = f"{row.numeric:.8g}", f"{row.analytic:.8g}", str(row.checked), str(row.skipped)
    return row.name, f"{row.error:.1e}", where, *numbers
