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
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # starts one, also with full-width signs. An apostrophe prevents this
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
    ``state``, ``total``, ``seconds`` and ``parts``: for each of `PARTS` its result, with ``part``,
    ``gained``, ``full``, and ``aspects``: tuples of name, points, full points and sentences.
    """
    rows = []
    for part in PARTS:
        graded, full = parts[part.name], part.points
        aspects = [(name, graded["points"][name], full[name], sentences(graded, name)) for name in full]
        gained = round(sum(graded["points"].values()), 2)
        rows.append({**graded, "part": part, "gained": gained, "full": sum(full.values()), "aspects": aspects})
    states = {row["state"] for row in rows}
    not_right = [f"{row['part'].name} {row['state']}" for row in rows if row["state"] != "right"]
    notes = dict.fromkeys(note for row in rows for note in row["notes"])
    remarks = [] if choice.reason else [f"The graded file is {choice.file}", choice.warning]
    remarks = [*filter(None, remarks), *(f"{choice.file}: {note}" for note in notes)]
    head = {"name": name, "file": choice.file, "warning": choice.warning, "remarks": remarks, "parts": rows}
    head["state"] = ", ".join(not_right) if len(states) > 1 else rows[0]["state"]
    total, seconds = (sum(row[key] for row in rows) for key in ("gained", "seconds"))
    return {**head, "total": round(total, 2), "seconds": round(seconds, 1)}


def sentences(graded, aspect):
    """Return a few sentences that say what is wrong with an aspect. `graded` is that of `marking.result_of`."""
    if graded["problem"]:
        return [graded["problem"]]
    cases = {}
    for name, label, sentence in graded["wrong"]:
        if name == aspect:
            cases.setdefault(sentence, []).append(label)
    others = {sentence: f", and {len(labels) - 1} more" if labels[1:] else "" for sentence, labels in cases.items()}
    listed = [f"{sentence} ({labels[0]}{others[sentence]})" for sentence, labels in cases.items()]
    more = len(listed) - SHOWN
    return listed[:SHOWN] + ([f"and {more} other case{'s' if more > 1 else ''}"] if more > 0 else [])


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
        texts = (result[key] for key in ("name", "file", "warning"))
        name, *texts = (f"'{text}" if text.lstrip().startswith(FORMULA) else text for text in texts)
        numbers = [f"{number:.2f}" for number in (result["total"], *(row["gained"] for row in result["parts"]))]
        rows[name] = [name, result["state"], *numbers, f"{result['seconds']:.1f}", *texts]
    table = io.StringIO(newline="")
    csv.writer(table).writerows([COLUMNS, *(rows[name] for name in sorted(rows, key=lambda name: name.lstrip("'")))])
    return table.getvalue()


def make_page(result):
    """Return the HTML page of a submission. `result` is that of `assemble`. It needs no other file."""
    name, points = html.escape(result["name"]), f"{result['total']:g} of {FULL:g} points"
    rows = [(row["part"].name, row["gained"], row["full"], row["state"]) for row in result["parts"]]
    body = "".join(f"<p>{html.escape(text)}.</p>\n" for text in result["remarks"])
    body += _table(("function", "points", "of", ""), rows)
    for row in result["parts"]:
        part, table = row["part"], _table(("aspect", "points", "of", "what is wrong"), row["aspects"])
        text = f"<p>{html.escape(row['problem'])}.</p>\n" if row["problem"] else table
        text += f"<p>What check_net says:</p>\n{_cell(row['check'], 'div')}\n" if row["check"] else ""
        head = f"<h2>{part.name}</h2>\n<p>{html.escape(part.task.capitalize())}."
        if row["state"] != "right":
            body += f"{head} Section {part.section} of the notebook explains it.</p>\n{text}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}: {points}</title><style>{STYLE}</style></head>
<body>
<h1>{name}</h1>
<p><strong>{points}.</strong> Each function is tested alone.</p>
{body}</body>
</html>
"""


def _table(columns, rows):
    rows = [[_cell(column, "th") for column in columns], *(map(_cell, row) for row in rows)]
    lines = "".join(f"<tr>{''.join(cells)}</tr>\n" for cells in rows)
    return f"<table>\n{lines}</table>\n"


def _cell(content, tag="td"):
    """Return an HTML element with a number, a text or a list of texts."""
    if isinstance(content, (int, float)):
        return f'<{tag} class="number">{content:g}</{tag}>'
    if isinstance(content, str):
        return f"<{tag}>{html.escape(content)}</{tag}>"
    return f"<{tag}><ul>{''.join(_cell(text, 'li') for text in content)}</ul></{tag}>"


def gradescope(result):
    """Return the content of Gradescope's results.json, with one test for each aspect of each part."""
    tests = []
    for number, row in enumerate(result["parts"], 1):
        check = [f"check_net: {sentence}" for sentence in row["check"]]
        for place, (aspect, score, full, wrong) in enumerate(row["aspects"], 1):
            output = [] if score >= full else wrong + check
            check = [] if output else check  # shown once for each part
            test = {"name": f"{row['part'].name}: {aspect}", "number": f"{number}.{place}", "score": score}
            test |= {"max_score": full, "status": "passed" if score >= full else "failed", "output": "\n".join(output)}
            tests.append({**test, "output_format": "text", "visibility": "visible"})
    output = "\n".join([f"State: {result['state']}", *result["remarks"]])
    head = {"score": result["total"], "execution_time": result["seconds"], "output": output}
    return {**head, "output_format": "text", "stdout_visibility": "hidden", "tests": tests}


def classroom50(result):
    """Return the content of Classroom 50's result.json, with one test for each part.

    Its scores are whole numbers. So the points of each part are rounded down.
    """
    tests = []
    for row in result["parts"]:
        score = {"score": int(row["gained"]), "max-score": int(row["full"])}
        output = [f"{aspect}: {text}" for aspect, _, _, wrong in row["aspects"] for text in wrong]
        tests.append({"test-name": row["part"].name, "passed": row["state"] == "right", **score, "output": output})
    variables = {"classroom": "CLASSROOM", "assignment": "ASSIGNMENT", "submission": "SUBMISSION_TAG"}
    variables |= {"commit": "COMMIT_URL", "release": "RELEASE_URL", "review": "REVIEW_URL"}
    head = {name: os.environ.get(variable, "") for name, variable in variables.items()}  # set by the runner
    head |= {"review": head["review"] or head["commit"], "schema": "classroom50/result/v1"}
    head |= {key: sum(test[key] for test in tests) for key in ("score", "max-score")}
    return {**head, "datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "tests": tests}
