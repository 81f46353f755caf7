"""Makes the zip that Gradescope asks for: ``setup.sh``, ``run_autograder`` and the grader."""

import re
import secrets
import zipfile

from exercise.make.homework import ROOT
from files import atomic_write

FILES = ("checks.py", "files.py", "gradient_check.py", "tables.py", "classifiers/__init__.py", "classifiers/layers.py")
FILES += ("classifiers/sgd.py", "diagnosis/*.py", "exercise/*.py", "exercise/grade/*.py")
# Gradescope runs this once, when it builds the container. Only this needs a network.
SETUP = """\
#!/usr/bin/env bash
set -e
apt-get update
apt-get install -y python3 python3-venv
python3 -m venv /autograder/venv
/autograder/venv/bin/pip install -r /autograder/source/requirements.txt
"""
# Gradescope stops after 10 minutes, and then shows nothing.
RUN = """\
#!/usr/bin/env bash
# Grades submission/ and writes results/results.json, also if grading fails.
here="$(cd "$(dirname "$0")" && pwd)"
python="$here/venv/bin/python"
[ -x "$python" ] || python=python3
out="$(mktemp -d)"
cd "$here/source"
timeout 540 "$python" -B -m exercise.grade "$here/submission" --single --seed SEED --csv "$out/grades.csv" --json "$out"
mkdir -p "$here/results"
cp "$out"/*/results.json "$here/results/results.json" ||
    echo '{"score": 0, "output": "The grader failed. Tell your teacher"}' > "$here/results/results.json"
"""


def make_gradescope(path):
    """Write the zip. It has the solution, which the grader's limits hide from submissions."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    wanted = "".join(re.findall(r"(?m)^(?:numpy|psutil|tqdm)\b.*\n", text))
    run = RUN.replace("SEED", str(secrets.randbelow(10**6)))  # of the hidden cases
    files = {"setup.sh": SETUP, "run_autograder": run, "requirements.txt": wanted}
    sources = [source for pattern in FILES for source in sorted(ROOT.glob(pattern))]
    files |= {source.relative_to(ROOT).as_posix(): source.read_text(encoding="utf-8") for source in sources}
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
