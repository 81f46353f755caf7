"""What teachers and students get: a table of grades, a web page for each submission, and files for Gradescope."""

import csv
import hashlib
import html
import io

from ..parts import FULL, PARTS

LONGEST = 100  # bytes of a file's name without its ending
SHOWN = 3  # different mistakes of an aspect that are listed
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # some spreadsheets accept full-width signs, too
COLUMNS = ["submission", "state", "total", *(part.name for part in PARTS), "seconds", "file", "warning"]
STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } th, td { text-align: left; padding: .2em 1em .2em 0; border-bottom: 1px solid #ddd }
td.number { text-align: right } h2 { margin-top: 2em } li { overflow-wrap: anywhere }
"""


def file_name(name):
    """Return a name for a submission's files, cut if it is too long for a file system."""
    data = name.encode("utf-8", "replace")
    if len(data) <= LONGEST:
        return name
    return data[: LONGEST - 17].decode("utf-8", "ignore") + "-" + hashlib.sha256(data).hexdigest()[:16]


def assemble(name, choice, parts):
    """Combine the results of a submission's parts.

    Parameters
    ----------
    name : str
    choice : choose.Choice
    parts : dict of str to dict
        Results by function, see `marking.grade_all`.

    Returns
    -------
    dict
        ``name``, ``file``, ``warning``, ``notes``, ``state``, ``total``, ``seconds`` and ``parts``.
    """
    states = {part: graded["state"] for part, graded in parts.items()}
    state = ", ".join(f"{part} {state}" for part, state in states.items() if state != "right")
    return {
        "name": name,
        "file": choice.file,
        "warning": choice.warning,
        "notes": list(dict.fromkeys(note for graded in parts.values() for note in graded["notes"])),
        "state": state if len(set(states.values())) > 1 else states[PARTS[0].name],
        "total": round(sum(sum(graded["points"].values()) for graded in parts.values()), 2),
        "seconds": round(sum(graded["seconds"] for graded in parts.values()), 1),
        "parts": parts,
    }


def make_table(results, old=""):
    """Return the table of grades as CSV, with one line for each result of `assemble`.

    `old` is the table of an earlier run. Its lines about other submissions stay. If it has other
    columns, a ValueError says so.
    """
    lines = [line for line in csv.reader(io.StringIO(old, newline="")) if line]
    if lines and lines[0] != COLUMNS:
        raise ValueError(f"has other columns than {', '.join(COLUMNS)}")
    rows = {line[0]: line for line in lines[1:]}
    for result in results:
        gained = [f"{sum(result['parts'][part.name]['points'].values()):.2f}" for part in PARTS]
        head = [_no_formula(result["name"]), result["state"], f"{result['total']:.2f}"]
        tail = [f"{result['seconds']:.1f}", _no_formula(result["file"]), _no_formula(result["warning"])]
        rows[head[0]] = [*head, *gained, *tail]
    table = io.StringIO(newline="")
    csv.writer(table).writerows([COLUMNS, *(rows[name] for name in sorted(rows, key=lambda name: name.lstrip("'")))])
    return table.getvalue()


def _no_formula(text):
    """Put an apostrophe before a text that a spreadsheet would read as a formula."""
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def make_page(result):
    """Return the HTML page of a submission. `result` is that of `assemble`. It needs no other file."""
    name, remarks = html.escape(result["name"]), "".join(f"<p>{html.escape(text)}.</p>\n" for text in _remarks(result))
    rows = "".join(_row(part.name, result["parts"][part.name], part.points) for part in PARTS)
    details = "".join(_details(part, result["parts"][part.name]) for part in PARTS)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}: {result["total"]:g} of {FULL:g} points</title><style>{STYLE}</style></head>
<body>
<h1>{name}</h1>
<p><strong>{result["total"]:g} of {FULL:g} points.</strong> Each function is tested alone.</p>
{remarks}<table>
<tr><th>function</th><th>points</th><th>of</th><th></th></tr>
{rows}</table>
{details}</body>
</html>
"""


def _remarks(result):
    """Yield sentences about the file of a submission."""
    if result["file"]:
        yield f"The graded file is {result['file']}"
    if result["warning"]:
        yield result["warning"]
    yield from (f"{result['file']}: {note}" for note in result["notes"])


def _row(title, graded, points):
    gained, full = sum(graded["points"].values()), sum(points.values())
    numbers = f'<td class="number">{round(gained, 2):g}</td><td class="number">{full:g}</td>'
    return f"<tr><td>{html.escape(title)}</td>{numbers}<td>{graded['state']}</td></tr>\n"


def _details(part, graded):
    """Return HTML that says what is wrong with a part. It is empty if the part is right."""
    if graded["state"] == "right":
        return ""
    head = f"<h2>{html.escape(part.name)}</h2>\n<p>{html.escape(part.task.capitalize())}. "
    aspects = "".join(
        f'<tr><td>{html.escape(aspect)}</td><td class="number">{graded["points"][aspect]:g}</td>'
        f'<td class="number">{full:g}</td><td><ul>{_list(sentences(graded, aspect))}</ul></td></tr>\n'
        for aspect, full in part.points.items()
    )
    table = f"<table>\n<tr><th>aspect</th><th>points</th><th>of</th><th>what is wrong</th></tr>\n{aspects}</table>\n"
    if graded["problem"]:
        table = f"<p>{html.escape(graded['problem'])}.</p>\n"
    check = f"<p>What check_net says:</p>\n<ul>{_list(graded['check'])}</ul>\n" if graded["check"] else ""
    return f"{head}Section {part.section} of the notebook explains it.</p>\n{table}{check}"


def _list(texts):
    return "".join(f"<li>{html.escape(text)}</li>" for text in texts)


def sentences(graded, aspect):
    """Return a few sentences that say what is wrong with an aspect. `graded` is that of `marking.result_of`."""
    if graded["problem"]:
        return [graded["problem"]]
    cases = {}
    for name, label, sentence in graded["wrong"]:
        if name == aspect:
            cases.setdefault(sentence, []).append(label)
    listed = [
        f"{sentence} ({labels[0]}{f', and {len(labels) - 1} more' if len(labels) > 1 else ''})"
        for sentence, labels in cases.items()
    ]
    more = len(listed) - SHOWN
    return listed[:SHOWN] + ([f"and {more} other case{'s' if more > 1 else ''}"] if more > 0 else [])


def gradescope(result):
    """Return the content of Gradescope's results.json, with one test for each aspect of each part."""
    tests = []
    for number, part in enumerate(PARTS, 1):
        graded = result["parts"][part.name]
        check = [f"check_net: {sentence}" for sentence in graded["check"]]
        for place, (aspect, full) in enumerate(part.points.items(), 1):
            score = graded["points"][aspect]
            output = [] if score >= full else sentences(graded, aspect) + check
            check = [] if output else check  # shown once for each part
            tests.append(
                {
                    "name": f"{part.name}: {aspect}",
                    "number": f"{number}.{place}",
                    "score": score,
                    "max_score": full,
                    "status": "passed" if score >= full else "failed",
                    "output": "\n".join(output),
                    "output_format": "text",
                    "visibility": "visible",
                }
            )
    return {
        "score": result["total"],
        "execution_time": result["seconds"],
        "output": "\n".join([f"State: {result['state']}", *_remarks(result)]),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
