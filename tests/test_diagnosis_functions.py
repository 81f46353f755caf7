"""Tests of diagnosis.functions: a net of functions works like `TwoLayerNet`."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_toy_net

from classifiers import layers, sgd
from diagnosis import check_net
from diagnosis.functions import FunctionNet

FUNCTIONS = {name: getattr(layers, name) for name in ("forward", "softmax_loss", "penalty", "backward", "best_class")}
FUNCTIONS |= {"draw_minibatch": sgd.draw_minibatch, "update": sgd.update}


def make_net(**functions):
    np.random.seed(0)
    return FunctionNet(SimpleNamespace(**{**FUNCTIONS, **functions}), 4, 10, 3, 0.1)


def test_same_as_the_net_of_the_lab(toy_data):
    """Scores, loss, gradients, a training and predictions are the same."""
    X, y = toy_data
    net, right = make_net(), make_toy_net()
    assert np.array_equal(net.loss(X), right.loss(X)) and net.loss(X, y, 0.3)[0] == right.loss(X, y, 0.3)[0]
    options = {"learning_rate": 0.1, "learning_rate_decay": 0.5, "reg": 0.01, "num_iters": 7, "batch_size": 2}
    histories = []
    for each in (net, right):
        np.random.seed(1)
        histories.append(each.train(X, y, X, y, **options))
    for name in histories[0]:
        assert histories[0][name] == pytest.approx(histories[1][name]), name
    for name, param in right.params.items():
        assert np.allclose(net.params[name], param, rtol=1e-12)
    assert np.array_equal(net.predict(X), right.predict(X))


def missing(*arguments):
    raise NotImplementedError("Write it")


@pytest.mark.parametrize(
    "name, stage, words",
    [
        ("forward", "scores", "Next: Write it"),
        ("softmax_loss", "loss", "the scores are correct"),
        ("penalty", "loss", "the scores are correct"),
        ("backward", "gradients", "the scores and the loss are correct"),
        ("update", "update", "train is not finished"),
        ("best_class", "predict", "predict is not finished"),
    ],
)
def test_function_that_is_not_written(toy_data, name, stage, words):
    """The report names the stage. Without a backward pass, the loss is checked."""
    report = check_net(make_net(**{name: missing}), *toy_data)
    assert words in "".join(report.findings) and report.stage == stage
    if name == "backward":
        double = check_net(make_net(backward=missing, penalty=lambda *a: 7 * layers.penalty(*a)), *toy_data)
        assert "Next" not in double.findings[0]


def test_mistakes_are_found(toy_data):
    """The functions of the file decide."""
    twice = make_net(
        softmax_loss=lambda scores, y: (layers.softmax_loss(scores, y)[0], 2 * layers.softmax_loss(scores, y)[1])
    )
    assert "2 times what it should be" in "".join(check_net(twice, *toy_data).findings)
    assert check_net(make_net(), *toy_data).ok
