"""Tests of the pictures of histories and sweeps, of the live plot, and of the table of a sweep."""

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import make_toy_net

import curves
import vis_utils
from classifiers.callbacks import Callbacks, EarlyStopping
from classifiers.sweep import SweepResult, Trial
from curves import LivePlot, Table, plot_history, plot_sweep, sweep_table


@pytest.fixture(autouse=True)
def closed_figures():
    """Close all figures after each test. Matplotlib looks for IPython at its first figure: do that before."""
    plt.close(plt.figure())
    yield
    plt.close("all")


def test_history_is_drawn(toy_data):
    """Losses and accuracies have labels. The validation loss is at the iterations of its epochs."""
    data = np.repeat(toy_data[0], 4, axis=0), np.repeat(toy_data[1], 4)
    stats = make_toy_net().train(*data, *toy_data, num_iters=9, batch_size=5)
    loss_axes, accuracy_axes = plot_history(stats)
    np.testing.assert_array_equal(loss_axes.lines[0].get_ydata(), stats["loss_history"])
    np.testing.assert_array_equal(loss_axes.lines[1].get_ydata(), stats["val_loss_history"])
    np.testing.assert_array_equal(loss_axes.lines[1].get_xdata(), [0, 4, 8])
    assert [text.get_text() for text in loss_axes.get_legend().get_texts()] == [
        "training (each minibatch)",
        "validation (each epoch)",
    ]
    np.testing.assert_array_equal(accuracy_axes.lines[1].get_ydata(), stats["val_acc_history"])
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in (loss_axes, accuracy_axes)]
    assert labels == [("iteration", "loss"), ("epoch", "accuracy")]
    assert [text.get_text() for text in accuracy_axes.get_legend().get_texts()][1] == "validation"


def test_history_as_a_plain_dict_is_drawn(toy_data):
    """The validation loss may be missing. Epochs are spread evenly if their length is unknown."""
    stats = dict(make_toy_net().train(*toy_data, *toy_data, num_iters=8, batch_size=2))
    np.testing.assert_array_equal(plot_history(stats)[0].lines[1].get_xdata(), [0, 2, 4, 6])
    del stats["val_loss_history"]
    loss_axes, _ = plot_history(stats)
    assert len(loss_axes.lines) == 1 and loss_axes.get_legend() is None
    plot_history({"loss_history": [], "train_acc_history": [], "val_acc_history": [], "val_loss_history": []})


@pytest.fixture
def notebook(monkeypatch):
    """Simulate IPython in a notebook. `done` lists what was shown, and `clock` holds the time."""
    done, clock = [], [0.0]

    class Handle:
        def update(self, figure):
            done.append(("update", len(figure.axes[0].lines[0].get_ydata())))

    def display(figure, display_id):
        assert display_id is True
        done.append(("display", len(figure.axes[0].lines[0].get_ydata())))
        return Handle()

    ipython = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=True), display=SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(curves.time, "monotonic", lambda: clock[0])
    return SimpleNamespace(done=done, clock=clock)


def test_live_plot_in_a_notebook(toy_data, notebook):
    """One picture is shown, then replaced at most once per second and at the end."""

    def tick(net, it, stats):
        notebook.clock[0] += 0.5

    live = LivePlot(seconds=1.0)
    make_toy_net().train(*toy_data, *toy_data, num_iters=6, callback=Callbacks(live, tick))
    assert notebook.done == [("display", 1), ("update", 3), ("update", 5), ("update", 6)]
    assert plt.get_fignums() == [] and live.axes is None
    make_toy_net().train(*toy_data, *toy_data, num_iters=1, callback=live)  # as in another cell
    assert notebook.done[4:] == [("display", 1), ("update", 1)]


@pytest.mark.parametrize(
    "ipython", [None, SimpleNamespace(get_ipython=lambda: None), SimpleNamespace(get_ipython=object)]
)
def test_live_plot_in_a_script(toy_data, monkeypatch, ipython):
    """A script's figure is redrawn in its window and stays open, in IPython's terminal too."""
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    drawn = []
    monkeypatch.setattr(plt.Figure, "show", lambda figure, warn: drawn.append(warn))
    make_toy_net().train(*toy_data, *toy_data, num_iters=3, callback=LivePlot(seconds=0))
    assert drawn == [False] * 4 and len(plt.get_fignums()) == 1
    loss_axes, accuracy_axes = plt.gcf().axes
    assert len(loss_axes.lines) == 2 and len(loss_axes.lines[0].get_ydata()) == 3
    assert loss_axes.get_xlabel() == "iteration"


def test_live_plot_without_iterations(toy_data):
    """No picture is drawn."""
    make_toy_net().train(*toy_data, *toy_data, num_iters=0, callback=LivePlot())
    assert plt.get_fignums() == []


def test_live_plot_with_early_stopping(toy_data):
    """Two callbacks work together. The last picture shows the complete history."""
    live = LivePlot()
    stats = make_toy_net().train(*toy_data, *toy_data, callback=Callbacks(live, EarlyStopping(3)))
    assert stats.ended == "stopped"
    assert len(plt.gcf().axes[0].lines[0].get_ydata()) == len(stats["loss_history"]) < 100


def test_live_plot_checks_its_argument():
    """The error names the argument, what it must be and what it was."""
    with pytest.raises(ValueError, match="seconds must be a finite number, at least 0, got -1"):
        LivePlot(-1)


def test_vis_utils_exports_all():
    """vis_utils exports its own functions and those of curves and datasets.pixels."""
    assert {getattr(vis_utils, name).__module__ for name in vis_utils.__all__} == {
        "curves",
        "vis_utils",
        "datasets.pixels",
    }
    assert {"LivePlot", "plot_history", "plot_sweep", "sweep_table"} <= set(vis_utils.__all__)


def make_result():
    """Return the result of a sweep of three trials. One of them diverged."""
    trials = [
        Trial(0, {"reg": 0.1, "dtype": "float32"}, [0, 0], val_accuracy=0.5, standard_error=0.1),
        Trial(1, {"reg": 1.0, "dtype": "float64"}, [0, 1], val_accuracy=0.75, standard_error=0.05),
        Trial(2, {"reg": 10.0, "dtype": "float64"}, [0, 2], state="diverged"),
    ]
    return SweepResult(trials, None)


def test_sweep_is_drawn_by_hyperparameter():
    """Each hyperparameter has its Axes. Only finished trials are drawn. A ring marks the best."""
    reg_axes, dtype_axes = plot_sweep(make_result())
    points, ring = reg_axes.lines[0], reg_axes.lines[-1]
    np.testing.assert_array_equal(points.get_xydata(), [[0.1, 0.5], [1.0, 0.75]])
    np.testing.assert_array_equal(ring.get_xydata(), [[1.0, 0.75]])
    bars = reg_axes.collections[0].get_segments()
    np.testing.assert_allclose(bars, [[[0.1, 0.4], [0.1, 0.6]], [[1.0, 0.7], [1.0, 0.8]]])
    assert reg_axes.get_xscale() == "log" and dtype_axes.get_xscale() == "linear"
    assert [label.get_text() for label in dtype_axes.get_xticklabels()] == ["float32", "float64"]
    assert reg_axes.get_ylabel() == "validation accuracy" and dtype_axes.get_xlabel() == "dtype (best: float64)"
    assert reg_axes.figure.texts[0].get_text() == "Validation accuracy of 2 nets against each hyperparameter"


def test_values_of_a_grid_are_drawn_side_by_side():
    """The ticks are at the values, with equal distances. The points of one value do not overlap."""
    grid = [(rate, H) for rate in (0.001, 0.0005) for H in (1000, 20, 300)]
    trials = [
        Trial(i, {"learning_rate": rate, "hidden_size": H}, [0, i], val_accuracy=i / 10, standard_error=0.1)
        for i, (rate, H) in enumerate(grid)
    ]
    rate_axes, hidden_axes = plot_sweep(SweepResult(trials, None))
    np.testing.assert_array_equal(rate_axes.get_xticks(), [0, 1])
    assert [label.get_text() for label in rate_axes.get_xticklabels()] == ["0.0005", "0.001"]
    assert [label.get_text() for label in hidden_axes.get_xticklabels()] == ["20", "300", "1000"]
    xs = rate_axes.lines[0].get_xdata()
    np.testing.assert_allclose(xs, [5 / 6, 1, 7 / 6, -1 / 6, 0, 1 / 6])
    np.testing.assert_allclose(rate_axes.lines[-1].get_xydata(), [[1 / 6, 0.5]])
    assert rate_axes.get_xlabel() == "learning_rate (best: 0.0005)"


def test_many_values_are_drawn_on_a_scale():
    """A random search has many different values."""
    trials = [Trial(i, {"learning_rate": 10.0**-i}, [0, i], val_accuracy=0.5, standard_error=0.1) for i in range(9)]
    (ax,) = plot_sweep(SweepResult(trials, None))
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [10.0**-i for i in range(9)])
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize("number, on_a_scale", [(8, False), (9, True)])
def test_more_than_eight_repeated_values_are_drawn_on_a_scale(number, on_a_scale):
    """Each value has two trials."""
    params = [{"reg": 10.0**-i, "std": std} for i in range(number) for std in (1, 2)]
    trials = [Trial(i, p, [0, i], val_accuracy=0.5, standard_error=0.1) for i, p in enumerate(params)]
    ax, _ = plot_sweep(SweepResult(trials, None))
    assert (ax.get_xscale() == "log") == on_a_scale
    assert (ax.lines[0].get_xdata()[0] == 1) == on_a_scale


@pytest.mark.parametrize("values, scale", [((0.1, 0.4), "log"), ((0.1, 0.3), "linear"), ((0.0, 0.4), "linear")])
def test_scale_is_logarithmic_for_a_wide_range_above_zero(values, scale):
    """The range must have a factor of at least four, and 0 has no logarithm."""
    trials = [Trial(i, {"reg": x}, [0, i], val_accuracy=0.5, standard_error=0.1) for i, x in enumerate(values)]
    (ax,) = plot_sweep(SweepResult(trials, None))
    assert ax.get_xscale() == scale


def make_done(index, accuracy, error):
    return Trial(index, {"reg": index / 10}, [0, index], "done", accuracy, error, seconds=index + 0.25)


def test_sweep_table_is_ranked():
    """The best trial is first. Equal trials are in grid order. Trials without a result are last."""
    trials = [
        Trial(0, {"reg": 0.0}, [0, 0], state="diverged", seconds=1),
        make_done(1, 0.5, 0.01),
        make_done(2, 0.9, 0.02),
        Trial(3, {"reg": 0.3}, [0, 3], state="failed", error="MemoryError: "),
        make_done(4, 0.5, 0.01),
    ]
    assert str(sweep_table(SweepResult(trials, None))).splitlines() == [
        "reg  validation accuracy  seconds",
        "0.2      0.900 ± 0.020 *      2.2",
        "0.1      0.500 ± 0.010        1.2",
        "0.4      0.500 ± 0.010        4.2",
        "0.0             diverged      1.0",
        "0.3               failed      0.0",
        "* within one standard error of the best",
    ]


def test_star_comes_from_the_error_of_the_best():
    """The standard error of the trial itself is not used."""
    trials = [make_done(0, 0.5, 0.25), make_done(1, 0.625, 0.001), make_done(2, 0.75, 0.125)]
    table = sweep_table(SweepResult(trials, None))
    assert [(row[0], row[1].endswith("*")) for row in table.rows] == [("0.2", True), ("0.1", True), ("0.0", False)]


def test_sweep_table_without_a_good_trial():
    """No trial gets a star. A type is shown by its name."""
    trials = [Trial(0, {"reg": 0.1, "dtype": np.float32}, [0, 0], state="failed")]
    assert sweep_table(SweepResult(trials, None)).rows == [["0.1", "float32", "failed", "0.0"]]


def test_columns_are_aligned():
    """A column is as wide as its widest cell. Cells are aligned on the right. The note is last."""
    table = Table(["a", "long"], [[1, 2.5], ["wide cell", "x"]], "note")
    assert str(table) == repr(table) == "        a  long\n        1   2.5\nwide cell     x\nnote"


def test_html_is_escaped():
    """Markup in the header, a cell or the note is shown as text."""
    html = Table(["<b>"], [["a & b"], [1]], "1 < 2")._repr_html_()
    assert "<thead><tr><th>&lt;b&gt;</th></tr></thead>" in html
    assert "<tr><td>a &amp; b</td></tr>\n<tr><td>1</td></tr>" in html and "<p>1 &lt; 2</p>" in html


def test_table_says_what_was_stopped():
    """The table has the numbers of iterations, and marks the trials that a callback stopped."""
    trials = [make_done(0, 0.5, 0.1), make_done(1, 0.25, 0.1)]
    trials[0].stats, trials[1].stats = {"loss_history": [1.0, 1.0]}, {"loss_history": 3 * [1.0]}
    assert "iterations" not in str(sweep_table(SweepResult(trials, None)))
    trials[0].stopped = True
    table = sweep_table(SweepResult([*trials, Trial(2, trials[0].params, [0, 2], state="failed")], None))
    assert table.columns[-3:] == ["validation accuracy", "iterations", "seconds"]
    assert [row[-2] for row in table.rows] == ["2, stopped", "3", "0"]
