"""Tests of accuracy, loss and probabilities, also for nets with their own loss."""

import numpy as np
import pytest
from conftest import make_toy_net, random_problem

from classifiers import evaluation
from classifiers.evaluation import accuracy, chunks, evaluate
from classifiers.neural_net import TwoLayerNet


@pytest.fixture(params=[1000, 7, 1])
def rows(request, monkeypatch):
    """The number of rows in a chunk."""
    monkeypatch.setattr(evaluation, "CHUNK", request.param)
    return request.param


def test_chunks_have_each_row_once(rows):
    """The rows are in order, and several arrays are cut in the same way."""
    parts = list(chunks(np.arange(20), np.arange(20, 40)))
    assert [len(a) for a, _ in parts] == [min(rows, 20 - i) for i in range(0, 20, rows)]
    np.testing.assert_array_equal(np.concatenate([a for a, _ in parts]), np.arange(20))
    assert all((b - a == 20).all() for a, b in parts)


def test_loss_is_that_of_the_net(rows):
    """The loss is the mean over all rows plus the penalty, for every chunk size."""
    net, X, y = random_problem(20, 4, 6, 3)
    share, loss = evaluate(net, X, y, 0.5)
    assert abs(loss - net.loss(X, y, 0.5)[0]) < 1e-12 and type(loss) is float
    assert share == accuracy(net, X, y) == np.mean(net.predict(X) == y) and 0 < share < 1


def test_own_loss_is_used(rows):
    """The loss of a subclass, a squared error, is averaged over the rows. No penalty is added."""

    class Squared(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            scores = super().loss(X)
            if y is None:
                return -scores
            return np.mean((scores - np.eye(3)[y]) ** 2) + reg, {}

    plain, X, y = random_problem(20, 4, 6, 3)
    net = Squared(4, 6, 3)
    net.params = plain.params
    share, loss = evaluate(net, X, y, 0.5)
    assert abs(loss - net.loss(X, y, 0.5)[0]) < 1e-12
    assert share == np.mean(plain.loss(X).argmin(axis=1) == y)


def test_own_loss_gets_the_dtype_of_the_net():
    """X is converted first, as in a training step."""
    seen = []

    class Watched(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            seen.append((X.dtype, y is None))
            return super().loss(X, y, reg)

    evaluate(Watched(4, 3, 2, dtype=np.float32), np.ones((5, 4), np.uint8), np.zeros(5, int), 0.0)
    assert seen == [(np.float32, True), (np.float32, False)]


def test_own_predict_gives_only_the_accuracy(rows):
    """The loss is still computed from the scores."""

    class Stubborn(TwoLayerNet):
        def predict(self, X):
            return np.full(len(X), 2)

    plain, X, y = random_problem(20, 4, 6, 3)
    net = Stubborn(4, 6, 3)
    net.params, y = plain.params, np.full(20, 2)
    assert accuracy(plain, X, y) < 1
    share, loss = evaluate(net, X, y, 0.5)
    assert share == accuracy(net, X, y) == 1 and abs(loss - plain.loss(X, y, 0.5)[0]) < 1e-12


@pytest.mark.parametrize("reg", [0.0, 5.0])
def test_history_of_validation_losses(toy_data, reg):
    """Each value includes the penalty and is computed after the first step of the epoch."""
    X, y = toy_data
    net, seen = make_toy_net(), []

    def look(net, it, stats):
        seen.append(net.loss(X[:3], y[:3], reg)[0])

    stats = net.train(X, y, X[:3], y[:3], 0.1, reg=reg, num_iters=7, batch_size=2, callback=look)
    np.testing.assert_allclose(stats["val_loss_history"], seen, rtol=1e-12)
    assert len(seen) == 4 and len(set(seen)) == 4


def test_probabilities(rows):
    """The probabilities are the softmax of each row, in the dtype of the net."""
    net, X, _ = random_problem(20, 4, 6, 3)
    scores = net.loss(X)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-12)
    net, X, _ = random_problem(5, 4, 6, 3, dtype=np.float32)
    assert net.predict_proba((10 * X).astype(np.int8)).dtype == np.float32


def test_probabilities_of_large_scores():
    """Scores of 1e4 and -1e4 give 0 and 1 without a warning."""
    net, X, _ = random_problem(5, 4, 6, 3)
    net.params["W2"] *= 1e4
    p = net.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-11)
    np.testing.assert_array_equal(p.argmax(axis=1), net.predict(X))
    assert p.min() == 0 and p.max() == 1


def test_probabilities_of_a_net_with_its_own_scores():
    """predict_proba uses the scores of an overridden loss, like predict."""

    class Upside(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            return -super().loss(X)

    plain, X, _ = random_problem(5, 4, 6, 3)
    net = Upside(4, 6, 3)
    net.params = plain.params
    np.testing.assert_array_equal(net.predict_proba(X).argmax(axis=1), net.predict(X))


def test_probabilities_of_wrong_columns():
    """The error is the same as for predict."""
    with pytest.raises(ValueError, match="X must have 4 columns, got an array of shape"):
        make_toy_net().predict_proba(np.ones((2, 5)))
