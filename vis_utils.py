"""Pictures of images, weights, the net's graph, confusion, histories and sweeps; table of a sweep.

All pictures are dark on white, also if the caller's style or the notebook's theme is dark.
"""

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import count
from math import ceil, isqrt, sqrt
from numbers import Real
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from numpy.typing import ArrayLike

from checks import check_array, check_count, check_labels, check_number
from tables import Table

DARK = 16  # on the scale 0..255, an image looks black if no value is larger than this
# The first n of these colours differ in brightness for every n, also in grey and for colour-blind readers.
COLORS = "#678fcf", "#462100", "#1b5f25", "#000000", "#804bcd", "#4a2f77", "#2c0b2d", "#817f00"
# Settings of matplotlib in which all pictures are drawn: its own colours on white, and ours for lines.
STYLE = {name: value for name, value in rcParamsDefault.items() if "color" in name}
STYLE["axes.prop_cycle"] = plt.cycler(color=COLORS)

Draw = TypeVar("Draw", bound=Callable)  # a plotting function


def _on_white(draw: Draw) -> Draw:
    """Decorate a plotting function: it draws in STYLE, and makes the Axes that the caller gave white."""

    @wraps(draw)
    def draw_on_white(*args, **kwargs):
        with plt.rc_context(STYLE):
            axes = draw(*args, **kwargs)
        for ax in np.ravel(axes):
            ax.figure.set_facecolor("white")
            ax.set_facecolor("white")
            ax.spines[:].set_color("black")
            ax.tick_params(which="both", colors="black")
            for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.figure.texts):
                text.set_color("black")
        return axes

    return cast(Draw, draw_on_white)


def _use_colors(ax):
    """Set the colours of the next lines. Axes that the caller made have those of another style."""
    n = len(ax.lines) % len(COLORS)
    ax.set_prop_cycle(color=COLORS[n:] + COLORS[:n])


def visualize_grid(Xs: ArrayLike, ubound: float = 255.0, padding: int = 1) -> np.ndarray:
    """Arrange images on a square grid. Each tile is scaled to the full range by itself.

    Parameters
    ----------
    Xs : array, shape (N, H, W, C)
        Images or weights, of any range.
    ubound : float
        Each tile's values are scaled linearly to 0..ubound. A constant tile becomes 0, also if
        it is constant only up to rounding.
    padding : int
        Number of black pixels between tiles.

    Returns
    -------
    ndarray of float, shape (n * H + (n - 1) * padding, n * W + (n - 1) * padding, C)
        With ``n = ceil(sqrt(N))`` tiles a side. Unused tiles are 0.
    """
    Xs, padding = check_array("Xs", Xs, 4).astype(np.float64), check_count("padding", padding, 0)
    N, H, W, C = Xs.shape
    n = ceil(sqrt(N))
    low, high = Xs.min(axis=(1, 2, 3), keepdims=True), Xs.max(axis=(1, 2, 3), keepdims=True)
    span = np.where(high - low > 1e-7 * np.maximum(np.abs(low), np.abs(high)), high - low, 1)
    grid = np.zeros((n * (H + padding) - padding, n * (W + padding) - padding, C))
    for i, tile in enumerate(ubound * (Xs - low) / span):
        top, left = i // n * (H + padding), i % n * (W + padding)
        grid[top : top + H, left : left + W] = tile
    return grid


def _check_images(images):
    images = check_array("images", images, 4)
    if images.shape[-1] not in (1, 3):
        advice = ": call images.transpose(0, 2, 3, 1) first" if images.shape[1] == 3 else ""
        raise ValueError(f"images must have shape (N, H, W, 3), got {images.shape}{advice}")
    return images


def _find_scale(images):
    """Return the values that become black and white, and a note of them if they are not 0 and 255."""
    low, high = float(images.min()), float(images.max())
    if images.dtype == np.uint8 or (low >= 0 and DARK < high <= 255) or low == high == 0:
        return 0.0, 255.0, ""
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return low, high, f"Black is {low:.3g}, white is {high:.3g}"


def _to_rgb(image, low, high):
    """Convert an image of one or three channels so that `low` becomes 0 and `high` becomes 255."""
    scaled = (image.astype(np.float64) - low) * (255 / ((high - low) or 1))
    return np.broadcast_to(np.rint(scaled), (*image.shape[:-1], 3))


def _show(image, ax):
    ax = ax if ax is not None else plt.gca()
    ax.imshow(image.astype(np.uint8))
    ax.set(xticks=[], yticks=[])
    return ax


@_on_white
def show_net_weights(net: Any, ax: Axes | None = None) -> Axes:
    """Show the weights of each hidden unit as an image.

    Parameters
    ----------
    net : TwoLayerNet
        Its ``params["W1"]`` has shape (3 * side**2, H). Each column is a square RGB image, channels
        last.
    ax : Axes, optional
        By default the current Axes.

    Returns
    -------
    Axes
    """
    W1 = net.params["W1"]
    side = isqrt(len(W1) // 3)
    if len(W1) != 3 * side * side:
        raise ValueError(f"net must take square RGB images, got input size {len(W1)}")
    ax = _show(visualize_grid(W1.T.reshape(-1, side, side, 3), padding=3), ax)
    ax.set_title(f"First-layer weights of the {W1.shape[1]} hidden units")
    return ax


@_on_white
def show_examples(
    images: ArrayLike, labels: ArrayLike, class_names: Sequence[str], per_class: int = 10, ax: Axes | None = None
) -> Axes:
    """Show the first images of each class, one row for each class.

    Parameters
    ----------
    images : array, shape (N, H, W, 3) or (N, H, W, 1)
        See Notes for the scale.
    labels : array of int, shape (N,)
        Indices of class_names.
    class_names : sequence of str
        Names of the classes, shown beside the rows.
    per_class : int
        Number of images in a row.
    ax : Axes, optional
        By default the current Axes.

    Returns
    -------
    Axes

    Notes
    -----
    Values in 0..255 and uint8 images keep their scale. Floats in 0..1 keep the scale 0..1. Other
    images, such as mean-subtracted ones, are scaled together: their smallest value becomes black,
    and their largest white. A line under the picture names black and white if the scale is not
    0..255.
    """
    images = _check_images(images)
    labels = check_labels("labels", labels, len(images), len(class_names))
    H, W = images.shape[1:3]
    low, high, note = _find_scale(images)
    canvas = np.full((len(class_names) * (H + 2), per_class * (W + 2), 3), 255)
    for k in range(len(class_names)):
        for j, i in enumerate(np.flatnonzero(labels == k)[:per_class]):
            canvas[k * (H + 2) : k * (H + 2) + H, j * (W + 2) : j * (W + 2) + W] = _to_rgb(images[i], low, high)
    ax = _show(canvas, ax)
    ax.set_yticks(np.arange(len(class_names)) * (H + 2) + H / 2, class_names)
    ax.tick_params(length=0)
    ax.set(title="Examples of each class", xlabel=note)
    return ax


@_on_white
def show_images(images: ArrayLike, titles: Sequence[str], columns: int = 5, heading: str = "") -> np.ndarray:
    """Show each image with its title.

    Parameters
    ----------
    images : array, shape (N, H, W, 3) or (N, H, W, 1)
        The scale is as in `show_examples`.
    titles : sequence of str, length N
        One title for each image.
    columns : int
        Number of images in a row.
    heading : str
        Title of the whole picture.

    Returns
    -------
    ndarray of Axes, shape (rows, columns)
    """
    images, columns, titles = _check_images(images), check_count("columns", columns), list(titles)
    if len(titles) != len(images):
        raise ValueError(f"titles must hold one title for each of {len(images)} images, got {len(titles)}")
    low, high, note = _find_scale(images)
    rows = ceil(len(images) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.7 * columns, 2.1 * rows), squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        _show(_to_rgb(image, low, high), ax).set_title(title, fontsize=9)
    figure.supxlabel(note, fontsize=9)
    figure.suptitle(heading)
    return axes


@_on_white
def show_confusion(y_true: ArrayLike, y_pred: ArrayLike, class_names: Sequence[str], ax: Axes | None = None) -> Axes:
    """Show the confusion matrix: the share of each predicted class in each true class.

    Parameters
    ----------
    y_true, y_pred : array of int, shape (N,)
        True and predicted classes.
    class_names : sequence of str
        Names of the classes.
    ax : Axes, optional
        By default the current Axes.

    Returns
    -------
    Axes
        One row for each true class, with shares in percent.
    """
    ax = ax if ax is not None else plt.gca()
    C = len(class_names)
    y_true = check_labels("y_true", y_true, np.size(y_true), C)
    y_pred = check_labels("y_pred", y_pred, len(y_true), C)
    counts = np.bincount(C * y_true + y_pred, minlength=C * C).reshape(C, C)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="cividis", vmin=0, vmax=100)
    for (i, j), share in np.ndenumerate(shares):
        color = "black" if share > 47 else "white"  # the contrast is at least 4.5
        ax.text(j, i, f"{share:.0f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(range(C), class_names, rotation=90)
    ax.set_yticks(range(C), class_names)
    ax.set(title="Confusion, in percent of each true class", xlabel="predicted", ylabel="true")
    return ax


@_on_white
def plot_history(stats: dict, axes: Sequence[Axes] | np.ndarray | None = None) -> Sequence[Axes] | np.ndarray:
    """Plot the losses and the accuracies that `TwoLayerNet.train` returned.

    Parameters
    ----------
    stats : dict
        With ``loss_history``, ``train_acc_history`` and ``val_acc_history``. If it has
        ``val_loss_history``, the validation loss is drawn with the training loss. The attribute
        ``iterations_per_epoch`` gives the iterations of its points. A plain dict has no such
        attribute. In this case the epochs are spread evenly over the iterations.
    axes : sequence of two Axes, optional
        Axes for the loss and for the accuracies. By default they are made in a new figure.

    Returns
    -------
    sequence of two Axes
    """
    axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained")[1] if axes is None else axes
    for ax in axes:
        _use_colors(ax)
    losses, val_losses = stats["loss_history"], stats.get("val_loss_history", ())
    axes[0].plot(losses, linewidth=0.8, label="training (each minibatch)")
    if len(val_losses):
        epoch = getattr(stats, "iterations_per_epoch", None) or len(losses) / len(val_losses)
        axes[0].plot(epoch * np.arange(len(val_losses)), val_losses, label="validation (each epoch)")
        axes[0].legend()
    axes[0].set(title="Loss", xlabel="iteration", ylabel="loss")
    axes[1].plot(stats["train_acc_history"], label="training (one minibatch)")
    if len(stats["val_acc_history"]):
        axes[1].plot(stats["val_acc_history"], label="validation")
    axes[1].set(title="Accuracy at each epoch", xlabel="epoch", ylabel="accuracy")
    axes[1].legend()
    return axes


NODES = {  # centre in inches, row by row; operations have a text of their own, arrays are called by their name
    "W1": (1.15, 3.4), "W2": (5.95, 3.4), "y": (9.45, 3.4),
    "X": (0.2, 2), "dot1": (1.15, 2, "@"), "plus1": (2.1, 2, "+"), "relu": (3.35, 2, "ReLU\nmax(0, ·)"),
    "hidden": (4.8, 2), "dot2": (5.95, 2, "@"), "plus2": (6.9, 2, "+"), "scores": (8.05, 2),
    "softmax": (9.45, 2, "softmax\nloss"), "plus3": (10.65, 2, "+"), "loss": (11.7, 2),
    "b1": (2.1, 0.6), "b2": (6.9, 0.6), "W1, W2, reg": (8.15, 0.6), "penalty": (10.65, 0.6, "penalty"),
}  # fmt: skip
EDGES = [  # from, to, shape, and the gradient that flows back
    ("X", "dot1", "(N, D)", ""),
    ("W1", "dot1", "(D, H)", "dW1"),
    ("dot1", "plus1", "(N, H)", "dhidden"),
    ("b1", "plus1", "(H,)", "db1"),
    ("plus1", "relu", "(N, H)", "dhidden"),
    ("relu", "hidden", "(N, H)", "dhidden"),
    ("hidden", "dot2", "(N, H)", "dhidden"),
    ("W2", "dot2", "(H, C)", "dW2"),
    ("dot2", "plus2", "(N, C)", "dscores"),
    ("b2", "plus2", "(C,)", "db2"),
    ("plus2", "scores", "(N, C)", "dscores"),
    ("scores", "softmax", "(N, C)", "dscores"),
    ("y", "softmax", "(N,)", ""),
    ("softmax", "plus3", "scalar", "1"),
    ("W1, W2, reg", "penalty", "(D, H), (H, C), scalar", "reg * W1, reg * W2"),
    ("penalty", "plus3", "scalar", "1"),
    ("plus3", "loss", "scalar", "1"),
]


@_on_white
def show_graph(ax: Axes | None = None) -> Axes:
    """Show the computational graph of the net, with the shapes of its arrays and gradients.

    Parameters
    ----------
    ax : Axes, optional
        It should be 12 inches wide. By default it is made in a new figure.

    Returns
    -------
    Axes
    """
    ax = plt.subplots(figsize=(12, 4), layout="constrained")[1] if ax is None else ax
    halves = {}  # half of the width and height of each box
    for name, (x, y, *operation) in NODES.items():
        text, style = (*operation, "round,pad=0,rounding_size=0.13") if operation else (name, "square,pad=0")
        w, h = halves[name] = np.array([0.1 + 0.04 * max(map(len, text.split("\n"))), 0.25])
        ax.add_patch(FancyBboxPatch((x - w, y - h), 2 * w, 2 * h, style, facecolor="#eeeeee"))
        ax.text(x, y, text, ha="center", va="center", fontsize=10)
    for start, end, shape, gradient in EDGES:
        a, b = np.array(NODES[start][:2]), np.array(NODES[end][:2])
        forward = np.sign(b - a)
        a, b = a + forward * halves[start], b - forward * halves[end]
        left = np.array([-forward[1], forward[0]])
        _draw_arrow(ax, a, b, left, shape, "black", "-")
        if gradient:
            text = f"{gradient}\n{shape}" if gradient.startswith("d") else gradient
            _draw_arrow(ax, b, a, -left, text, COLORS[4], "--")
    ax.set(xlim=(0, 12), ylim=(0.3, 3.7))
    ax.set_title("Arrays flow from left to right (solid). Gradients flow back (dashed).")
    ax.axis("off")
    return ax


def _draw_arrow(ax, start, end, side, text, color, line):
    """Draw an arrow a little to one side of the way from start to end, and its text beside it."""
    style = dict(arrowstyle="-|>", color=color, linestyle=line, shrinkA=0, shrinkB=0)
    ax.annotate("", end + 0.08 * side, start + 0.08 * side, arrowprops=style)
    ha, va = {-1: "right", 0: "center", 1: "left"}[side[0]], {-1: "top", 0: "center", 1: "bottom"}[side[1]]
    ax.text(*((start + end) / 2 + 0.14 * side), text, ha=ha, va=va, color=color, fontsize=9)


class LivePlot:
    """Callback for `TwoLayerNet.train` that redraws the losses and accuracies while training runs.

    In a notebook, each new picture replaces the last one under the cell. In a script, the figure is
    redrawn in its window if it has one, and the next training draws in the same figure. If the
    window is closed, the training continues without pictures. An error in drawing is a warning, and
    does not end the training either.

    Parameters
    ----------
    seconds : float
        Shortest time between two pictures. The last picture is always drawn at the end of training.

    Attributes
    ----------
    axes : sequence of two Axes, or None
        Those of the last picture while training runs, see `plot_history`.
    """

    _used = set()  # names of the figures of all trainings that run

    def __init__(self, seconds: float = 1.0):
        self.seconds, self.axes, self._views = check_number("seconds", seconds), None, {}  # a view for each net

    def __call__(self, net, it, stats):
        view = self._views.setdefault(id(net), SimpleNamespace(axes=None, picture=None, name=None, due=0, ended=False))
        if not view.ended and time.monotonic() >= view.due:
            self._try_to_draw(view, stats)

    def finish(self, net, stats):
        """Draw the last picture. A script's figure stays open and can be saved."""
        if view := self._views.pop(id(net), None):
            if view.axes is not None and not view.ended:
                self._try_to_draw(view, stats)
            if view.picture is not None:
                plt.close(view.name)  # an open figure is shown again after the cell
            self._used.discard(view.name)
            self.axes = None

    def _try_to_draw(self, view, stats):
        try:
            self._draw(view, stats)
        except Exception as error:  # of matplotlib, of a window or of a front end
            view.ended, text = True, f"LivePlot draws no more of this training: {type(error).__name__}: {error}"
            warnings.warn(text, RuntimeWarning, stacklevel=4)

    def _draw(self, view, stats):
        if view.axes is None:
            view.name = next(name for i in count(1) if (name := f"training {i}") not in self._used)
            self._used.add(view.name)
            view.axes = plt.subplots(2, 1, num=view.name, clear=True, figsize=(8, 6), layout="constrained")[1]
        elif not plt.fignum_exists(view.name):  # the user has closed the window
            view.ended = True
            return
        for ax in view.axes:
            ax.clear()
        self.axes = plot_history(stats, view.axes)
        figure, ipython = view.axes[0].figure, sys.modules.get("IPython")
        if view.picture is not None:
            view.picture.update(figure)
        elif ipython is not None and hasattr(ipython.get_ipython(), "kernel"):  # in a notebook
            view.picture = ipython.display.display(figure, display_id=True)
        else:
            figure.show(warn=False)
            figure.canvas.draw_idle()
            figure.canvas.flush_events()
        view.due = time.monotonic() + self.seconds


def _plot_hyperparameter(name, trials, best, ax):
    """Plot the accuracy of finished trials against one hyperparameter."""
    values = [trial.params[name] for trial in trials]
    numbers = all(isinstance(value, Real) for value in values)
    values = values if numbers else [getattr(value, "__name__", str(value)) for value in values]
    tried = sorted(set(values))
    labels = [f"{value:.6g}" if numbers else value for value in tried]
    if numbers and (len(tried) > 8 or len(tried) == len(values)):
        xs = values
        if values and min(values) > 0 and max(values) >= 4 * min(values):
            ax.set_xscale("log")
    else:  # values of a grid, or texts
        places = np.array([tried.index(value) for value in values])
        xs = places.astype(np.float64)
        for place, number in enumerate(np.bincount(places)):  # trials with the same value stand side by side
            xs[places == place] += np.linspace(-0.25, 0.25, 2 * number + 1)[1::2]
        ax.set_xticks(range(len(tried)), labels)
    _use_colors(ax)
    accuracies, errors = [t.val_accuracy for t in trials], [t.standard_error for t in trials]
    ax.errorbar(xs, accuracies, errors, fmt="o", markersize=4, elinewidth=0.6)
    if best is not None:
        i = trials.index(best)
        ax.plot(xs[i], accuracies[i], "o", markersize=11, markerfacecolor="none", markeredgewidth=2)
        name += f" (best: {labels[tried.index(values[i])]})"
    ax.set_xlabel(name)


@_on_white
def plot_sweep(result: Any, axes: Sequence[Axes] | np.ndarray | None = None) -> np.ndarray:
    """Plot the validation accuracy of a sweep's trials against each hyperparameter.

    A ring marks the best trial. Trials with the same value are drawn side by side, in grid order.
    Error bars show one standard error up and down.

    Parameters
    ----------
    result : SweepResult
        From `classifiers.sweep.sweep`.
    axes : sequence of Axes, optional
        One Axes for each hyperparameter. By default they are made in a new figure.

    Returns
    -------
    sequence of Axes
    """
    names = list(result.trials[0].params)
    done = [trial for trial in result.trials if trial.state == "done"]
    if axes is None:
        size = (3.2 * len(names), 3.5)
        figure, (axes,) = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False, layout="constrained")
        figure.suptitle(f"Validation accuracy of {len(done)} nets against each hyperparameter")
    for ax, name in zip(axes, names, strict=True):
        _plot_hyperparameter(name, done, result.best, ax)
    axes[0].set_ylabel("validation accuracy")
    return axes


def sweep_table(result: Any) -> Table:
    """Return a table of a sweep's trials, the best first.

    A star marks each trial within one standard error of the best. If a callback stopped a trial,
    the table also has the number of iterations of each trial.

    Parameters
    ----------
    result : SweepResult
        From `classifiers.sweep.sweep`.

    Returns
    -------
    Table
    """
    names, best, rows = list(result.trials[0].params), result.best, []
    stopped = any(trial.stopped for trial in result.trials)
    for trial in result.ranked:
        if (accuracy := trial.state) == "done":
            star = "*" if trial.val_accuracy >= best.val_accuracy - best.standard_error else " "
            accuracy = f"{trial.val_accuracy:.3f} ± {trial.standard_error:.3f} {star}"
        params = (getattr(trial.params[name], "__name__", trial.params[name]) for name in names)
        iterations = f"{len(trial.stats.get('loss_history', ()))}{', stopped' * trial.stopped}"
        rows.append([*params, accuracy, *[iterations] * stopped, f"{trial.seconds:.1f}"])
    columns = [*names, "validation accuracy", *["iterations"] * stopped, "seconds"]
    return Table(columns, rows, "* within one standard error of the best")
