"""Tests of the pictures. They read the arrays and texts of the matplotlib figures."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import make_toy_net
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from test_curves import make_result

from classifiers.neural_net import TwoLayerNet
from datasets.standin import CLASS_NAMES, MARK, draw_batch
from vis_utils import (
    plot_history,
    plot_sweep,
    show_confusion,
    show_examples,
    show_images,
    show_net_weights,
    show_stand_in,
    visualize_grid,
)


@pytest.fixture(autouse=True)
def closed_figures():
    """Close all figures after each test."""
    yield
    plt.close("all")


@pytest.mark.parametrize("N, n", [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4)])
def test_grid_is_square_for_any_number_of_tiles(N, n):
    """The grid has ceil(sqrt(N)) tiles per side, and padding only between tiles."""
    assert visualize_grid(np.random.rand(N, 4, 5, 3), padding=2).shape == (4 * n + 2 * (n - 1), 5 * n + 2 * (n - 1), 3)


def test_each_tile_is_scaled_by_itself():
    """The values 1..3 of the first tile and -200..200 of the second tile both become 0..255."""
    Xs = np.array([[[[1.0], [2.0], [3.0]]], [[[-200.0], [0.0], [200.0]]]])  # (2, 1, 3, 1)
    grid = visualize_grid(Xs, padding=1)
    np.testing.assert_array_equal(grid[0, :, 0], [0, 127.5, 255, 0, 0, 127.5, 255])
    assert not grid[1:].any()  # padding, and two unused tiles


def test_constant_tile_is_black():
    """The scale does not divide 0 by 0."""
    np.testing.assert_array_equal(visualize_grid(np.full((1, 2, 2, 3), 7.0)), np.zeros((2, 2, 3)))


def test_grid_without_padding_and_another_bound():
    """padding=0 loses no pixels."""
    grid = visualize_grid(np.arange(4.0).reshape(1, 2, 2, 1), ubound=1.0, padding=0)
    np.testing.assert_allclose(grid[:, :, 0], [[0, 1 / 3], [2 / 3, 1]])


@given(st.data())
def test_grid_of_any_shape(data):
    """Values stay in 0..ubound, also in constant tiles."""
    finite = st.floats(-1e6, 1e6, width=64)
    Xs = data.draw(arrays(np.float64, array_shapes(min_dims=4, max_dims=4, max_side=4), elements=finite))
    ubound, padding = data.draw(st.sampled_from([1.0, 255.0])), data.draw(st.integers(0, 3))
    grid = visualize_grid(Xs, ubound, padding)
    n = int(np.ceil(np.sqrt(len(Xs))))
    assert grid.shape == (n * (Xs.shape[1] + padding) - padding, n * (Xs.shape[2] + padding) - padding, Xs.shape[3])
    assert np.isfinite(grid).all() and grid.min() >= 0 and grid.max() <= ubound * (1 + 1e-12)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: visualize_grid(np.ones((5, 4))), r"Xs must have 4 dimension\(s\), got an array of shape \(5, 4\)"),
        (lambda: visualize_grid(np.full((1, 2, 2, 3), np.nan)), "Xs must hold finite numbers, got nan"),
        (lambda: visualize_grid(np.ones((1, 2, 2, 3)), padding=-1), "padding must be a whole number"),
        (lambda: show_images(np.ones((5, 4)), "abcde"), r"images must have 4 dimension\(s\)"),
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
        (lambda: show_confusion([0, 1], [[0], [1]], "ab"), r"y_pred must have 1 dimension\(s\), got"),
        (lambda: show_examples(np.ones((2, 3, 3, 3)), [0], "ab"), "labels must hold one label for each of 2 rows"),
        (lambda: show_examples(np.ones((2, 3, 3, 3)), [0, 2], "ab"), r"labels must hold class indices in 0..1, got 2"),
    ],
)
def test_bad_input_gets_a_clear_error(call, message):
    """The error names the argument, what it must be and what it was."""
    with pytest.raises(ValueError) as caught:
        call()
    assert re.match(message, str(caught.value)), str(caught.value)


def test_weights_of_each_unit_become_a_tile():
    """Each column of W1 is an image with channels last."""
    net = TwoLayerNet(3072, 3, 10, rng=0)
    ax = show_net_weights(net)
    shown = ax.images[0].get_array()
    assert shown.shape == (2 * 32 + 3, 2 * 32 + 3, 3)
    second = net.params["W1"][:, 1].reshape(32, 32, 3)
    scaled = 255 * (second - second.min()) / np.ptp(second)
    np.testing.assert_array_equal(shown[:32, 35:], scaled.astype(np.uint8))


def test_weights_that_are_not_images():
    """Four inputs are not a square RGB image."""
    with pytest.raises(ValueError, match="net must take square RGB images, got input size 4"):
        show_net_weights(make_toy_net())


def test_pictures_are_drawn_on_given_axes(toy_data):
    """The Axes in an argument are used and returned."""
    figure, axes = plt.subplots(2, 2)
    stats = make_toy_net().train(*toy_data, *toy_data, num_iters=2)
    assert plot_history(stats, list(axes[0])) == list(axes[0])
    assert show_net_weights(TwoLayerNet(12, 3, 2), ax=axes[1, 0]) is axes[1, 0]
    images, labels = np.zeros((4, 2, 2, 3)), [0, 1, 0, 1]
    assert show_examples(images, labels, ["cat", "dog"], ax=axes[1, 1]) is axes[1, 1]
    assert show_confusion(labels, labels, ["cat", "dog"], ax=axes[1, 1]) is axes[1, 1]
    assert show_stand_in(ax=axes[1, 0]) is axes[1, 0]
    assert list(plot_sweep(make_result(), axes[1])) == list(axes[1])
    assert plt.get_fignums() == [figure.number]


def test_examples_stand_in_the_row_of_their_class():
    """The second class has one image. The place of a second image is white."""
    images = np.zeros((3, 2, 2, 3)) + np.array([10, 20, 30]).reshape(3, 1, 1, 1)
    ax = show_examples(images, np.array([1, 0, 0]), ["cat", "dog"], per_class=2)
    shown = ax.images[0].get_array()[:, :, 0]
    assert [shown[0, 0], shown[0, 4], shown[4, 0], shown[4, 4]] == [20, 30, 10, 255]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]


def test_stand_in_is_shown_with_its_mark():
    """Each class has a row of ten images, with the channels in the right order."""
    ax = show_stand_in()
    assert ax.get_title() == MARK and list(ax.figure.get_size_inches()) == [7, 7]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(CLASS_NAMES)
    shown = np.asarray(ax.images[0].get_array())
    assert shown.shape == (340, 340, 3)
    pixels, labels = draw_batch(300, 0)
    tenth = pixels[np.flatnonzero(labels == 3)[9]].reshape(3, 32, 32)
    for channel in range(3):
        np.testing.assert_array_equal(shown[102:134, 306:338, channel], tenth[channel])


def test_images_have_their_titles():
    """Three images in two columns leave one place empty."""
    axes = show_images(np.zeros((3, 2, 2, 3)), ["a", "b", "c"], columns=2)
    assert axes.shape == (2, 2)
    assert [ax.get_title() for ax in axes.flat] == ["a", "b", "c", ""]


def shown(ax):
    """Return the pixels of a picture."""
    return np.asarray(ax.images[0].get_array())


@pytest.mark.parametrize(
    ("images", "pixels", "note"),
    [
        (np.uint8([0, 1, 2, 3, 4, 5]), [0, 1, 2, 3, 4, 5], ""),  # uint8 keeps its scale
        (np.array([0, 0, 0, 30, 254.6, 255]), [0, 0, 0, 30, 255, 255], ""),
        (np.array([0, 0, 0, 30, 60, 90]), [0, 0, 0, 30, 60, 90], ""),
        (np.zeros(6), [0] * 6, ""),
        (np.array([-120.0, -1, 0, 60, 120, 135]), [0, 119, 120, 180, 240, 255], "Black is -120, white is 135"),
        (np.int16([-120, -1, 0, 60, 120, 135]), [0, 119, 120, 180, 240, 255], "Black is -120, white is 135"),
        (np.int8([-128, -1, 0, 60, 120, 127]), [0, 127, 128, 188, 248, 255], "Black is -128, white is 127"),
        (np.arange(6, dtype=np.float32) / 5, [0, 51, 102, 153, 204, 255], "Black is 0, white is 1"),
        (np.array([0.2, 0.4, 0.6, 0.6, 0.6, 0.8]), [51, 102, 153, 153, 153, 204], "Black is 0, white is 1"),
        (np.array([0, 0, 0, 1, 1, 1], bool), [0, 0, 0, 255, 255, 255], "Black is 0, white is 1"),
        (np.float32([0, 40, 80, 120, 160, 200]) / 128, [0, 51, 102, 153, 204, 255], "Black is 0, white is 1.56"),
        (np.float16([-2, -1, 0, 1, 2, 3]), [0, 51, 102, 153, 204, 255], "Black is -2, white is 3"),
        (np.array([0.0, 102, 204, 306, 408, 510]), [0, 51, 102, 153, 204, 255], "Black is 0, white is 510"),
        (np.uint16([0, 13107, 0, 0, 0, 65535]), [0, 51, 0, 0, 0, 255], "Black is 0, white is 6.55e+04"),
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


def test_a_row_of_mean_subtracted_images_keeps_its_order():
    """All images have the same scale. If an image is brighter than another, it stays brighter."""
    images = np.array([-20.0, -10, 10, 40]).reshape(4, 1, 1, 1)
    levels = [shown(ax)[0, 0, 0] for ax in show_images(images, "abcd").flat[:4]]
    assert levels == sorted(levels) and levels[0] == 0 and levels[3] == 255


def test_gray_images():
    """An image of one channel is shown in gray, not in the colours of matplotlib's colormap."""
    (ax,) = show_images(np.full((1, 2, 2, 1), 77.0), ["a"], columns=1).flat
    np.testing.assert_array_equal(shown(ax), np.full((2, 2, 3), 77))


def test_confusion_counts_by_true_class():
    """Two of three cats are predicted as cats, and one as a dog. There is no dog."""
    ax = show_confusion([0, 0, 0], np.array([0, 1, 0]), ["cat", "dog"])
    np.testing.assert_allclose(ax.images[0].get_array(), [[200 / 3, 100 / 3], [0, 0]])
    assert [text.get_text() for text in ax.texts] == ["67", "33", "0", "0"]
    # Black on yellow, white on blue.
    assert [text.get_color() for text in ax.texts] == ["black", "white", "white", "white"]
    assert ax.get_xlabel() == "predicted" and ax.get_yticklabels()[1].get_text() == "dog"
