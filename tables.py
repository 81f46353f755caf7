"""A table that prints aligned in a terminal and renders as HTML in a notebook."""

from html import escape


class Table:
    """Rows of text under a header.

    Parameters
    ----------
    columns : sequence of str
        The header.
    rows : sequence of sequence
        Each as long as the header; shown by ``str``.
    note : str
        A line below.
    """

    def __init__(self, columns, rows, note=""):
        self.columns, self.note = [str(column) for column in columns], note
        self.rows = [[str(cell) for cell in row] for row in rows]

    def __str__(self):
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.columns, *self.rows)
        ]
        return "\n".join(lines + [self.note] * bool(self.note))

    def _repr_html_(self):
        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "\n".join(row(cells, "td") for cells in self.rows)
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table>\n<thead>{row(self.columns, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table>{note}"

    __repr__ = __str__
