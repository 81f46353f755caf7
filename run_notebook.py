"""Executes two_layer_net.ipynb without a browser, and writes the report build/two_layer_net.html."""

import sys

if not sys.version_info >= (3, 10):  # the rest of this file fails with an older version
    sys.exit("run_notebook.py needs Python 3.10 or newer. This is Python {}.{}.".format(*sys.version_info[:2]))

import argparse
import io
import os
import signal
import tempfile
import warnings
from base64 import b64decode
from pathlib import Path

try:
    import nbformat
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from math_core import LatexToMathML
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    from files import atomic_write
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"{error}. Call `make run`, or install requirements.txt for {sys.executable}.")

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "two_layer_net.ipynb"
# The report leaves out nbconvert's scripts, because they would be loaded from the internet. A cell's
# `alt` describes its picture. Long lines break at spaces, and code that a cell shows has the font of
# code. In a narrow window, code and formulas scroll. On paper, code breaks.
TEMPLATE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<style>
.jp-OutputArea-output pre { word-break: normal;
  font-family: var(--jp-code-font-family); font-size: var(--jp-code-font-size); }
math { font-family: "Cambria Math", "STIX Two Math", "Latin Modern Math", "DejaVu Math TeX Gyre", math; }
p:has(math[display="block"]), .jp-InputArea-editor { overflow: auto hidden; }
@media print { .jp-InputArea-editor pre { white-space: pre-wrap; } .jp-RenderedHTMLCommon table { font-size: 10px; } }
</style>{% endblock %}
{% block data_png scoped %}
{{ super() | replace("<img", '<img alt="' ~ cell.metadata.alt | escape_html ~ '"' if cell.metadata.alt else "<img") }}
{% endblock %}
"""
MEMORY = "Memory is probably full. Close other programs, or lower the numbers in the cell tagged parameters."


class PrintingClient(NotebookClient):
    """Client that also prints what the cells print, at once."""

    def output(self, outs, msg, display_id, cell_index):
        recorded = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return recorded


def execute(notebook, folder=HERE):
    """Run all cells of a notebook in order, and print the running cell's first line and output.

    The cells run with this Python. Neither the user's kernels and settings nor a read-only home
    folder change the run.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced in place. After an error it holds the outputs up to the error.
    folder : Path
        Working directory of the cells, where they write their files. It does not change where
        modules are imported from.

    Raises
    ------
    CellExecutionError
        If a cell raises.
    RuntimeError
        If the kernel dies or does not start.
    """
    code_cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for _, cell in code_cells:
        cell.update(outputs=[], execution_count=None)
    specs = KernelSpecManager(kernel_dirs=[])  # without folders, "python3" means this Python
    client = PrintingClient(
        notebook,
        AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs),
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        extra_arguments=["--log-level=CRITICAL"],  # the errors of cells are still reported
        coalesce_streams=True,  # keep only the last state of a progress bar
        record_timing=False,  # with times, each stored run would differ
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as private, warnings.catch_warnings():
        # zmq warns of Windows' event loop, but works with it.
        warnings.filterwarnings("ignore", "Proactor event loop", RuntimeWarning)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": private,
        }
        with client.setup_kernel(cleanup_kc=True, env=environment):
            try:
                for number, (index, cell) in enumerate(code_cells, 1):
                    first_line = cell.source.partition("\n")[0]
                    print(f"\n[{number}/{len(code_cells)}] {first_line}", flush=True)
                    client.execute_cell(cell, index)
            except KeyboardInterrupt:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # the kernel must end before this process does
                raise


def find_pictures(notebook):
    """Return a dict of the pictures of the cells that are tagged ``picture:NAME``: NAME to PNG, as bytes.

    Raises ValueError if such a cell does not have exactly one picture.
    """
    pictures = {}
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", ()):
            if tag.startswith("picture:"):
                found = [out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", ())]
                if len(found) != 1:
                    raise ValueError(f"the cell tagged {tag} must draw one picture as PNG, but it drew {len(found)}")
                pictures[tag.removeprefix("picture:")] = b64decode(found[0])
    return pictures


class MathMLRenderer(IPythonRenderer):
    """Renderer of Markdown that writes formulas as MathML. If one has a mistake, it shows the LaTeX source."""

    latex = LatexToMathML(continue_on_error=True)

    def inline_math(self, body, displaystyle=False):
        return self.latex.convert_with_local_state(body, displaystyle=displaystyle)

    def block_math(self, body):
        return self.inline_math(body, displaystyle=True)

    def latex_environment(self, name, body):
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def render(notebook):
    """Return a notebook as HTML that loads nothing. A cell's ``alt`` describes its picture."""
    markdown = MarkdownWithMath(MathMLRenderer(escape=False))
    exporter = HTMLExporter(raw_template=TEMPLATE, filters={"markdown2html": markdown.render})
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": "The two-layer net"}})
    return body


def explain(error):
    """Return one or two sentences that say why the run ended. If a cell raised, show where."""
    name = getattr(error, "ename", type(error).__name__)
    if name == "KeyboardInterrupt":
        return "Interrupted."
    if name == "SystemExit":  # the first cell's message if the notebook cannot run
        return error.evalue
    if isinstance(error, DeadKernelError):
        return f"{error}. {MEMORY}"
    if name.endswith("MemoryError"):
        return f"{name}. {MEMORY}"
    return str(error) if isinstance(error, CellExecutionError) else f"The kernel did not start: {error}."


def run(folder, inplace):
    """Execute the notebook and write the report into ``folder/build/``.

    With `inplace`, the outputs are also stored in the notebook, and its pictures in docs/. If a cell
    fails or a picture is missing, SystemExit says why. In the first case, the report holds the cells
    that ran. In the second case, nothing is written. An OSError says what cannot be written.
    """
    report = folder.absolute() / "build" / NOTEBOOK.with_suffix(".html").name
    report.parent.mkdir(parents=True, exist_ok=True)
    report.open("ab").close()  # fails now if the report cannot be written
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    try:
        execute(notebook, folder)
        pictures = find_pictures(notebook)
    except ValueError as error:
        sys.exit(f"\nNothing is written: {error}.")
    except (CellExecutionError, KeyboardInterrupt, RuntimeError) as error:
        _write(report, render(notebook).encode())
        sys.exit(f"\n{explain(error)}\nThe report up to this point is {report}")
    if inplace:
        _write(NOTEBOOK, f"{nbformat.writes(notebook)}\n".encode())
        for name, png in pictures.items():
            _write(HERE / "docs" / f"{name}.png", png)
    _write(report, render(notebook).encode())
    print(f"\nThe report is {report}")


def _write(path, data):
    """Write a file whole or not at all: if the disk is full, the old one stays."""
    with atomic_write(path) as file:
        file.write(data)


def main():
    """Run the notebook with the options of the command line. Exit with status 1 on failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE, help="folder that gets build/ (default: this one)")
    parser.add_argument("--inplace", action="store_true", help="also store outputs in the notebook, and docs/*.png")
    args = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Windows' code pages lack a progress bar's blocks
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the kernel too, as after Ctrl-C
    try:
        run(args.output, args.inplace)
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
    except OSError as error:
        sys.exit(f"{error}. `run_notebook.py --output FOLDER` writes to another folder.")


if __name__ == "__main__":
    main()
