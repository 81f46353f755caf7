"""Pictures of training histories and sweeps, and the table of a sweep.

`vis_utils` exports them too.
"""

import sys
import time
from numbers import Real

import matplotlib.pyplot as plt
import numpy as np

from checks import check_number
from tables import Table


def plot_history(stats, axes=None):
    """Plot the losses and the accuracies that `TwoLayerNet.train` returned.

    Parameters
    ----------
    stats : dict
        With ``loss_history``, ``train_acc_history`` and ``val_acc_history``. If it has
        ``val_loss_history``, the validation loss is drawn with the training loss. A plain dict does
        not contain the length of an epoch. In this case the epochs are spread evenly over the
        iterations.
    axes : sequence of two Axes, optional
        Axes for the loss and for the accuracies. By default they are made in a new figure.

    Returns
    -------
    sequence of two Axes
    """
    axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained")[1] if axes is None else axes
    losses, val_losses = stats["loss_history"], stats.get("val_loss_history", ())
    axes[0].plot(losses, linewidth=0.8, label="training (each minibatch)")
    if len(val_losses):
        epoch = getattr(stats, "iterations_per_epoch", None) or len(losses) / len(val_losses)
        axes[0].plot(epoch * np.arange(len(val_losses)), val_losses, label="validation (each epoch)")
        axes[0].legend()
    axes[0].set(title="Loss", xlabel="iteration", ylabel="loss")
    axes[1].plot(stats["train_acc_history"], label="training (one minibatch)")
    axes[1].plot(stats["val_acc_history"], label="validation")
    axes[1].set(title="Accuracy at each epoch", xlabel="epoch", ylabel="accuracy")
    axes[1].legend()
    return axes


class LivePlot:
    """Callback for `TwoLayerNet.train` that redraws the losses and accuracies while training runs.

    In a notebook, each new picture replaces the last one under the cell. In a script, the figure is
    redrawn in its window if it has one.

    Parameters
    ----------
    seconds : float
        Shortest time between two pictures. The last picture is always drawn at the end of training.

    Attributes
    ----------
    axes : sequence of two Axes, or None
        See `plot_history`.
    """

    axes = None

    def __init__(self, seconds=1.0):
        self.seconds, self._due = check_number("seconds", seconds), 0.0

    def __call__(self, net, it, stats):
        if self.axes is None:
            self.axes, self._picture = plot_history(stats), None
            self._show()
        elif time.monotonic() >= self._due:
            self._draw(stats)

    def finish(self, net, stats):
        """Draw the last picture. A script's figure stays open and can be saved."""
        if self.axes is not None:
            self._draw(stats)
            if self._picture is not None:
                plt.close(self.axes[0].figure)  # an open figure is shown again after the cell
            self.axes = None

    def _draw(self, stats):
        for ax in self.axes:
            ax.clear()
        plot_history(stats, self.axes)
        self._show()

    def _show(self):
        figure, shell = self.axes[0].figure, getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if hasattr(shell, "kernel") and self._picture is None:
            self._picture = sys.modules["IPython"].display.display(figure, display_id=True)
        elif self._picture is not None:
            self._picture.update(figure)
        else:
            figure.show(warn=False)
            figure.canvas.draw_idle()
            figure.canvas.flush_events()
        self._due = time.monotonic() + self.seconds


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
    else:  # values of a grid, or texts
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


def sweep_table(result):
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
