"""Makes the exercise's notebook. It has gaps and questions for students, and no outputs."""

import hashlib
import json
from typing import NamedTuple

from exercise import questions as q

KEEP = "the cell itself"


class Edit(NamedTuple):
    """A change of one cell.

    Attributes
    ----------
    old : str
        Text that the cell contains once. No other cell of the section contains it.
    new : str
        Text that replaces it.
    """

    old: str
    new: str


class Put(NamedTuple):
    """Cells that replace one cell.

    Attributes
    ----------
    old : str
        Text that only this cell contains, see `Edit`.
    cells : tuple
        The new cells, each as a pair of its type and its source. KEEP means the old cell.
    """

    old: str
    cells: tuple


# Maps each section, named by its first heading, to the changes of its cells.
CHANGES = {
    "# The two-layer net": (
        Put("# The two-layer net", (q.START,)),
        Edit("import backward, forward, penalty, softmax_loss", "import forward, penalty, softmax_loss"),
        Edit("sweep_hidden, sweep_iters = [50, 200], [1000, 2000]  # two axes of the search in section 9\n", ""),
    ),
    "## 2. Does the forward pass compute the right scores?": (
        Edit(
            "\n\nThe next cell shows the function that computes this. A comment at the end of a line is the shape of\n"
            "the array.",
            "",
        ),
        Put("## 2.", (KEEP, q.SCORES)),
        Put("Code(inspect", ()),
        Put("published_scores =", (KEEP, *q.CHECK_SCORES)),
    ),
    "## 3. Does the loss agree with the published one?": (
        Put("The published loss is", ()),
        Put("Code(inspect", ()),
        Put("## 3.", q.LOSS),
    ),
    "## 4. Does the backward pass compute the right gradients?": (
        Edit("The next cell shows the function that computes this. ", ""),
        Put("## 4.", (KEEP, q.GRADIENTS)),
        Put("Code(inspect", ()),
        Edit("loss, grads = net.loss(", "net = make_toy_net()\nloss, grads = net.loss("),
        Put("A relative error says", (q.CHECK_GRADIENTS,)),
        Put("class ForgetfulNet", (q.code("check_net(net, X_toy, y_toy)"),)),
    ),
    "## 5. Can the net learn at all?": (
        Put("## 5.", q.STEPS),
        Put("net = make_toy_net()", (KEEP, *q.CHECK_STEPS)),
    ),
    "## 7. A first try": (
        Put("## 7.", q.FIRST_TRY),
        Edit('assert abs(stats["loss_history"][0] - np.log(10)) < 1e-3\n', ""),
    ),
    "## 8. What is wrong?": (
        Put("## 8.", q.WRONG),
        Edit("\nassert train_accuracy - val_accuracy < 0.05", ""),
    ),
    "## 9. Which hyperparameters are better?": (
        Put("## 9.", (q.SEARCH,)),
        Put("grid =", (q.GRID,)),
    ),
    "## 10. The best net": (Put("## 10.", q.BEST),),
    "## 11. How good is it really?": (
        Edit("We chose the best of 24 nets", "We chose the best net"),
        Edit("among 24 noisy numbers", "among many noisy numbers"),
    ),
    "## 12. What did each hyperparameter do?": (
        Put("## 12.", q.EFFECTS),
        Edit("effect = {}\n", ""),
        Edit("np.mean([t.val_accuracy for t in some])", "np.nanmean([t.val_accuracy for t in some])"),
        Edit('    effect[name] = max(means) - min(means)\nassert max(effect, key=effect.get) == "learning_rate"', ""),
    ),
    "## 13. Towards 60%: what does the net still lack?": (
        Put("## 13.", q.FURTHER),
        Edit("\ngap = [training - validation for training, validation in accuracy.values()]\n", ""),
        Edit(
            "gap_with_momentum, gap_with_varied_images = gap[1:3]\nassert gap_with_varied_images < gap_with_momentum",
            "",
        ),
        Put("Now we train a larger net", (q.LAST,)),
        Put("ten test images that the net classifies wrongly", (q.CONFIDENCE[0],)),
        Put("p = np.exp(", (q.CONFIDENCE[1],)),
    ),
    "## What to take away": (
        Edit(
            "\n- On CIFAR-10, one hidden layer on raw pixels reaches about 0.5 by plain SGD, and 0.6 with momentum\n"
            "  and varied images. The recipes of `benchmarks/accuracy.py` reach 0.7.",
            "",
        ),
    ),
}


def make_notebook(source):
    """Make the notebook of the exercise.

    Parameters
    ----------
    source : str
        The notebook of the solution, as JSON.

    Returns
    -------
    str
        As JSON.

    Raises
    ------
    ValueError
        If the notebook does not have a section of CHANGES, or if the text of a change is not in
        exactly one place. If the notebook has changed there, correct CHANGES.
    """
    notebook = json.loads(source)
    sections = split(notebook["cells"])
    for heading, changes in CHANGES.items():
        if heading not in sections:
            raise ValueError(f"the notebook has no section {heading!r}. Correct exercise/notebook.py")
        for change in changes:
            sections[heading] = apply(change, sections[heading], heading)
    notebook["cells"] = [cell for cells in sections.values() for cell in cells]
    number_cells(notebook["cells"])
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def split(cells):
    """Split cells into sections. Return a dict from headings to cells without outputs."""
    sections = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and source.startswith("#"):
            heading = source.partition("\n")[0]
            sections[heading] = []
        sections[heading].append(make_cell(cell["cell_type"], source, "parameters" in cell["metadata"].get("tags", ())))
    return sections


def make_cell(kind, source, tagged=False):
    """Return a cell without output. The description of its picture is removed, too."""
    cell = {"cell_type": kind, "id": "", "metadata": {"tags": ["parameters"]} if tagged else {}, "source": source}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def apply(change, cells, heading):
    """Return the cells of a section after a change."""
    found = [index for index, cell in enumerate(cells) for _ in range(cell["source"].count(change.old))]
    if len(found) != 1:
        raise ValueError(
            f"{change.old!r} must occur once in section {heading!r} of the notebook, found {len(found)} times"
        )
    cell = cells[found[0]]
    if isinstance(change, Edit):
        new = [{**cell, "source": cell["source"].replace(change.old, change.new).strip("\n")}]
    else:
        new = [cell if added is KEEP else make_cell(*added) for added in change.cells]
    return [*cells[: found[0]], *new, *cells[found[0] + 1 :]]


def number_cells(cells):
    """Give each cell an id that stays the same in each run, and its source as a list of lines."""
    for index, cell in enumerate(cells):
        cell["id"] = hashlib.sha256(f"{index} {cell['source']}".encode()).hexdigest()[:8]
        cell["source"] = cell["source"].splitlines(keepends=True)
