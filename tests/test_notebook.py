"""Tests of the notebook, of its stored outputs, of its report and of run_notebook.py."""

import ast
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import nbformat
import psutil
import pytest
from conftest import ROOT, posix, run_python
from nbclient.exceptions import CellExecutionError

import run_notebook
from run_notebook import NOTEBOOK, execute, find_pictures, render

# Replaces the cell tagged "parameters", for the folder of the fixture `cifar10_of_the_notebook`.
TINY = """
quick = True
num_training, num_validation, num_test = 80, 20, 20
default_iters = 30
sweep_hidden, sweep_iters = [2, 3], [1, 2]
sweep_journal = "JOURNAL"
final_sizes, step_epochs, final_epochs = (200, 20, 20), 2, 2
"""


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def find_parameters(notebook):
    """Return the cell tagged "parameters"."""
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    return cell


def make_tiny(notebook, journal="sweep.jsonl"):
    """Make a notebook run in seconds on tiny data. It sets the same names as before."""
    cell, names = find_parameters(notebook), [{}, {}]
    for source, found in zip((cell.source, TINY), names, strict=True):
        exec(source, found)
    assert names[0].keys() == names[1].keys()
    cell.source = TINY.replace("JOURNAL", journal)


def test_stored_counts_and_outputs(notebook):
    """Counts are 1..n. There is no error and no output on stderr. The file is smaller than 3 MB."""
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert NOTEBOOK.stat().st_size < 3e6


class Page(HTMLParser):
    """A page: the addresses that it loads, apart from links to click on, and the descriptions of its images."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.alts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        names = ("src", "srcset", "poster", "data", "href") if tag != "a" else ()
        self.loaded += [value for name, value in attrs if name in names]
        self.alts += [dict(attrs).get("alt")] if tag == "img" else []


def test_report_describes_its_pictures_and_loads_nothing(notebook):
    """Each picture has its cell's description, for readers who cannot see it. No script could load more.

    No formula has a mistake.
    """
    cells = [cell for cell in code_cells(notebook) if any("image/png" in out.get("data", ()) for out in cell.outputs)]
    alts = [cell.metadata.alt for cell in cells]
    assert len(alts) >= 8 and all(alts)
    cells[0].metadata.alt = alts[0] = 'A "<b>" & more'  # is escaped
    del cells[1].metadata["alt"]
    alts[1] = "No description has been provided for this image"  # nbconvert's words
    body = render(notebook)
    page = Page(body)
    assert page.alts == alts
    assert len(page.loaded) >= 8 and all(address.startswith("data:") for address in page.loaded)
    assert "<script" not in body and "math-core-error" not in body
    assert not re.search(r"@import|url\(['\"]?(?!data:|#)", body)


def test_formulas():
    """LaTeX becomes MathML. Code stays code. If a formula has a mistake, its source stays visible."""
    expected = {
        "so $p < x$ is": "<p>so <math><mi>p</mi><mo>&lt;</mo><mi>x</mi></math> is</p>",
        "$$\nx\n$$": '<p><math display="block"><mi>x</mi></math></p>',
        r"\begin{cases} x \end{cases}": '<p><math display="block"><mrow><mo',
        "a <b>b</b>": "<p>a <b>b</b></p>",
        "a `$x$` b": "<p>a <code>$x$</code> b</p>",
        "    $y$": "<pre><code>$y$",
        r"so $p < \nonsense$ is": r"<code>p &lt; \nonsense</code></span> is</p>",
    }
    body = render(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text) for text in expected]))
    assert [html for html in expected.values() if html not in body] == []


def test_notebook_runs_on_tiny_data(notebook, cifar10_of_the_notebook, monkeypatch, capsys, tmp_path):
    """Every cell runs in order on made-up images. Its output says which images they are."""
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_of_the_notebook))
    monkeypatch.delenv("DATA", raising=False)
    make_tiny(notebook)
    execute(notebook, tmp_path)
    assert (tmp_path / "sweep.jsonl").is_file()  # cells write into their working directory
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    printed = capsys.readouterr().out
    assert "last loss 0.017143643532924" in printed
    assert re.search(r"test accuracy 0\.\d+ .*files that differ from the official ones", printed)
    assert all((ROOT / "docs" / f"{name}.png").exists() for name in find_pictures(notebook))


def test_sizes(notebook):
    """The full search is the published one. The quick tour has the same names, a smaller search and its own journal."""
    cell, full, quick = find_parameters(notebook), {}, {}
    exec(cell.source, full)
    exec(cell.source.replace("quick = False", "quick = True"), quick)
    assert not full["quick"] and quick["quick"] and full.keys() == quick.keys()
    assert full["sweep_hidden"] == [200, 500] and full["sweep_iters"] == [1000, 2000]
    assert max(quick["sweep_hidden"]) < 200 and full["sweep_journal"] != quick["sweep_journal"]


def test_quick_tour(notebook, real_cifar10, monkeypatch, tmp_path):
    """It runs on real images. No assert fails."""
    monkeypatch.setenv("CIFAR10_DIR", str(real_cifar10))
    cell = find_parameters(notebook)
    cell.source = cell.source.replace("quick = False", "quick = True")
    execute(notebook, tmp_path)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Return a function that stores a notebook for `main` to run, with old outputs and another kernel."""
    monkeypatch.setattr(run_notebook, "NOTEBOOK", tmp_path / "small.ipynb")
    monkeypatch.setattr(run_notebook, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["run_notebook.py", "--output", str(tmp_path), "--inplace"])
    before = signal.getsignal(signal.SIGTERM)

    def store(*sources, tags=()):
        """Store cells. The first one gets the tags."""
        old = [nbformat.v4.new_output("stream", text="stale output")]
        cells = [nbformat.v4.new_code_cell(source, outputs=old) for source in sources]
        cells[0].metadata.tags = list(tags)
        gone = {"name": "gone", "display_name": "Gone", "language": "python"}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": gone}), tmp_path / "small.ipynb")
        return tmp_path

    yield store
    signal.signal(signal.SIGTERM, before)


def read_report(folder):
    return (folder / "build" / "small.html").read_text(encoding="utf-8")


def test_report_of_a_run_that_fails(small):
    """The report has the error and the outputs before it, but no outputs of earlier runs."""
    folder = small("print('se' + 'ven')", "assert 7 > 8", "print('late')")
    with pytest.raises(SystemExit, match="AssertionError"):
        run_notebook.main()
    report = read_report(folder)
    assert "seven" in report and "AssertionError" in report and "stale output" not in report


def test_run_does_not_depend_on_the_environment(small, monkeypatch, tmp_path):
    """Settings of the user, other kernels, a read-only home and the encoding change nothing."""
    broken = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(json.dumps({"argv": ["/nonexistent"], "display_name": "broken", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    config = tmp_path / "ipython" / "profile_default" / "ipython_kernel_config.py"
    config.parent.mkdir(parents=True)
    config.write_text("c.InlineBackend.figure_formats = {'svg'}")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "nonsense")  # importing matplotlib would raise an error
    monkeypatch.setenv("HOME", "/dev/null/home")
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())  # else it warns of HOME
    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    (tmp_path / "docs").mkdir()
    draw = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]);"
    bar = "print('50%', end='\\r', flush=True)\nprint('100%')"
    small(draw, "import sys\nprint('\u2588', sys.executable)", bar, tags=["picture:x"])
    run_notebook.main()
    screen.flush()
    assert f"? {sys.executable}" in screen.buffer.getvalue().decode("cp1252")
    assert (tmp_path / "docs" / "x.png").read_bytes().startswith(b"\x89PNG")
    stored = nbformat.read(tmp_path / "small.ipynb", as_version=4)
    assert f"\u2588 {sys.executable}" in stored.cells[1].outputs[0].text
    assert [out.text for out in stored.cells[2].outputs] == ["100%\n"]  # the last state of a bar
    assert set(stored.cells[2].metadata) == set()  # no times, which differ from run to run


def test_missing_picture_is_an_error_before_anything_is_written(small):
    """The stored notebook, docs/ and the last report do not change."""
    folder = small("print('no picture')", tags=["picture:x"])
    paths = [folder / "docs" / "x.png", folder / "build" / "small.html", folder / "small.ipynb"]
    for path in paths[:2]:
        path.parent.mkdir()
        path.write_text("old")
    before = [path.read_bytes() for path in paths]
    with pytest.raises(SystemExit, match="picture:x must draw one picture as PNG, but it drew 0"):
        run_notebook.main()
    assert [path.read_bytes() for path in paths] == before


def test_two_pictures():
    """A tagged cell must have exactly one picture. README shows it."""
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cell = nbformat.v4.new_code_cell("", outputs=[picture], metadata={"tags": ["picture:x"]})
    assert find_pictures(nbformat.v4.new_notebook(cells=[cell])) == {"x": b"\x89PNG\r\n\x1a\n"}
    cell.outputs = 2 * [picture]
    with pytest.raises(ValueError, match="picture:x must draw one picture as PNG, but it drew 2"):
        find_pictures(nbformat.v4.new_notebook(cells=[cell]))


def test_kernel_that_dies(small, monkeypatch, capsys):
    """The message is about memory, and has no traceback. The report holds the cells that ran."""
    folder = small("print('fi' + 'rst')", "import os\nos.kill(os.getpid(), 9)", "print('un' + 'reached')")
    before = (folder / "small.ipynb").read_bytes()
    with pytest.raises(SystemExit, match=r"^\nKernel died\. Memory is probably full\. [^\n]*\nThe report up to"):
        run_notebook.main()
    assert "first" in read_report(folder) and "unreached" not in read_report(folder)
    assert (folder / "small.ipynb").read_bytes() == before
    assert "Traceback" not in capsys.readouterr().err


RUN = """
import sys
from pathlib import Path
import run_notebook

def render(notebook, render=run_notebook.render):
    print("rendering", flush=True)
    input()
    return render(notebook)

run_notebook.render = render
run_notebook.HERE = Path(sys.argv[2])
run_notebook.NOTEBOOK = run_notebook.HERE / "small.ipynb"
run_notebook.main()
"""


def start(folder):
    """Run the small notebook in a process of its own. It waits for a line before it writes the report."""
    pipe = subprocess.PIPE
    return run_python(RUN, "--output", folder, stdin=pipe, stderr=pipe, start_new_session=True)


def test_kernel_that_does_not_start(small):
    """The message is one sentence. The report holds the cells without outputs."""
    folder = small("print('fi' + 'rst')")
    (folder / "ipykernel_launcher.py").write_text("raise SystemExit(1)")  # hides the kernel's module
    process = start(folder)
    _, errors = process.communicate("\n")
    assert process.returncode == 1 and errors.startswith("\nThe kernel did not start: ")
    assert len(errors.splitlines()) == 3 and "Traceback" not in errors and "stale" not in read_report(folder)


@posix
@pytest.mark.parametrize("terminal", [True, False], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_run(small, terminal):
    """The kernel ends, and the report holds the cells that ran. Another Ctrl-C does not stop the report.

    Ctrl-C in a terminal goes to the kernel, too. SIGTERM, for example at the end of a batch job, does not.
    """
    folder = small("import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)")
    process = start(folder)
    pid = next(int(line.split()[1]) for line in process.stdout if line.startswith("pid "))
    os.killpg(process.pid, signal.SIGINT) if terminal else process.terminate()
    assert "rendering\n" in process.stdout
    assert not psutil.pid_exists(pid)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate("\n")
    assert process.returncode == 1
    assert errors == f"\nInterrupted.\nThe report up to this point is {folder / 'build' / 'small.html'}\n"
    assert f"pid {pid}" in read_report(folder)


@pytest.mark.parametrize(
    "error, message",
    [
        (("MemoryError", ""), "MemoryError. Memory is probably full."),
        (("_ArrayMemoryError", "Unable to allocate"), "_ArrayMemoryError. Memory is probably full."),
        (("SystemExit", "clone the repository"), "clone the repository"),
        (("KeyboardInterrupt", ""), "Interrupted."),
        (("ValueError", "seven"), "a long traceback"),
    ],
)
def test_explanation(error, message):
    """One or two sentences replace the traceback if the traceback does not help."""
    assert run_notebook.explain(CellExecutionError("a long traceback", *error)).startswith(message)


@pytest.mark.parametrize("name", ["folder", "folder/build", "folder/build/small.html/x"])
def test_report_that_cannot_be_written(small, monkeypatch, tmp_path, capsys, name):
    """The error comes before the notebook runs, and says what to do."""
    small("raise AssertionError")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    monkeypatch.setattr(sys, "argv", ["run_notebook.py", "--output", str(tmp_path / "folder")])
    with pytest.raises(SystemExit, match="folder.*--output FOLDER"):
        run_notebook.main()
    assert capsys.readouterr().out == ""


def test_run_without_inplace(small, monkeypatch, tmp_path):
    """Only the report is written."""
    before = (small("print('o' + 'ne')") / "small.ipynb").read_bytes()
    monkeypatch.setattr(sys, "argv", ["run_notebook.py", "--output", str(tmp_path)])
    run_notebook.main()
    assert "one" in read_report(tmp_path) and (tmp_path / "small.ipynb").read_bytes() == before


def test_long_lines():
    """By default nbconvert breaks words in long lines of outputs, and cuts long lines of code."""
    head = render(nbformat.v4.new_notebook()).partition("<body")[0]
    assert head.rindex(".jp-InputArea-editor { overflow: auto") > head.rindex(".jp-InputArea-editor {\n")
    assert head.rindex("word-break: normal") > head.rindex("word-break: break-all")


@pytest.mark.parametrize("name", ["nbformat", "nbclient"])
def test_jupyter_is_missing(name):
    """The import raises ImportError, as of any module. The command says what to install."""
    code = f"""
import runpy, sys
sys.modules[{name!r}] = None
try:
    import run_notebook
except ImportError:
    print("ImportError")
runpy.run_path({str(ROOT / "run_notebook.py")!r}, run_name="__main__")
"""
    process = run_python(code, stderr=subprocess.PIPE)
    printed, errors = process.communicate()
    assert process.returncode == 1 and printed == "ImportError\n"
    assert name in errors and "make run" in errors and "requirements.txt" in errors and "Traceback" not in errors


def first_cell(notebook):
    """Return the source of the first cell without IPython's command."""
    source = code_cells(notebook)[0].source
    assert source.endswith("\n%matplotlib inline")  # also if MPLBACKEND names another backend
    return source.removesuffix("%matplotlib inline")


def test_old_python_gets_a_message(notebook, monkeypatch):
    """The message comes before syntax or an import that fails."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    for source in ((ROOT / "run_notebook.py").read_text(encoding="utf-8"), first_cell(notebook)):
        ast.parse(source, feature_version=(3, 7))
        with pytest.raises(SystemExit, match=r"needs Python 3\.10 or newer"):
            exec(source, {"__name__": "__main__"})


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("python", ["false", "no-such-python"])
def test_make_needs_a_new_python(python, tmp_path):
    """An old Python (the check returns 1) and a missing Python are refused."""
    for name in ("Makefile", "requirements.txt", "requirements-oldest.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for target in ("run", "test-oldest"):
        command = ["make", "-C", str(tmp_path), target, f"PYTHON={python}"]
        made = subprocess.run(command, capture_output=True, text=True)
        assert made.returncode and f"needs Python 3.10 or newer, but {python} is older or missing" in made.stdout
        assert "venv" not in made.stdout.replace(str(tmp_path), "")


@pytest.mark.parametrize("place", ["lab", "lab/tests", ".", "elsewhere"])
def test_first_cell_finds_the_modules(notebook, place, tmp_path, monkeypatch):
    """It looks in the working directory, above, one level below, and beside VS Code's notebook."""
    (tmp_path / "lab" / "classifiers").mkdir(parents=True)
    (tmp_path / "lab" / "classifiers" / "layers.py").touch()
    (tmp_path / "lab" / "tests").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / place)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path and Path(path).resolve() != ROOT])
    names = {"__vsc_ipynb_file__": str(tmp_path / "lab" / "two_layer_net.ipynb")} if place == "elsewhere" else {}
    exec(first_cell(notebook), names)
    assert sys.path[0] == str((tmp_path / "lab").resolve())


def test_first_cell_without_modules(notebook, tmp_path, monkeypatch):
    """If the notebook has no modules beside it, one sentence says what to do."""
    (tmp_path / "cs231n" / "classifiers").mkdir(parents=True)  # of another lab
    (tmp_path / "cs231n" / "classifiers" / "neural_net.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path and Path(path).resolve() != ROOT])
    with pytest.raises(SystemExit, match="clone the repository"):
        exec(first_cell(notebook), {})
