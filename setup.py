"""Builds a wheel in which the lab is one package, ``two_layer_net_lab``.

In this folder, the modules import each other by short names such as ``checks`` or ``datasets``. In
site-packages these names would clash with those of other projects. So the modules of the wheel
import ``two_layer_net_lab.checks`` instead.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKAGE = "two_layer_net_lab"
FOLDER = Path(__file__).resolve().parent
FOLDERS = ("classifiers", "datasets", "diagnosis")
MODULES = ("checks", "data_utils", "files", "gradient_check", "tables", "vis_utils")
NAMES = "|".join((*FOLDERS, *MODULES))


def needed():
    """Return what an import of the lab needs: the first groups of requirements.txt, up to the notebook's."""
    lines, _, _ = (FOLDER / "requirements.txt").read_text(encoding="utf-8").partition("# Notebook")
    return [line.partition("#")[0].strip() for line in lines.splitlines() if line and line[0] != "#"]


class BuildPackage(build_py):
    """Copies the modules into one package, and puts the name of the package into their imports."""

    def run(self):
        if self.editable_mode:
            raise SystemExit("The lab cannot be installed with -e. Put its folder on PYTHONPATH instead")
        shutil.rmtree(Path(self.build_lib, PACKAGE), ignore_errors=True)  # files that the lab no longer has
        files = [path for name in FOLDERS for path in (FOLDER / name).rglob("*.py")]
        for path in [*files, *(FOLDER / f"{name}.py" for name in MODULES)]:
            target = Path(self.build_lib, PACKAGE, path.relative_to(FOLDER))
            target.parent.mkdir(parents=True, exist_ok=True)
            source = re.sub(
                rf"^( *from )(?=({NAMES})\b)", rf"\1{PACKAGE}.", path.read_text(encoding="utf-8"), flags=re.M
            )
            source = re.sub(rf"^( *)(?=import ({NAMES})$)", rf"\1from {PACKAGE} ", source, flags=re.M)
            target.write_text(source, encoding="utf-8")
        Path(self.build_lib, PACKAGE, "py.typed").touch()


setup(packages=[PACKAGE], package_dir={PACKAGE: "."}, install_requires=needed(), cmdclass={"build_py": BuildPackage})
