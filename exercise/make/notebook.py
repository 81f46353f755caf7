"""Makes the exercise's notebook from the tags on the cells of the solution's notebook.

======================== =====================================================================
tag                      the exercise gets
======================== =====================================================================
(none)                   the cell
exercise:drop            nothing
exercise:replace NAME    the cells NAME of words.md instead; a heading stays
exercise:after NAME      the cell, and behind it the cells NAME of words.md
exercise:without WORDS   the cell without the lines (in a text: paragraphs and list items) that
                         contain WORDS
======================== =====================================================================

A cell may have several tags. words.md says how it is written.
"""

import json
import re
from pathlib import Path

WORDS = Path(__file__).with_name("words.md")
ANSWER = "*Your answer to question {}: double-click here and write.*"
PIECE = {"code": r"(?<=\n)", "markdown": r"(?<=\n\n)|(?<=\n)(?=- )"}  # where pieces of a cell begin


def make_notebook(source, words=None):
    """Return the notebook of the exercise as JSON, without outputs. Kept cells keep their ids.

    `source` is the notebook of the solution as JSON, and `words` the cells that tags name, by default
    words.md. If a tag cannot be followed, or no tag names some words, a ValueError says which.
    """
    notebook = json.loads(source)
    entries = read_words(WORDS.read_text(encoding="utf-8") if words is None else words)
    used, cells = set(), []
    for cell in notebook["cells"]:
        try:
            cells += make_cells(cell, entries, used)
        except (ValueError, KeyError) as error:
            raise ValueError(f"cell {cell['id']} of the notebook: {error}. Correct its tags or words.md") from None
    if unused := entries.keys() - used:
        raise ValueError(f"no cell of the notebook has a tag with {', '.join(sorted(unused))} of words.md")
    for cell in cells:
        cell["source"] = cell["source"].splitlines(keepends=True)
    notebook["cells"] = cells
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def read_words(text):
    """Read a file of words: return a dict from names to lists of cells."""
    _, *parts = re.split(r"^<!-- (\S+) -->\n", text, flags=re.MULTILINE)
    entries = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        cells = []
        for number, piece in enumerate(re.split(r"^```(?:python)?\n", body, flags=re.MULTILINE)):
            if number % 2:
                cells.append(("code", piece))
                continue
            for text in filter(str.strip, re.split(r"(?<=\n)(?=\*\*Question )", piece)):
                cells.append(("markdown", text))
                if question := re.match(r"\*\*Question (\d+)\.", text):
                    cells.append(("markdown", ANSWER.format(question[1])))
        entries[name] = [_cell(*cell, f"{name}-{number}") for number, cell in enumerate(cells, 1)]
    return entries


def _cell(kind, source, name, tags=()):
    """Return a cell without outputs."""
    cell = {"cell_type": kind, "id": name, "metadata": {"tags": tags} if tags else {}, "source": source.strip("\n")}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def make_cells(cell, entries, used):
    """Return the cells that the exercise gets for a cell, and add the names of its words to `used`."""
    kind, source, behind = cell["cell_type"], "".join(cell["source"]), []
    tags = cell["metadata"].get("tags", [])
    for tag in tags:
        what, _, word = tag.removeprefix("exercise:").partition(" ")
        if not tag.startswith("exercise:"):
            continue
        if what == "drop":
            source = ""
        elif what in ("replace", "after"):
            if what == "replace":
                source = source.partition("\n")[0] if kind == "markdown" and source.startswith("#") else ""
            behind += [dict(added) for added in entries[word]]
            used.add(word)
        elif what == "without":
            source = _without(word, source, kind)
        else:
            raise ValueError(f"unknown tag {tag!r}")
    others = [tag for tag in tags if tag == "parameters"]
    return ([_cell(kind, source, cell["id"], others)] if source.strip() else []) + behind


def _without(word, source, kind):
    """Leave out the pieces of a source that contain a word."""
    pieces = re.split(PIECE[kind], source)
    kept = [piece for piece in pieces if word not in piece]
    if len(kept) == len(pieces):
        raise ValueError(f"it does not contain {word!r}")
    return "".join(kept)
