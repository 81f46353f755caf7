"""Pictures of images, weights, training histories and sweeps."""

from html import escape
from math import ceil, isqrt
from numbers import Real

import matplotlib.pyplot as plt
import numpy as np

from checks import check_count, check_labels
from datasets.pixels import check_images, find_scale, to_rgb, visualize_grid
from datasets.standin import CLASS_NAMES, MARK, draw_batch


def _show(image, ax):
    ax = ax if ax is not None else plt.gca()
    ax.imshow(image.astype(np.uint8))
    ax.set(xticks=[], yticks=[])
    return ax


def show_net_weights(net, ax=None):
    """Show the weights of each hidden unit as an image.

    Parameters
    ----------
    net : TwoLayerNet
        With ``params["W1"]`` of shape (3 * side**2, H): square RGB images, channels last.
    ax : Axes, optional
        By default the current one.

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


def show_examples(images, labels, class_names, per_class=10, ax=None):
    """Show the first images of each class, one row for each class.

    Parameters
    ----------
    images : array, shape (N, H, W, 3) or (N, H, W, 1)
        Values 0..255 are shown as they are, and so is uint8. Of other images, such as mean-subtracted ones, the
        smallest value of all becomes black and the largest white; floats in 0..1 keep that scale. A line under the
        picture then says so.
    labels : array of int, shape (N,)
        Indices of class_names.
    class_names : sequence of str
        The labels of the rows.
    per_class : int
        Images in a row.
    ax : Axes, optional
        By default the current one.

    Returns
    -------
    Axes
    """
    images = check_images(images)
    labels = check_labels("labels", labels, len(images), len(class_names))
    H, W = images.shape[1:3]
    low, high, note = find_scale(images)
    canvas = np.full((len(class_names) * (H + 2), per_class * (W + 2), 3), 255)
    for k in range(len(class_names)):
        for j, i in enumerate(np.flatnonzero(labels == k)[:per_class]):
            canvas[k * (H + 2) : k * (H + 2) + H, j * (W + 2) : j * (W + 2) + W] = to_rgb(images[i], low, high)
    ax = _show(canvas, ax)
    ax.set_yticks(np.arange(len(class_names)) * (H + 2) + H / 2, class_names)
    ax.tick_params(length=0)
    ax.set(title="Examples of each class", xlabel=note)
    return ax


def show_stand_in(ax=None):
    """Show ten images of each class of the stand-in, on `ax` or by default in a new figure. Returns the Axes."""
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 7), layout="constrained")
    pixels, labels = draw_batch(300, 0)  # (300, 3072), one plane for each colour
    ax = show_examples(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, CLASS_NAMES, ax=ax)
    ax.set_title(MARK)
    return ax


def show_images(images, titles, columns=5):
    """Show each image with its title.

    Parameters
    ----------
    images : array, shape (N, H, W, 3) or (N, H, W, 1)
        Values 0..255 are shown as they are, and so is uint8. Of other images, such as mean-subtracted ones, the
        smallest value of all becomes black and the largest white; floats in 0..1 keep that scale. A line under the
        picture then says so.
    titles : sequence of str, length N
        One for each image.
    columns : int
        Images in a row.

    Returns
    -------
    ndarray of Axes, shape (rows, columns)
    """
    images, columns, titles = check_images(images), check_count("columns", columns), list(titles)
    if len(titles) != len(images):
        raise ValueError(f"titles must hold one title for each of {len(images)} images, got {len(titles)}")
    low, high, note = find_scale(images)
    rows = ceil(len(images) / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.7 * columns, 2.1 * rows), squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        _show(to_rgb(image, low, high), ax).set_title(title, fontsize=9)
    figure.supxlabel(note, fontsize=9)
    return axes


def plot_history(stats, axes=None):
    """Plot the loss and the accuracies that `TwoLayerNet.train` returned.

    Parameters
    ----------
    stats : dict
        With ``loss_history``, ``train_acc_history`` and ``val_acc_history``.
    axes : sequence of two Axes, optional
        For loss and accuracies; by default those of a new figure.

    Returns
    -------
    sequence of two Axes
    """
    axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained")[1] if axes is None else axes
    axes[0].plot(stats["loss_history"], linewidth=0.8)
    axes[0].set(title="Loss of each minibatch", xlabel="iteration", ylabel="loss")
    axes[1].plot(stats["train_acc_history"], label="training (one minibatch)")
    axes[1].plot(stats["val_acc_history"], label="validation")
    axes[1].set(title="Accuracy at each epoch", xlabel="epoch", ylabel="accuracy")
    axes[1].legend()
    return axes


def _side_by_side(places):
    """Spread points with the same x evenly over half the distance to the next x."""
    places = np.array(places, dtype=np.float64)
    for place in np.unique(places):
        there = places == place
        places[there] += 0.5 * ((np.arange(there.sum()) + 0.5) / there.sum() - 0.5)
    return places


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
    else:  # those of a grid
        xs = _side_by_side([tried.index(value) for value in values])
        ax.set_xticks(range(len(tried)), labels)
    accuracies, errors = [t.val_accuracy for t in trials], [t.standard_error for t in trials]
    ax.errorbar(xs, accuracies, errors, fmt="o", markersize=4, elinewidth=0.6, alpha=0.6)
    if best is not None:
        i = trials.index(best)
        ax.plot(xs[i], accuracies[i], "o", markersize=11, markerfacecolor="none", markeredgewidth=2)
        name += f" (best: {labels[tried.index(values[i])]})"
    ax.set_xlabel(name)


def plot_sweep(result, axes=None):
    """Plot the validation accuracy of a sweep's trials against each hyperparameter, with a ring around the best.

    Trials with the same value stand side by side, in grid order. Bars are one standard error up and down.

    Parameters
    ----------
    result : SweepResult
        From `classifiers.sweep.sweep`.
    axes : sequence of Axes, optional
        One for each hyperparameter; by default those of a new figure.

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


def sweep_table(result):
    """Tabulate a sweep's trials, the best first, with a star at each within one standard error of the best.

    Parameters
    ----------
    result : SweepResult
        From `classifiers.sweep.sweep`.

    Returns
    -------
    Table
    """
    names, best, rows = list(result.trials[0].params), result.best, []
    for trial in result.ranked:
        if (accuracy := trial.state) == "done":
            star = "*" if trial.val_accuracy >= best.val_accuracy - best.standard_error else " "
            accuracy = f"{trial.val_accuracy:.3f} ± {trial.standard_error:.3f} {star}"
        params = (getattr(trial.params[name], "__name__", trial.params[name]) for name in names)
        rows.append([*params, accuracy, f"{trial.seconds:.1f}"])
    return Table([*names, "validation accuracy", "seconds"], rows, "* within one standard error of the best")


class Table:
    """Columns' names, rows of cells and a note below: aligned text for ``print``, HTML in a notebook."""

    def __init__(self, columns, rows, note):
        self.columns, self.note = list(columns), note
        self.rows = [[str(cell) for cell in row] for row in rows]

    def __str__(self):
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = ("  ".join(map(str.rjust, line, widths)).rstrip() for line in lines)
        return "\n".join([*texts, self.note])

    def _repr_html_(self):
        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "\n".join(row(cells, "td") for cells in self.rows)
        table = f"<table>\n<thead>{row(self.columns, 'th')}</thead>\n<tbody>\n{body}\n</tbody></table>"
        return f"{table}<p>{escape(self.note)}</p>"

    __repr__ = __str__


def show_confusion(y_true, y_pred, class_names, ax=None):
    """Show how often each class is predicted as which.

    Parameters
    ----------
    y_true, y_pred : array of int, shape (N,)
        True and predicted classes.
    class_names : sequence of str
    ax : Axes, optional
        By default the current one.

    Returns
    -------
    Axes
        A row for each true class, its shares in percent.
    """
    ax = ax if ax is not None else plt.gca()
    C = len(class_names)
    y_true = check_labels("y_true", y_true, np.size(y_true), C)
    y_pred = check_labels("y_pred", y_pred, len(y_true), C)
    counts = np.bincount(C * y_true + y_pred, minlength=C * C).reshape(C, C)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="cividis", vmin=0, vmax=100)
    for (i, j), share in np.ndenumerate(shares):
        color = "black" if share > 50 else "white"
        ax.text(j, i, f"{share:.0f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(range(C), class_names, rotation=90)
    ax.set_yticks(range(C), class_names)
    ax.set(title="Confusion, in percent of each true class", xlabel="predicted", ylabel="true")
    return ax
