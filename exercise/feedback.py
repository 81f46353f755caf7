"""Feedback on a graded submission: a page for its student, and the format of Gradescope."""

import json
from html import escape

STATES = {
    "right": "right",
    "partly": "partly right",
    "wrong": "wrong",
    "error": "stops with an error",
    "not written": "not written yet",
    "missing": "missing",
    "unreadable": "cannot be read",
    "timeout": "takes too long",
    "memory": "needs too much memory",
    "ended": "ends the program",
}
STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; }
td, th { padding: .2em 1em .2em 0; text-align: left; vertical-align: top; }
td.points { text-align: right; white-space: nowrap; }
h2 { margin-top: 2em; border-bottom: 1px solid #ccc; }
li { overflow-wrap: anywhere; }
.full { color: #176117; }
"""


def make_page(result):
    """Return a page of HTML for a student: points of each part and aspect, and what is wrong. It holds no solution.

    Parameters
    ----------
    result : dict
        What `grade.Grader.grade` returns.

    Returns
    -------
    str
    """
    name, total = escape(result["submission"]), result["total"]
    full = sum(part["full"] for part in result["parts"])
    rows = "".join(
        f'<tr><td><a href="#{part["name"]}">{part["name"]}</a></td><td class="points">{part["points"]:g} of '
        f"{part['full']:g}</td><td>{STATES.get(part['state'], part['state'])}</td></tr>\n"
        for part in result["parts"]
    )
    problem = f"<p>{escape(result['state'])}</p>\n" if result["state"].startswith("unreadable") else ""
    sections = "" if problem else "".join(_make_section(part) for part in result["parts"])
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n<p>{total:g} of {full:g} points</p>\n{problem}"
        f"<table>\n{rows}</table>\n{sections}</body>\n</html>\n"
    )


def _make_section(part):
    """Write the points of each aspect of a part, and the sentences."""
    lines = [f'<h2 id="{part["name"]}">{part["name"]}: {part["points"]:g} of {part["full"]:g}</h2>\n']
    if part["message"]:
        lines.append(f"<p>{escape(part['message'])}</p>\n")
    if part["findings"]:
        lines.append("<p>What <code>check_net</code> says of a net with your function:</p>\n")
        lines.append(_make_list(part["findings"]))
    for aspect in part["aspects"]:
        whole = ' class="full"' if aspect["points"] == aspect["full"] else ""
        lines.append(f"<p{whole}>{escape(aspect['name'])}: {aspect['points']:g} of {aspect['full']:g}</p>\n")
        lines.append(_make_list(aspect["wrong"]))
    return "".join(lines)


def _make_list(sentences):
    return f"<ul>\n{''.join(f'<li>{escape(text)}</li>' + chr(10) for text in sentences)}</ul>\n" if sentences else ""


def to_gradescope(result):
    """Return a result as the text of Gradescope's ``results.json``: a test for each aspect of each part.

    Parameters
    ----------
    result : dict
        What `grade.Grader.grade` returns.

    Returns
    -------
    str

    References
    ----------
    Gradescope's documentation of autograders, "Output format".
    """
    tests = []
    for part in result["parts"]:
        aspects = part["aspects"] or [{"name": "", "full": part["full"], "points": 0.0, "wrong": [part["message"]]}]
        for aspect in aspects:
            sentences = [*part["findings"], *aspect["wrong"]] if aspect["wrong"] else []
            tests.append(
                {
                    "name": f"{part['name']}: {aspect['name']}".removesuffix(": "),
                    "score": aspect["points"],
                    "max_score": aspect["full"],
                    "status": "passed" if aspect["points"] == aspect["full"] else "failed",
                    "output": "\n".join(filter(None, sentences)),
                    "output_format": "text",
                    "visibility": "visible",
                }
            )
    head = {"score": result["total"], "execution_time": round(result["seconds"]), "output": result["state"]}
    return json.dumps({**head, "tests": tests}, indent=1)
