"""Tests of the pictures. They read the arrays and texts of the matplotlib figures."""

import io
import sys
from contextlib import nullcontext
from itertools import combinations
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import make_toy_net
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Annotation, Text

import vis_utils
from benchmarks import accuracy, speed
from classifiers.callbacks import Callbacks
from classifiers.layers import backward, forward, softmax_loss
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep import SweepResult, Trial
from vis_utils import (
    COLORS,
    EDGES,
    NODES,
    LivePlot,
    plot_history,
    plot_sweep,
    show_confusion,
    show_examples,
    show_graph,
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


@settings(deadline=None)
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
    assert show_graph(axes[1, 0]) is axes[1, 0]
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
    axes = show_images(np.zeros((3, 2, 2, 3)), ["a", "b", "c"], columns=2, heading="The alphabet")
    assert axes.shape == (2, 2) and labels_of(axes[0, 0].figure.texts) == ["", "The alphabet"]
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
    assert [text.get_text() for text in axes[0, 0].figure.texts] == [note, ""]
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


@pytest.mark.parametrize("error", [None, RuntimeError("no display")])
def test_picture_does_not_end_training(toy_data, monkeypatch, error):
    """A closed window ends the pictures, and another error is a warning."""

    shown = []

    def close(figure, warn):
        shown.append(figure)
        plt.close(figure)
        if error:
            raise error

    monkeypatch.setattr(plt.Figure, "show", close)
    with pytest.warns(RuntimeWarning, match="LivePlot draws .*: RuntimeError: no display") if error else nullcontext():
        stats = make_toy_net().train(*toy_data, *toy_data, num_iters=4, callback=LivePlot(seconds=0))
    assert stats.ended == "finished" and len(stats["loss_history"]) == 4 and plt.get_fignums() == []
    assert len(shown) == 1


def test_live_plots_share_a_figure(toy_data):
    """One figure stays after several trainings, but two trainings at once have two."""
    live, labels = LivePlot(seconds=0), []

    def fail(net, it, stats):
        raise ZeroDivisionError

    def inner(net, it, stats):
        make_toy_net().train(*toy_data, num_iters=1, callback=live)
        labels.append(sorted(plt.get_figlabels()))

    with pytest.raises(ZeroDivisionError):
        make_toy_net().train(*toy_data, num_iters=1, callback=Callbacks(live, fail))
    for _ in range(3):
        make_toy_net().train(*toy_data, *toy_data, num_iters=1, callback=LivePlot(seconds=0))
    assert len(plt.get_fignums()) == 1 and len(plt.gcf().axes) == 2
    make_toy_net().train(*toy_data, num_iters=1, callback=Callbacks(live, inner))
    assert labels == [["training 1", "training 2"]] and live.axes is None


def test_tile_that_is_constant_up_to_rounding():
    """Rounding errors are not shown as black and white."""
    tile = np.full((1, 2, 2, 1), 0.1)
    tile[0, 0, 0, 0] = np.nextafter(0.1, 1)
    assert visualize_grid(tile).max() < 1e-6


def test_history_without_validation(toy_data):
    """Only the lines of the training are drawn."""
    axes = plot_history(make_toy_net().train(*toy_data, num_iters=2))
    assert [len(ax.lines) for ax in axes] == [1, 1]


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


# The graph of the net


def test_shapes_of_the_graph():
    """Each edge from an array has its shape, and each gradient the shape that `backward` gives it."""
    N, D, H, C = 5, 4, 10, 3
    net, X, y = make_toy_net(), np.ones((N, D)), np.zeros(N, int)
    hidden, scores = forward(net.params, X)
    loss, dscores = softmax_loss(scores, y)
    grads = {f"d{name}": grad for name, grad in backward(net.params, X, hidden, dscores).items()}
    arrays = dict(X=X, y=y, hidden=hidden, scores=scores, dhidden=hidden, dscores=dscores, **net.params, **grads)
    sizes, shown_shapes = dict(N=N, D=D, H=H, C=C), []
    for start, end, shape, gradient in EDGES:
        for name in {start, end, gradient} & set(arrays):
            assert eval(shape, sizes) == arrays[name].shape
            shown_shapes.append(name)
    assert set(shown_shapes) == set(arrays)
    assert sorted(start for start, *_ in EDGES) == sorted(set(NODES) - {"loss"})  # everything leads to the loss
    texts = labels_of(show_graph().texts)
    for _, _, shape, gradient in EDGES:
        assert shape in texts and gradient in (text.partition("\n")[0] for text in texts)
    assert {"dW2\n(H, C)", "dhidden\n(N, H)", "dscores\n(N, C)", "1", "reg * W1, reg * W2"} < set(texts)


@pytest.fixture
def drawn_graph():
    """The graph as the notebook shows it: 72 dpi. Return its Axes, renderer, texts and arrows."""
    with plt.rc_context({"figure.dpi": 72}):
        ax = show_graph()
    ax.figure.canvas.draw()
    arrows = [text for text in ax.texts if isinstance(text, Annotation)]
    return ax, ax.figure.canvas.get_renderer(), [text for text in ax.texts if text.get_text()], arrows


def test_nothing_overlaps_in_the_graph(drawn_graph):
    """Texts overlap neither texts nor arrows. A text is in the box of its node or outside all boxes."""
    ax, renderer, texts, arrows = drawn_graph
    figure = ax.figure.bbox
    places = [text.get_window_extent(renderer) for text in [ax.title, *texts]]
    for place in places:
        assert figure.contains(*place.min) and figure.contains(*place.max)
        for arrow in arrows:
            assert not place.overlaps(arrow.arrow_patch.get_window_extent(renderer))
        boxes = [box.get_window_extent(renderer) for box in ax.patches]
        holding = [box for box in boxes if box.overlaps(place)]
        assert len(holding) <= 1 and all(box.contains(*place.min) and box.contains(*place.max) for box in holding)
    assert [pair for pair in combinations(places, 2) if pair[0].overlaps(pair[1])] == []


def test_arrows_of_the_graph(drawn_graph):
    """Each edge has a solid arrow from box to box, and the gradient a dashed one back. No arrows cross."""
    ax, renderer, texts, arrows = drawn_graph
    boxes = [box.get_window_extent(renderer) for box in ax.patches]
    centres = {text.get_text(): ax.transData.transform(text.get_position()) for text in texts}
    names = [{name for name, centre in centres.items() if box.contains(*centre)} for box in boxes]
    found = set()
    for arrow in arrows:
        ends = [ax.transData.transform(end) for end in (arrow.xyann, arrow.xy)]
        assert not any(box.padded(-1).contains(*end) for box in boxes for end in ends)
        (start,), (end,) = ([n for n, box in enumerate(boxes) if box.padded(1).contains(*end)] for end in ends)
        found.add((start, end, arrow.arrow_patch.get_linestyle()))
    numbers = {name: number for number, name in enumerate(NODES)}
    edges = [(numbers[start], numbers[end], gradient) for start, end, _, gradient in EDGES]
    assert found == {(a, b, "-") for a, b, _ in edges} | {(b, a, "--") for a, b, gradient in edges if gradient}
    assert [names[a] for a, _, gradient in edges if not gradient] == [{"X"}, {"y"}]
    assert set().union(*names) > {"W1", "b1", "W2", "b2", "hidden", "scores", "loss"}
    places = [arrow.arrow_patch.get_window_extent(renderer) for arrow in arrows]
    assert [pair for pair in combinations(places, 2) if pair[0].overlaps(pair[1])] == [] and not ax.axison


# Colours


def linear(colors):
    """Return colours in linear RGB, shape (n, 3)."""
    rgb = np.array([to_rgb(color) for color in colors])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb):
    return np.clip(rgb, 0, 1) @ [0.2126, 0.7152, 0.0722]


def lightness(rgb):
    """Return L* of CIELAB, from 0 to 100."""
    Y = luminance(rgb)
    return np.where(Y > 216 / 24389, 116 * np.cbrt(Y) - 16, 24389 / 27 * Y)


def contrast(color, background):
    """Return the contrast ratio of WCAG 2.2, from 1 to 21."""
    dark, light = np.sort(luminance(linear([color, background])))
    return (light + 0.05) / (dark + 0.05)


# Severity 1.0 in Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of
# color vision deficiency", 2009. The matrices are for linear RGB. A grey picture keeps lightness.
VISIONS = {
    "normal, and grey": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def differ(colors, matrix):
    """Tell if the lightness of n colours differs by 40 / n, and their contrast with white is 3."""
    seen = linear(colors) @ np.transpose(matrix)
    return np.diff(np.sort(lightness(seen))).min() > 40 / len(colors) and 1.05 / (luminance(seen).max() + 0.05) > 3


def lines_of(ax):
    """Return the colours on white and the styles of a picture's lines, and of its kinds of arrows."""
    lines = [(to_rgba(a.get_color(), a.get_alpha()), a.get_marker(), a.get_linestyle()) for a in ax.lines]
    arrows = [text.arrow_patch for text in ax.texts if isinstance(text, Annotation)]
    colors, *styles = zip(*lines, *{(a.get_edgecolor(), "", a.get_linestyle()) for a in arrows}, strict=True)
    return [tuple(1 - alpha * (1 - np.array(rgb))) for *rgb, alpha in colors], list(zip(*styles, strict=True))


def make_history():
    points = [0.1, 0.2, 0.3]
    names = ("loss_history", "val_loss_history", "train_acc_history", "val_acc_history")
    return {name: points for name in names}


def draw_accuracy(n):
    rows = [{"seconds": 30, "test_accuracy": 0.5}, {"seconds": 31, "test_accuracy": 0.51}]
    ax = accuracy.plot({f"recipe {i}": rows for i in range(n)}, io.BytesIO())
    assert len(ax.lines) == n
    return ax


def draw_speed(names):
    return speed.plot({H: {name: [H / 50] for name in names} for H in (50, 200)}, io.BytesIO())


def draw_live():
    make_toy_net().train(np.ones((5, 4)), [0] * 5, np.ones((5, 4)), [0] * 5, num_iters=3, callback=LivePlot(seconds=0))
    return plt.gcf().axes


OF_NETS = {
    "history": lambda: plot_history(make_history()),
    "history on Axes": lambda: plot_history(make_history(), plt.subplots(1, 2)[1]),
    "live": draw_live,
    "sweep": lambda: plot_sweep(make_result()),
    "sweep on Axes": lambda: plot_sweep(make_result(), plt.subplots(1, 2)[1]),
    "graph": show_graph,
}
LINES = {
    **OF_NETS,
    "accuracy, usual": lambda: draw_accuracy(4),
    "accuracy": lambda: draw_accuracy(7),
    "speed": lambda: draw_speed([name for name in speed.CONTENDERS if name != "before"]),
    "speed, all": lambda: draw_speed(speed.CONTENDERS),
    "speed before": lambda: draw_speed(["before", "ours"]),
}


@pytest.mark.parametrize("draw", LINES.values(), ids=LINES)
def test_lines_differ_for_everybody(draw):
    """Lines differ in brightness however one sees colours. More than two differ in marker or dashes, too."""
    with plt.style.context("dark_background"):
        axes = draw()
    for ax in np.ravel(axes):
        colors, styles = lines_of(ax)
        assert [name for name, matrix in VISIONS.items() if not differ(colors, matrix)] == []
        assert len(colors) == 2 or len(set(styles)) == len(colors)


def test_more_histories_on_the_same_axes():
    """Their lines have the next colours. After the eighth, the first comes again."""
    axes = plt.subplots(2, 1)[1]
    axes[0].axhline(0.5, color="green")
    for _ in range(5):
        plot_history(make_history(), axes)
    colors = [[line.get_color() for line in ax.lines] for ax in axes]
    assert colors[1] == [*COLORS, *COLORS[:2]] and colors[0] == ["green", *COLORS[1:], *COLORS[:3]]


def test_usual_colours_do_not_differ():
    """The test above would find matplotlib's colours too similar or too bright."""
    for colors in ["C0", "C1"], ["C1", "C2"], ["C2", "C3"], ["C0", "C2"]:
        assert not all(differ(colors, matrix) for matrix in VISIONS.values())


@pytest.mark.parametrize("vision", VISIONS)
def test_confusion_gets_brighter(vision):
    """A share that is 10 percent larger is brighter however one sees colours."""
    colors = show_confusion([0], [0], ["cat", "dog"]).images[0].cmap(np.linspace(0, 1, 11))[:, :3]
    assert np.diff(lightness(linear(colors) @ np.transpose(VISIONS[vision]))).min() > 5


@pytest.mark.parametrize("share", [0, 40, *range(44, 52), 60, 100])
def test_numbers_in_a_confusion_are_readable(share):
    """The contrast of the number with its cell is at least 4.5."""
    ax = show_confusion([0] * 100, [0] * share + [1] * (100 - share), ["cat", "dog"])
    text, image = ax.texts[0], ax.images[0]
    assert text.get_text() == str(share)
    assert contrast(text.get_color(), image.cmap(image.norm(image.get_array()[0, 0]))) >= 4.5


# Styles of the caller

IMAGES = np.zeros((2, 4, 4, 3))
PICTURES = {
    **OF_NETS,
    "graph on Axes": lambda: show_graph(plt.subplots()[1]),
    "images": lambda: show_images(IMAGES - 1, ["a", "b"], heading="c"),
    "weights": lambda: show_net_weights(TwoLayerNet(12, 3, 2)),
    "examples": lambda: show_examples(IMAGES - 1, [0, 1], ["cat", "dog"]),
    "confusion": lambda: show_confusion([0, 1], [0, 1], ["cat", "dog"]),
    "accuracy": lambda: draw_accuracy(2),
    "speed": lambda: draw_speed(["ours"]),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("style", ["dark_background", {"figure.facecolor": "none", "axes.facecolor": "none"}])
def test_pictures_are_dark_on_white(draw, style):
    """They are opaque, too. The caller's own style stays what it is."""
    with plt.style.context(style):
        before = dict(plt.rcParams)
        axes = np.ravel(draw())
        assert dict(plt.rcParams) == before
        figure, file = axes[0].figure, io.BytesIO()
        figure.savefig(file)
    file.seek(0)
    pixels = plt.imread(file)
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 1).all()  # white, alpha 1
    for ax in axes:
        cells = set(ax.texts) if ax.images else set()
        texts = {text for text in figure.findobj(Text) if text.get_text() and text.get_visible()} - cells
        assert texts and min(contrast(text.get_color(), "white") for text in texts) >= 4.5
        assert {to_rgba(spine.get_edgecolor()) for spine in ax.spines.values()} == {to_rgba("black")}
        backgrounds = [ax.patch, *([ax.get_legend().get_frame()] if ax.get_legend() else [])]
        assert {to_rgb(patch.get_facecolor()) for patch in backgrounds} == {(1, 1, 1)}


def test_title_of_the_caller_is_dark():
    """Titles that stood on a dark figure are readable on the white one, and so are small ticks."""
    with plt.style.context("dark_background"):
        figure, ax = plt.subplots()
        figure.suptitle("Mine")
        ax.set_yscale("log")
        show_graph(ax)
    assert figure.texts[0].get_color() == "black"
    assert {tick.tick1line.get_color() for tick in ax.yaxis.get_minor_ticks()} == {"black"}
