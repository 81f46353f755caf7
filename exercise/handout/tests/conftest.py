"""Reads the cases. After the tests it prints the points of each function."""

from pathlib import Path

from exercise import parts
from exercise.cases import load_cases
from exercise.judge import points

CASES = list(zip(*load_cases(Path(parts.__file__).with_name("visible.npz")), strict=True))
PARTS = {part.name: part for part in parts.PARTS}


def pytest_terminal_summary(terminalreporter):
    """Print the points of each function that was tested."""
    verdicts = {name: [] for name in PARTS}
    for outcome, verdict in (("passed", ""), ("failed", "wrong")):
        for report in terminalreporter.getreports(outcome):
            for key, number in report.user_properties:
                if key == "case":
                    case = CASES[number][0]
                    verdicts[case.part].append((case, verdict))
    terminalreporter.write_sep("=", "points so far, in the visible cases")
    total = 0.0
    for name, tried in verdicts.items():
        gained = points(PARTS[name], tried)
        total += sum(gained.values())
        terminalreporter.write_line(f"{name:<15}{describe(PARTS[name], gained) if tried else 'not tried'}")
    full = sum(sum(part.points.values()) for part in PARTS.values())
    terminalreporter.write_line(f"{'total':<15}{total:>6g} of {full:g}")


def describe(part, gained):
    """Say how many points a function has, and which aspects are still wrong."""
    lacking = [aspect for aspect, full in part.points.items() if gained[aspect] < full]
    text = f"{round(sum(gained.values()), 2):>6g} of {sum(part.points.values()):g}"
    return text + (f"   still wrong: {', '.join(lacking)}" if lacking else "")
