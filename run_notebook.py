"""Execute two_layer_net.ipynb without a browser and write the report build/two_layer_net.html."""

import argparse
import html
import os
import sys
from base64 import b64decode
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

HERE = Path(__file__).parent
NOTEBOOK = HERE / "two_layer_net.ipynb"
NO_ALT = "No description has been provided for this image"  # what nbconvert writes


class EchoingClient(NotebookClient):
    """Executes a notebook and shows what its cells print while they run."""

    def output(self, outs, msg, display_id, cell_index):
        if msg["msg_type"] == "stream":
            print(msg["content"]["text"], end="", flush=True)
        return super().output(outs, msg, display_id, cell_index)


def execute(notebook, folder=HERE):
    """Run all cells of a notebook in order, in place, showing which is running and what it prints.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced.
    folder : Path
        Where the cells run, that is, where what they write goes; the modules are imported from here all the same.

    Raises
    ------
    CellExecutionError
        Where a cell raises; the notebook then holds the outputs up to there.
    """
    code_cells = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for i in code_cells:
        notebook.cells[i].update(outputs=[], execution_count=None)

    def announce(cell, cell_index):
        if cell_index in code_cells:
            first_line = cell.source.partition("\n")[0]
            print(f"\n[{code_cells.index(cell_index) + 1}/{len(code_cells)}] {first_line}", flush=True)

    client = EchoingClient(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        extra_arguments=["--log-level=ERROR"],  # or newer kernels warn that they talk to this process unencrypted
        on_cell_start=announce,
        coalesce_streams=True,  # of a progress bar, keep its last state
        record_timing=False,  # times would make each stored run differ
    )
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    client.execute(env={**os.environ, "PYTHONPATH": path})


def save_pictures(notebook, folder):
    """Write the picture of each cell that is tagged ``picture:NAME`` to NAME.png, for README to show.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed.
    folder : Path
        Made where it is missing.
    """
    folder.mkdir(exist_ok=True)
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", ()):
            if tag.startswith("picture:"):
                (png,) = (out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", ()))
                (folder / f"{tag.removeprefix('picture:')}.png").write_bytes(b64decode(png))


def render(notebook):
    """Return a notebook as HTML; the ``alt`` in the metadata of a cell describes its picture to who cannot see it."""
    body, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": "The two-layer net"}})
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                alt = f'alt="{html.escape(cell.metadata.get("alt", NO_ALT))}"'
                body = body.replace(f'alt="{NO_ALT}"', alt, 1)
    return body


def main():
    """Run the notebook as the command line says; where a cell raises, report what came before it and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE, help="folder that gets build/ (default: this one)")
    parser.add_argument("--inplace", action="store_true", help="also store outputs in the notebook, and docs/*.png")
    args = parser.parse_args()

    report = args.output.absolute() / "build" / NOTEBOOK.with_suffix(".html").name
    report.parent.mkdir(parents=True, exist_ok=True)  # before minutes are spent
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    try:
        execute(notebook, args.output)
    except CellExecutionError as error:
        report.write_text(render(notebook), encoding="utf-8")
        sys.exit(f"\n{error}\nThe report up to there is {report}")
    if args.inplace:
        nbformat.write(notebook, NOTEBOOK)
        save_pictures(notebook, HERE / "docs")
    report.write_text(render(notebook), encoding="utf-8")
    print(f"\nThe report is {report}")


if __name__ == "__main__":
    main()
