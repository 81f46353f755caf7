"""Tests of the public workflow: its commands, its rights, its time limits and its matrix."""

import itertools
import re
from pathlib import Path

import pytest

import tasks

ROOT = Path(__file__).resolve().parents[1]
yaml = pytest.importorskip("yaml")
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def combinations(job):
    """Return the (system, Python) pairs of a job."""
    matrix = dict(job.get("strategy", {}).get("matrix", {}))
    more = matrix.pop("include", [])
    chosen = [dict(zip(matrix, values, strict=True)) for values in itertools.product(*matrix.values())] + more
    (version,) = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    system = job["runs-on"]
    return {
        (choice["os"] if "matrix.os" in system else system, choice["python"] if "matrix.python" in version else version)
        for choice in chosen
    }


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


def test_matrix():
    """Linux has all Pythons, macOS and Windows have two. Versions are texts: 3.10 is not 3.1."""
    pairs = set().union(*map(combinations, JOBS.values()))
    assert {python for system, python in pairs if system == "ubuntu-latest"} == set(PYTHONS)
    for system in ("macos-latest", "windows-latest"):
        assert {python for name, python in pairs if name == system} == {PYTHONS[0], PYTHONS[-1]}
    assert all(isinstance(python, str) for _, python in pairs)


def test_rights_and_limits():
    """The workflow may only read the repository. Each job has a time limit and runs to its end."""
    assert WORKFLOW["permissions"] == {"contents": "read"} and not any("permissions" in job for job in JOBS.values())
    assert all(0 < job["timeout-minutes"] <= 60 for job in JOBS.values())
    assert all(job["strategy"]["fail-fast"] is False for job in JOBS.values() if "strategy" in job)
    assert set(WORKFLOW[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` as true


@pytest.mark.parametrize("name", JOBS)
def test_commands_exist(name):
    """Targets of make, tasks of tasks.py and lists of packages exist. Windows does not use make."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([\w./-]+):(?!=)", text, re.MULTILINE)
    lines = commands(JOBS[name])
    for line in lines:
        program, *rest = line.split()
        if program == "make":
            assert JOBS[name]["runs-on"] != "windows-latest" and set(rest) <= set(targets)
        elif rest[0] == "tasks.py":
            assert rest[1] in tasks.TASKS
        else:
            assert re.fullmatch(r"\.venv[/\\](bin|Scripts)[/\\]pip|google-chrome", program)
        assert all((ROOT / file).exists() for file in re.findall(r"-r (\S+)", line))
    assert any("test" in line for line in lines)


def test_special_jobs():
    """There are jobs for the oldest packages, the newest packages, the browser and Windows."""
    assert "make test-oldest" in commands(JOBS["oldest"])
    assert any("-U --upgrade-strategy eager" in line for line in commands(JOBS["newest"]))
    assert "make test-lab" in commands(JOBS["browser"])
    assert "python tasks.py test" in commands(JOBS["windows"])


@pytest.mark.parametrize("name", JOBS)
def test_packages_are_cached(name):
    """The cache depends on the lists of packages."""
    (setup,) = [step["with"] for step in JOBS[name]["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["cache"] == "pip" and list(ROOT.glob(setup["cache-dependency-path"]))


def test_binder_has_a_pinned_python():
    """Binder's Python is one of the tested versions. It gets the packages of requirements.txt."""
    runtime = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert runtime.removeprefix("python-") in PYTHONS and runtime.startswith("python-")
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if not line.startswith("#")]
    assert (ROOT / "binder" / line.removeprefix("-r ")).resolve() == ROOT / "requirements.txt"
