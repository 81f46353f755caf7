"""Pictures of images, weights, confusion matrices, training histories and sweeps."""

from math import ceil, isqrt

import matplotlib.pyplot as plt
import numpy as np

from checks import check_count, check_labels
from curves import LivePlot, Table, plot_history, plot_sweep, sweep_table
from datasets.pixels import check_images, find_scale, to_rgb, visualize_grid
from datasets.standin import CLASS_NAMES, MARK, draw_batch

__all__ = ["LivePlot", "Table", "plot_history", "plot_sweep", "show_confusion", "show_examples", "show_images"]
__all__ += ["show_net_weights", "show_stand_in", "sweep_table", "visualize_grid"]


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


def show_examples(images, labels, class_names, per_class=10, ax=None):
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
    """Show ten images of each class of the stand-in, on `ax` or in a new figure.

    Returns
    -------
    Axes
    """
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
        The scale is as in `show_examples`.
    titles : sequence of str, length N
        One title for each image.
    columns : int
        Number of images in a row.

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


def show_confusion(y_true, y_pred, class_names, ax=None):
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
        color = "black" if share > 50 else "white"
        ax.text(j, i, f"{share:.0f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(range(C), class_names, rotation=90)
    ax.set_yticks(range(C), class_names)
    ax.set(title="Confusion, in percent of each true class", xlabel="predicted", ylabel="true")
    return ax
