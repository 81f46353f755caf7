"""Tests of the pictures. They read the arrays and texts of the matplotlib figures."""

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import make_toy_net
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg

import vis_utils
from classifiers.callbacks import Callbacks
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep import SweepResult, Trial
from vis_utils import (
    LivePlot,
    plot_history,
    plot_sweep,
    show_confusion,
    show_examples,
    show_images,
    show_net_weights,
    sweep_table,
    visualize_grid,
)


@pytest.fixture(autouse=True)
def closed_figures():
    """Close all figures after each test. Matplotlib looks for IPython at its first figure: do that before."""
    plt.close(plt.figure())
    yield
    plt.close("all")


def make_trial(index, params, accuracy=0.5, error=0.1, **others):
    return Trial(index, params, [0, index], val_accuracy=accuracy, standard_error=error, **others)


def make_result():
    """Return the result of a sweep of three trials. One of them diverged."""
    trials = [
        make_trial(0, {"reg": 0.1, "dtype": "float32"}, 0.5, 0.1),
        make_trial(1, {"reg": 1.0, "dtype": "float64"}, 0.75, 0.05),
        Trial(2, {"reg": 10.0, "dtype": "float64"}, [0, 2], state="diverged"),
    ]
    return SweepResult(trials, None)


def shown(ax):
    """Return the pixels of a picture."""
    return np.asarray(ax.images[0].get_array())


def labels_of(axis_labels):
    return [label.get_text() for label in axis_labels]


# Images and weights


def test_each_tile_is_scaled_by_itself():
    """The values 1..3 and -200..200 both become 0..255. A constant tile becomes 0, not 0 / 0."""
    Xs = np.array([[[[1.0], [2.0], [3.0]]], [[[-200.0], [0.0], [200.0]]], [[[7.0], [7.0], [7.0]]]])  # (3, 1, 3, 1)
    grid = visualize_grid(Xs, padding=1)
    np.testing.assert_array_equal(grid[0, :, 0], [0, 127.5, 255, 0, 0, 127.5, 255])
    assert not grid[1:].any()  # padding, the constant tile, and an unused tile


@given(st.data())
def test_grid_of_any_shape(data):
    """It has ceil(sqrt(N)) tiles a side, and padding only between tiles. Values are in 0..ubound."""
    N, H, W, C = shape = [data.draw(st.integers(1, high)) for high in (10, 3, 3, 3)]
    Xs = data.draw(arrays(np.float64, tuple(shape), elements=st.floats(-1e6, 1e6, width=64)))
    ubound, padding = data.draw(st.sampled_from([1.0, 255.0])), data.draw(st.integers(0, 3))
    grid = visualize_grid(Xs, ubound, padding)
    n = next(n for n in range(1, 5) if n * n >= N)
    assert grid.shape == (n * H + (n - 1) * padding, n * W + (n - 1) * padding, C)
    assert np.isfinite(grid).all() and grid.min() >= 0 and grid.max() <= ubound * (1 + 1e-12)
    last = grid[(N - 1) // n * (H + padding) :, (N - 1) % n * (W + padding) :][:H, :W]
    np.testing.assert_allclose(last, visualize_grid(Xs[-1:], ubound), atol=1e-9)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: visualize_grid(np.ones((5, 4))), r"Xs must have 4 dimension\(s\), got an array of shape \(5, 4\)"),
        (lambda: visualize_grid(np.ones((1, 2, 2, 3)), padding=-1), "padding must be a whole number"),
        (lambda: show_images(np.ones((2, 3, 3, 3)), "ab", columns=0), "columns must be a whole number, at least 1"),
        (lambda: show_images(np.full((1, 2, 2, 3), np.nan), "a"), "images must hold finite numbers, got nan at row 0"),
        (lambda: show_images(np.ones((2, 3, 3, 3)), "a"), "titles must hold one title for each of 2 images, got 1"),
        (
            lambda: show_images(np.ones((2, 3, 32, 32)), "ab"),
            r"images must have shape \(N, H, W, 3\), got \(2, 3, 32, 32\): call images.transpose\(0, 2, 3, 1\) first",
        ),
        (lambda: show_examples(np.ones((2, 5, 3, 4)), [0, 1], "ab"), r"images must have shape .* got \(2, 5, 3, 4\)$"),
        (lambda: show_confusion([0, 2], [0, 1], "ab"), "y_true must hold class indices in 0..1, got 2 at row 1"),
        (lambda: show_confusion([0, 1], [0], "ab"), "y_pred must hold one label for each of 2 rows, got 1"),
        (lambda: show_examples(np.ones((2, 3, 3, 3)), [0, 2], "ab"), r"labels must hold class indices in 0..1, got 2"),
        (lambda: show_net_weights(make_toy_net()), "net must take square RGB images, got input size 4"),
        (lambda: LivePlot(-1), "seconds must be a finite number, at least 0, got -1"),
    ],
)
def test_bad_input_gets_a_clear_error(call, message):
    """The error names the argument, what it must be and what it was."""
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_weights_of_each_unit_become_a_tile():
    """Each column of W1 is an image with channels last."""
    net = TwoLayerNet(3072, 3, 10, rng=0)
    ax = show_net_weights(net)
    pixels = shown(ax)
    assert pixels.shape == (2 * 32 + 3, 2 * 32 + 3, 3) and len(ax.get_xticks()) == len(ax.get_yticks()) == 0
    second = net.params["W1"][:, 1].reshape(32, 32, 3)
    scaled = 255 * (second - second.min()) / np.ptp(second)
    np.testing.assert_array_equal(pixels[:32, 35:], scaled.astype(np.uint8))


def test_pictures_are_drawn_on_given_axes(toy_data):
    """The Axes in an argument are used and returned."""
    figure, axes = plt.subplots(2, 2)
    stats = make_toy_net().train(*toy_data, *toy_data, num_iters=2)
    assert plot_history(stats, list(axes[0])) == list(axes[0])
    assert show_net_weights(TwoLayerNet(12, 3, 2), ax=axes[1, 0]) is axes[1, 0]
    images, labels = np.zeros((4, 2, 2, 3)), [0, 1, 0, 1]
    assert show_examples(images, labels, ["cat", "dog"], ax=axes[1, 1]) is axes[1, 1]
    assert show_confusion(labels, labels, ["cat", "dog"], ax=axes[1, 1]) is axes[1, 1]
    assert list(plot_sweep(make_result(), axes[1])) == list(axes[1])
    assert plt.get_fignums() == [figure.number]


def test_examples_stand_in_the_row_of_their_class():
    """The second class has one image. The place of a second image is white."""
    images = np.zeros((3, 2, 2, 3)) + np.array([10, 20, 30]).reshape(3, 1, 1, 1)
    ax = show_examples(images, np.array([1, 0, 0]), ["cat", "dog"], per_class=2)
    pixels = shown(ax)[:, :, 0]
    assert [pixels[0, 0], pixels[0, 4], pixels[4, 0], pixels[4, 4]] == [20, 30, 10, 255]
    assert labels_of(ax.get_yticklabels()) == ["cat", "dog"]
    np.testing.assert_array_equal(ax.get_yticks(), [1, 5])  # the middle of each row


def test_images_have_their_titles():
    """Three images in two columns leave one place empty."""
    axes = show_images(np.zeros((3, 2, 2, 3)), ["a", "b", "c"], columns=2)
    assert axes.shape == (2, 2)
    assert [ax.get_title() for ax in axes.flat] == ["a", "b", "c", ""]
    assert not any(ax.axison for ax in axes.flat)


@pytest.mark.parametrize(
    ("images", "pixels", "note"),
    [
        (np.uint8([0, 1, 2, 3, 4, 5]), [0, 1, 2, 3, 4, 5], ""),  # uint8 keeps its scale
        (np.array([0, 0, 0, 30, 254.6, 255]), [0, 0, 0, 30, 255, 255], ""),
        (np.zeros(6), [0] * 6, ""),
        (np.array([-120.0, -1, 0, 60, 120, 135]), [0, 119, 120, 180, 240, 255], "Black is -120, white is 135"),
        (np.array([0.2, 0.4, 0.6, 0.6, 0.6, 0.8]), [51, 102, 153, 153, 153, 204], "Black is 0, white is 1"),
        (np.array([0, 0, 0, 1, 1, 1], bool), [0, 0, 0, 255, 255, 255], "Black is 0, white is 1"),
        (np.float32([0, 40, 80, 120, 160, 200]) / 128, [0, 51, 102, 153, 204, 255], "Black is 0, white is 1.56"),
        (np.full(6, -3.0), [0] * 6, "Black is -3, white is -3"),
    ],
)
def test_images_of_any_scale(images, pixels, note):
    """Images in 0..255 keep their scale. Others are scaled together, and a line names the scale."""
    images = images.reshape(2, 1, 1, 3)
    axes = show_images(images, ["a", "b"], columns=2)
    np.testing.assert_array_equal(np.concatenate([shown(ax).ravel() for ax in axes.flat]), pixels)
    assert [text.get_text() for text in axes[0, 0].figure.texts] == [note]
    ax = show_examples(images, [0, 1], ["cat", "dog"], per_class=1, ax=plt.subplots()[1])
    np.testing.assert_array_equal(shown(ax)[[0, 3], 0].ravel(), pixels)
    assert ax.get_xlabel() == note


def test_gray_images():
    """An image of one channel is shown in gray, not in the colours of matplotlib's colormap."""
    (ax,) = show_images(np.full((1, 2, 2, 1), 77.0), ["a"], columns=1).flat
    np.testing.assert_array_equal(shown(ax), np.full((2, 2, 3), 77))


def test_confusion_counts_by_true_class():
    """Of 20 cats, 11 are predicted as cats and 9 as dogs. There is no dog."""
    ax = show_confusion([0] * 20, np.array([0] * 11 + [1] * 9), ["cat", "dog"])
    np.testing.assert_allclose(ax.images[0].get_array(), [[55, 45], [0, 0]])
    assert labels_of(ax.texts) == ["55", "45", "0", "0"]
    # Black on yellow, white on blue.
    assert [text.get_color() for text in ax.texts] == ["black", "white", "white", "white"]
    assert ax.get_xlabel() == "predicted" and ax.get_yticklabels()[1].get_text() == "dog"


# Histories


def test_history_is_drawn(toy_data):
    """Losses and accuracies have labels. The validation loss is at the iterations of its epochs."""
    stats = make_toy_net().train(np.zeros((95, 4)), np.zeros(95, int), *toy_data, num_iters=2000, batch_size=1)
    loss_axes, accuracy_axes = plot_history(stats)
    np.testing.assert_array_equal(loss_axes.lines[0].get_ydata(), stats["loss_history"])
    np.testing.assert_array_equal(loss_axes.lines[1].get_ydata(), stats["val_loss_history"])
    np.testing.assert_array_equal(loss_axes.lines[1].get_xdata(), range(0, 2000, 95))  # the last is 1995
    np.testing.assert_array_equal(accuracy_axes.lines[0].get_ydata(), stats["train_acc_history"])
    np.testing.assert_array_equal(accuracy_axes.lines[1].get_ydata(), stats["val_acc_history"])
    legends = [labels_of(ax.get_legend().get_texts()) for ax in (loss_axes, accuracy_axes)]
    assert [[text.split(" ")[0] for text in legend] for legend in legends] == 2 * [["training", "validation"]]


def test_history_as_a_plain_dict_is_drawn(toy_data):
    """The validation loss may be missing. Epochs are spread evenly, because their length is unknown."""
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
    monkeypatch.setattr(vis_utils.time, "monotonic", lambda: clock[0])
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


@pytest.mark.parametrize("shell", [None, object()], ids=["Python", "IPython"])
def test_live_plot_in_a_script(toy_data, monkeypatch, shell):
    """A script's figure is redrawn in its window and stays open, in IPython's terminal too."""
    monkeypatch.setitem(sys.modules, "IPython", shell and SimpleNamespace(get_ipython=lambda: shell))
    drawn = []
    monkeypatch.setattr(plt.Figure, "show", lambda figure, warn: drawn.append(warn))
    monkeypatch.setattr(FigureCanvasAgg, "draw", lambda canvas: drawn.append("drawn"))
    make_toy_net().train(*toy_data, *toy_data, num_iters=3, callback=LivePlot(seconds=0))
    assert drawn == [False, "drawn"] * 4 and len(plt.get_fignums()) == 1
    loss_axes, accuracy_axes = plt.gcf().axes
    assert len(loss_axes.lines) == 2 and len(loss_axes.lines[0].get_ydata()) == 3
    assert loss_axes.get_xlabel() == "iteration"


def test_live_plot_without_iterations(toy_data):
    """No picture is drawn."""
    make_toy_net().train(*toy_data, *toy_data, num_iters=0, callback=LivePlot())
    assert plt.get_fignums() == []


# Sweeps


def test_sweep_is_drawn_by_hyperparameter():
    """Each hyperparameter has its Axes. Only finished trials are drawn. A ring marks the best."""
    reg_axes, dtype_axes = plot_sweep(make_result())
    points, ring = reg_axes.lines[0], reg_axes.lines[-1]
    np.testing.assert_array_equal(points.get_xydata(), [[0.1, 0.5], [1.0, 0.75]])
    np.testing.assert_array_equal(ring.get_xydata(), [[1.0, 0.75]])
    bars = reg_axes.collections[0].get_segments()
    np.testing.assert_allclose(bars, [[[0.1, 0.4], [0.1, 0.6]], [[1.0, 0.7], [1.0, 0.8]]])
    assert reg_axes.get_xscale() == "log" and dtype_axes.get_xscale() == "linear"
    assert labels_of(dtype_axes.get_xticklabels()) == ["float32", "float64"]
    assert reg_axes.get_ylabel() == "validation accuracy" and dtype_axes.get_xlabel() == "dtype (best: float64)"
    assert reg_axes.figure.texts[0].get_text() == "Validation accuracy of 2 nets against each hyperparameter"


def test_values_of_a_grid_are_drawn_side_by_side():
    """The ticks are at the values, with equal distances. The points of one value do not overlap."""
    grid = [(rate, H) for rate in (0.001, 0.0005) for H in (1000, 20, 300)]
    trials = [make_trial(i, {"learning_rate": rate, "hidden_size": H}, i / 10) for i, (rate, H) in enumerate(grid)]
    rate_axes, hidden_axes = plot_sweep(SweepResult(trials, None))
    np.testing.assert_array_equal(rate_axes.get_xticks(), [0, 1])
    assert labels_of(rate_axes.get_xticklabels()) == ["0.0005", "0.001"]
    assert labels_of(hidden_axes.get_xticklabels()) == ["20", "300", "1000"]
    xs = rate_axes.lines[0].get_xdata()
    np.testing.assert_allclose(xs, [5 / 6, 1, 7 / 6, -1 / 6, 0, 1 / 6])
    np.testing.assert_allclose(rate_axes.lines[-1].get_xydata(), [[1 / 6, 0.5]])
    assert rate_axes.get_xlabel() == "learning_rate (best: 0.0005)"


@pytest.mark.parametrize(
    "values, places, scale",
    [
        ([10.0**-i for i in range(9)], 9, "log"),  # a random search has many different values
        ([10.0**-i for i in range(9) for _ in "ab"], 9, "log"),
        ([10.0**-i for i in range(8) for _ in "ab"], 16, "linear"),  # a grid: side by side
        ([0.1, 0.4], 2, "log"),
        ([0.1, 0.3], 2, "linear"),  # the range must have a factor of at least four
        ([0.0, 0.4], 2, "linear"),  # 0 has no logarithm
    ],
)
def test_scale_of_a_hyperparameter(values, places, scale):
    """Values that do not repeat, or more than eight different ones, are drawn at their place on a scale."""
    (ax,) = plot_sweep(SweepResult([make_trial(i, {"reg": x}) for i, x in enumerate(values)], None))
    xs = ax.lines[0].get_xdata()
    assert ax.get_xscale() == scale and len(set(xs)) == places and (xs[0] == values[0]) == (places < 16)


def make_done(index, accuracy, error):
    return make_trial(index, {"reg": index / 10}, accuracy, error, seconds=index + 0.25)


def test_sweep_table_is_ranked():
    """The best trial is first, and trials without a result are last. Stars come from the error of the best."""
    trials = [
        Trial(0, {"reg": 0.0}, [0, 0], state="diverged", seconds=1),
        make_done(1, 0.885, 0.001),
        make_done(2, 0.9, 0.02),
        Trial(3, {"reg": 0.3}, [0, 3], state="failed", error="MemoryError: "),
        make_done(4, 0.5, 0.5),
    ]
    assert str(sweep_table(SweepResult(trials, None))).splitlines() == [
        "reg  validation accuracy  seconds",
        "0.2      0.900 ± 0.020 *      2.2",
        "0.1      0.885 ± 0.001 *      1.2",
        "0.4      0.500 ± 0.500        4.2",
        "0.0             diverged      1.0",
        "0.3               failed      0.0",
        "* within one standard error of the best",
    ]


def test_sweep_table_without_a_good_trial():
    """No trial gets a star. A type is shown by its name."""
    trials = [Trial(0, {"reg": 0.1, "dtype": np.float32}, [0, 0], state="failed")]
    assert sweep_table(SweepResult(trials, None)).rows == [["0.1", "float32", "failed", "0.0"]]


def test_table_says_what_was_stopped():
    """The table has the numbers of iterations, and marks the trials that a callback stopped."""
    trials = [make_done(0, 0.5, 0.1), make_done(1, 0.25, 0.1)]
    trials[0].stats, trials[1].stats = {"loss_history": [1.0, 1.0]}, {"loss_history": 3 * [1.0]}
    assert "iterations" not in str(sweep_table(SweepResult(trials, None)))
    trials[0].stopped = True
    table = sweep_table(SweepResult([*trials, Trial(2, trials[0].params, [0, 2], state="failed")], None))
    assert table.columns[-3:] == ["validation accuracy", "iterations", "seconds"]
    assert [row[-2] for row in table.rows] == ["2, stopped", "3", "0"]
