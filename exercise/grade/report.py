"""What teachers and students get: a table of grades, a web page, and files for Gradescope and Classroom 50."""

import csv
import hashlib
import html
import io
import os
import time

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
    """Return a name for a submission's files, as the system spells it, cut if it is too long for a file system."""
    data = name.encode("utf-8", "replace")
    if len(data) > LONGEST:
        short = data[: LONGEST - 17].decode("utf-8", "ignore").encode()
        data = short + b"-" + hashlib.sha256(data).hexdigest()[:16].encode()
    return os.fsdecode(data)


def assemble(name, choice, parts):
    """Combine the results of a submission's functions, see `marking.grade_all`, and its `choose.Choice`.

    Return a dict with ``name``, ``file``, ``warning``, ``remarks`` (sentences about the file),
    ``state``, ``total``, ``seconds`` and ``parts``.
    """
    states = {part: graded["state"] for part, graded in parts.items()}
    state = ", ".join(f"{part} {state}" for part, state in states.items() if state != "right")
    notes = dict.fromkeys(note for graded in parts.values() for note in graded["notes"])
    remarks = [] if choice.reason else [f"The graded file is {choice.file}", choice.warning]
    return {
        "name": name,
        "file": choice.file,
        "warning": choice.warning,
        "remarks": [*filter(None, remarks), *(f"{choice.file}: {note}" for note in notes)],
        "state": state if len(set(states.values())) > 1 else states[PARTS[0].name],
        "total": round(sum(map(_gained, parts.values())), 2),
        "seconds": round(sum(graded["seconds"] for graded in parts.values()), 1),
        "parts": parts,
    }


def _gained(graded):
    return round(sum(graded["points"].values()), 2)


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
        name, file, warning = (_no_formula(result[key]) for key in ("name", "file", "warning"))
        gained = [f"{_gained(graded):.2f}" for graded in result["parts"].values()]
        numbers = f"{result['total']:.2f}", *gained, f"{result['seconds']:.1f}"
        rows[name] = [name, result["state"], *numbers, file, warning]
    table = io.StringIO(newline="")
    csv.writer(table).writerows([COLUMNS, *(rows[name] for name in sorted(rows, key=lambda name: name.lstrip("'")))])
    return table.getvalue()


def _no_formula(text):
    """Put an apostrophe before a text that a spreadsheet would read as a formula."""
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def make_page(result):
    """Return the HTML page of a submission. `result` is that of `assemble`. It needs no other file."""
    name, parts = html.escape(result["name"]), [(part, result["parts"][part.name]) for part in PARTS]
    rows = [(part.name, _gained(graded), sum(part.points.values()), graded["state"]) for part, graded in parts]
    remarks = "".join(f"<p>{html.escape(text)}.</p>\n" for text in result["remarks"])
    details = "".join(_details(part, graded) for part, graded in parts if graded["state"] != "right")
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}: {result["total"]:g} of {FULL:g} points</title><style>{STYLE}</style></head>
<body>
<h1>{name}</h1>
<p><strong>{result["total"]:g} of {FULL:g} points.</strong> Each function is tested alone.</p>
{remarks}{_table(("function", "points", "of", ""), rows)}{details}</body>
</html>
"""


def _details(part, graded):
    """Return HTML that says what is wrong with a part."""
    rows = [(aspect, graded["points"][aspect], full, sentences(graded, aspect)) for aspect, full in part.points.items()]
    table = _table(("aspect", "points", "of", "what is wrong"), rows)
    if graded["problem"]:
        table = f"<p>{html.escape(graded['problem'])}.</p>\n"
    check = f"<p>What check_net says:</p>\n{_list(graded['check'])}\n" if graded["check"] else ""
    head = f"<h2>{part.name}</h2>\n<p>{html.escape(part.task.capitalize())}."
    return f"{head} Section {part.section} of the notebook explains it.</p>\n{table}{check}"


def _table(columns, rows):
    head = "".join(f"<th>{column}</th>" for column in columns)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{lines}</table>\n"


def _cell(content):
    if isinstance(content, (int, float)):
        return f'<td class="number">{content:g}</td>'
    return f"<td>{html.escape(content) if isinstance(content, str) else _list(content)}</td>"


def _list(texts):
    return f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in texts)}</ul>"


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
            test = {"name": f"{part.name}: {aspect}", "number": f"{number}.{place}", "score": score, "max_score": full}
            test |= {"status": "passed" if score >= full else "failed", "output": "\n".join(output)}
            tests.append({**test, "output_format": "text", "visibility": "visible"})
    output = "\n".join([f"State: {result['state']}", *result["remarks"]])
    head = {"score": result["total"], "execution_time": result["seconds"], "output": output}
    return {**head, "output_format": "text", "stdout_visibility": "hidden", "tests": tests}


def classroom50(result):
    """Return the content of Classroom 50's result.json, with one test for each part.

    Its scores are whole numbers. So the points of each part are rounded down.
    """
    tests = []
    for part in PARTS:
        graded = result["parts"][part.name]
        score = {"score": int(_gained(graded)), "max-score": int(sum(part.points.values()))}
        output = [f"{aspect}: {text}" for aspect in part.points for text in sentences(graded, aspect)]
        tests.append({"test-name": part.name, "passed": graded["state"] == "right", **score, "output": output})
    variables = {"classroom": "CLASSROOM", "assignment": "ASSIGNMENT", "submission": "SUBMISSION_TAG"}
    variables |= {"commit": "COMMIT_URL", "release": "RELEASE_URL", "review": "REVIEW_URL"}
    head = {name: os.environ.get(variable, "") for name, variable in variables.items()}  # set by the runner
    return {
        "schema": "classroom50/result/v1",
        **head,
        "review": head["review"] or head["commit"],
        "datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }
