"""Executes two_layer_net.ipynb without a browser, and writes the report build/two_layer_net.html."""

import sys

if not sys.version_info >= (3, 10):  # the rest of this file fails with an older version
    sys.exit("run_notebook.py needs Python 3.10 or newer. This is Python {}.{}.".format(*sys.version_info[:2]))

import argparse
import html
import io
import logging
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
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert import HTMLExporter
except ImportError as error:
    sys.exit(f"{error}. Call `make run`, or install requirements.txt for {sys.executable}.")
except KeyboardInterrupt:
    sys.exit("Interrupted.")

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "two_layer_net.ipynb"
NO_ALT = "No description has been provided for this image"  # nbconvert's text
# Long lines break at spaces. Code that a cell shows has the font of code.
STYLE = """<style>.jp-OutputArea-output pre { word-break: normal; font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size); }</style>"""
# The template leaves out nbconvert's scripts, because they would be loaded from the internet. The
# report does not need them: the notebook's formulas are plain text.
TEMPLATE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""
NO_MEMORY = "probably because memory is full: close other programs, or lower the numbers in the cell tagged parameters."


class LabClient(NotebookClient):
    """Client that executes a notebook with this Python and shows the cells' output at once."""

    def create_kernel_manager(self):
        """Use the kernel of this Python. Ignore the notebook's kernel and the user's kernels."""
        specs = KernelSpecManager(kernel_dirs=[])  # without folders, "python3" means this Python
        self.km = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
        return self.km

    def output(self, outs, msg, display_id, cell_index):
        recorded = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return recorded


def execute(notebook, folder=HERE):
    """Run all cells of a notebook in order, and print the running cell's first line and output.

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
    code_cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for i in code_cells:
        notebook.cells[i].update(outputs=[], execution_count=None)

    def announce(cell, cell_index):
        if cell_index in code_cells:
            first_line = cell.source.partition("\n")[0]
            print(f"\n[{code_cells.index(cell_index) + 1}/{len(code_cells)}] {first_line}", flush=True)

    client = LabClient(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        extra_arguments=["--log-level=CRITICAL"],  # the errors of cells are still reported
        on_cell_start=announce,
        coalesce_streams=True,  # keep only the last state of a progress bar
        record_timing=False,  # with times, each stored run would differ
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as private, warnings.catch_warnings():
        # zmq warns of Windows' event loop, but works with it.
        warnings.filterwarnings("ignore", "Proactor event loop", RuntimeWarning)
        with client.setup_kernel(env=_environment(private)):
            _run_cells(client)


def _environment(private):
    """Return the kernel's environment variables.

    With these, neither the user's settings nor a read-only home folder change the run.
    """
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": private,
    }


def _run_cells(client):
    """Run the cells in order. After Ctrl-C, ignore another Ctrl-C until the kernel has ended."""
    notebook, spec = client.nb, client.km.kernel_spec
    notebook.metadata.kernelspec = {"display_name": spec.display_name, "language": "python", "name": "python3"}
    try:
        reply = client.wait_for_reply(client.kc.kernel_info())
        notebook.metadata.language_info = reply["content"]["language_info"]
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise


def find_pictures(notebook):
    """Return the pictures of the cells that are tagged ``picture:NAME``.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        An executed notebook.

    Returns
    -------
    dict of str to bytes
        Maps NAME to the picture as PNG.

    Raises
    ------
    ValueError
        If such a cell does not have exactly one picture.
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


def save_pictures(notebook, folder):
    """Write the picture of each cell that is tagged ``picture:NAME`` to NAME.png, for README.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        An executed notebook.
    folder : Path
        The folder of the files. It is made if it is missing.

    Raises
    ------
    ValueError
        If such a cell does not have exactly one picture. Nothing is written.
    """
    pictures = find_pictures(notebook)
    folder.mkdir(exist_ok=True)
    for name, png in pictures.items():
        (folder / f"{name}.png").write_bytes(png)


def render(notebook):
    """Return a notebook as HTML that loads nothing. A cell's ``alt`` describes its picture."""
    exporter = HTMLExporter(raw_template=TEMPLATE)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": "The two-layer net"}})
    body = body.replace("</head>", f"{STYLE}</head>", 1)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                alt = f'alt="{html.escape(cell.metadata.get("alt", NO_ALT))}"'
                body = body.replace(f'alt="{NO_ALT}"', alt, 1)
    return body


def _explain(error):
    """Return one sentence that says why the run ended. If a cell raised, show where."""
    if isinstance(error, KeyboardInterrupt) or getattr(error, "ename", None) == "KeyboardInterrupt":
        return "Interrupted."
    if isinstance(error, CellExecutionError):
        if error.ename == "SystemExit":  # the first cell's message if the notebook cannot run
            return error.evalue
        if not error.ename.endswith("MemoryError"):
            return str(error)
        error = ": ".join(filter(None, [error.ename, error.evalue]))
    elif not isinstance(error, DeadKernelError):
        return f"The kernel did not start: {error}."
    return f"{error}, {NO_MEMORY}"


def run(folder, inplace):
    """Execute the notebook and write the report.

    Parameters
    ----------
    folder : Path
        The folder of ``build/``.
    inplace : bool
        Whether to store the outputs in the notebook and the pictures in docs/*.png.

    Raises
    ------
    SystemExit
        If the notebook does not run to its end, or if a picture is missing. In the first case, the
        report holds the cells that ran. In the second case, nothing is written.
    OSError
        If a file cannot be written.
    """
    report = folder.absolute() / "build" / NOTEBOOK.with_suffix(".html").name
    report.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=report.parent).close()  # fails now if the report cannot be written
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    try:
        execute(notebook, folder)
        find_pictures(notebook)
    except ValueError as error:
        sys.exit(f"\nNothing is written: {error}.")
    except (CellExecutionError, KeyboardInterrupt, RuntimeError) as error:
        report.write_text(render(notebook), encoding="utf-8")
        sys.exit(f"\n{_explain(error)}\nThe report up to this point is {report}")
    if inplace:
        whole = NOTEBOOK.with_suffix(".part")  # if the disk is full, the stored notebook stays
        nbformat.write(notebook, whole)
        os.replace(whole, NOTEBOOK)
        save_pictures(notebook, HERE / "docs")
    report.write_text(render(notebook), encoding="utf-8")
    print(f"\nThe report is {report}")


def main():
    """Run the notebook with the options of the command line. Exit with status 1 on failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE, help="folder that gets build/ (default: this one)")
    parser.add_argument("--inplace", action="store_true", help="also store outputs in the notebook, and docs/*.png")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Windows' code pages lack a progress bar's blocks
    args = parser.parse_args()
    for name in ("asyncio", "traitlets"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported below, once
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the kernel too, as after Ctrl-C
    try:
        run(args.output, args.inplace)
    except KeyboardInterrupt:
        sys.exit("Interrupted.")
    except OSError as error:
        advice = " `run_notebook.py --output FOLDER` writes to another folder." if error.filename else ""
        sys.exit(f"{error}.{advice}")


if __name__ == "__main__":
    main()
