"""Tests of annotations: a type checker accepts the code of README.md and docs/, and refuses wrong calls."""

import pytest
from conftest import ROOT
from test_docs import blocks

api = pytest.importorskip("mypy.api")
MISTAKES = """
TwoLayerNet(3072, "200", 10)
net.train(X_train, y_train, learning_rate="fast")
net.save(3)
"""


@pytest.mark.xdist_group("mypy")
def test_code_of_the_pages(tmp_path, monkeypatch):
    """Only the wrong calls at the end are errors."""
    pages = [ROOT / "README.md", ROOT / "docs" / "sweep.md", ROOT / "docs" / "tools.md"]
    code = "\n".join(block for page in pages for block in blocks(page.read_text(encoding="utf-8")))
    (tmp_path / "pages.py").write_text(code + MISTAKES, encoding="utf-8")
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    options = ("--follow-imports=silent", "--ignore-missing-imports", "--cache-dir", str(ROOT / ".mypy_cache"))
    options += ("--disable-error-code=import-untyped", "--no-error-summary", "--allow-redefinition")
    printed, errors, _ = api.run([*options, str(tmp_path / "pages.py")])
    found = [line.partition(":")[2].partition(":") for line in printed.splitlines() if ": error:" in line]
    first = code.count("\n") + 2
    assert [int(line) for line, _, _ in found] == [first, first + 1, first + 2], printed + errors
