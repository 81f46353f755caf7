"""Table with column names: aligned text for ``print``, HTML for a notebook."""

from html import escape


class Table:
    """Table with column names, rows of cells and perhaps a note.

    ``print`` shows it as aligned text, and a notebook shows it as HTML.
    """

    def __init__(self, columns, rows, note=""):
        self.columns, self.note = list(columns), note
        self.rows = [[str(cell) for cell in row] for row in rows]

    def __str__(self):
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = ("  ".join(map(str.rjust, line, widths)).rstrip() for line in lines)
        return "\n".join([*texts, *filter(None, [self.note])])

    def _repr_html_(self):
        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "\n".join(row(cells, "td") for cells in self.rows)
        table = f"<table>\n<thead>{row(self.columns, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table>"
        return table + (f"<p>{escape(self.note)}</p>" if self.note else "")

    __repr__ = __str__
