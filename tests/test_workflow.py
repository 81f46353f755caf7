"""Tests of the public workflow and of Binder: commands, rights, time limits and versions of Python."""

import itertools
import re

import pytest
from conftest import ROOT

yaml = pytest.importorskip("yaml")
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def commands(name):
    return [step["run"] for step in JOBS[name]["steps"] if "run" in step]


def test_matrix():
    """Linux has all Pythons, macOS and Windows have two. Versions are texts: 3.10 is not 3.1."""
    linux, windows = (JOBS[name]["strategy"]["matrix"] for name in ("linux-macos", "windows"))
    pairs = list(itertools.product(linux["os"], linux["python"]))
    pairs += [(one["os"], one["python"]) for one in linux["include"]]
    assert [python for system, python in pairs if system == "ubuntu-latest"] == PYTHONS
    assert [python for system, python in pairs if system == "macos-latest"] == [PYTHONS[0], PYTHONS[-1]]
    assert windows["python"] == [PYTHONS[0], PYTHONS[-1]]


def test_rights_and_limits():
    """The workflow may only read the repository. Each job has a time limit and runs to its end."""
    assert WORKFLOW["permissions"] == {"contents": "read"} and not any("permissions" in job for job in JOBS.values())
    assert all(0 < job["timeout-minutes"] <= 60 for job in JOBS.values())
    assert all(job["strategy"]["fail-fast"] is False for job in JOBS.values() if "strategy" in job)
    assert set(WORKFLOW[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` as true


@pytest.mark.parametrize("name", JOBS)
def test_commands_exist(name):
    """Each job runs tests. Targets of make and lists of packages exist."""
    targets = re.findall(r"^([\w./-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in commands(name):
        program, *rest = line.split()
        assert program != "make" or set(rest) <= set(targets)
        assert all((ROOT / file).exists() for file in re.findall(r"-r (\S+)", line))
    assert any(re.search("make test|pytest", line) for line in commands(name))
    (setup,) = [step["with"] for step in JOBS[name]["steps"] if "setup-python" in step.get("uses", "")]
    assert list(ROOT.glob(setup["cache-dependency-path"]))


def test_windows_runs_the_documented_commands():
    """Windows has no make. docs/platforms.md has the commands, with the name that Python has there."""
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    documented = re.findall(r"^    (py -m venv .*|\.venv\\Scripts\\.*)", page, re.MULTILINE)
    ran = [line.replace("python -m venv", "py -m venv") for line in commands("windows")]
    assert len(documented) >= 5 and ran[:2] == documented[:2] and not any("make" in line for line in ran)
    assert {line for line in ran if "optional" not in line} <= set(documented)


def test_binder_has_a_pinned_python():
    """Binder's Python is one of the tested versions. It gets the packages of requirements.txt."""
    assert (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip() in [f"python-{n}" for n in PYTHONS]
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["-r ../requirements.txt"]
