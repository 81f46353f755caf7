"""Tests of the public workflow and of Binder: commands and versions of Python."""

import re

import pytest
from conftest import ROOT

yaml = pytest.importorskip("yaml")
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))["jobs"]


def commands(name):
    return [step["run"] for step in JOBS[name]["steps"] if "run" in step]


@pytest.mark.parametrize("name", JOBS)
def test_commands_exist(name):
    """Each job runs tests. Targets of make and lists of packages exist. Versions are texts: 3.10 is not 3.1."""
    targets = re.findall(r"^([\w./-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in commands(name):
        program, *rest = line.split()
        assert program != "make" or set(rest) <= set(targets)
        assert all((ROOT / file).exists() for file in re.findall(r"-r (\S+)", line))
    assert any(re.search("make test|pytest", line) for line in commands(name))
    (setup,) = [step["with"] for step in JOBS[name]["steps"] if "setup-python" in step.get("uses", "")]
    assert list(ROOT.glob(setup["cache-dependency-path"]))
    pythons = JOBS[name].get("strategy", {}).get("matrix", {}).get("python", [])
    assert all(isinstance(python, str) for python in pythons)


def test_windows_runs_the_documented_commands():
    """Windows has no make. docs/platforms.md has the commands, with the name that Python has there."""
    page = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
    documented = re.findall(r"^    (py -m venv .*|\.venv\\Scripts\\.*)", page, re.MULTILINE)
    ran = [line.replace("python -m venv", "py -m venv") for line in commands("windows")]
    assert len(documented) >= 5 and ran[:2] == documented[:2] and not any("make" in line for line in ran)
    assert {line for line in ran if "optional" not in line} <= set(documented)


def test_binder_has_a_tested_python():
    """Binder's Python is one of the tested versions. It gets the packages of requirements.txt."""
    tested = JOBS["linux-macos"]["strategy"]["matrix"]["python"]
    runtime = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert runtime.removeprefix("python-") in tested
    lines = (ROOT / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["-r ../requirements.txt"]
