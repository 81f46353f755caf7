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


def change(name, edit):
    """Return a function of the lab whose result is changed by ``edit(result, *arguments)``."""
    return {name: lambda *arguments: edit(FUNCTIONS[name](*arguments), *arguments)}


def replace_gradient(value, params, reg, grads=None):
    for name in ("W1", "W2") if grads else ():
        grads[name] = reg * params[name]
    return value


def pre_activation(answer, params, X):
    return X @ params["W1"] + params["b1"], answer[1]


@pytest.mark.parametrize(
    "functions, words",
    [
        (change("softmax_loss", lambda a, *_: (a[0], 2 * a[1])), ["2 times what it should be"]),
        (change("softmax_loss", lambda a, *_: (0.3 * a[0], a[1])), ["the loss without penalty is 0.3 times what it"]),
        ({"backward": missing, **change("softmax_loss", lambda a, s, y: (a[0], len(y) * a[1]))},
         ["the gradient is 5 times too large", "Next: Write it"]),
        ({"penalty": missing, **change("softmax_loss", lambda a, s, y: (len(y) * a[0], a[1]))},
         ["the loss without penalty is 5 times too large", "Next: Write it"]),
        (change("penalty", replace_gradient), ["the gradient of W1 and W2 is 0 if reg is 0: the gradient of the pen"]),
        ({"backward": missing, **change("penalty", lambda a, *_: 7 * a)},
         ["the penalty on W1 and W2 has the factor 3.5 in the loss", "Next: Write it"]),
        (change("forward", pre_activation), ["forward returns X W1 + b1 as the hidden layer"]),
        (change("forward", lambda a, *_: (a[0] + 1, a[1])), ["the hidden layer that forward returns is not max"]),
        (change("forward", lambda a, *_: (a[0][:, 1:], a[1])), ["the hidden layer must have shape (N, H) = "]),
        (change("forward", lambda a, *_: None), ["forward must return hidden and scores, two arrays, got None"]),
        (change("softmax_loss", lambda a, *_: (a[0], a[1].tolist())),
         ["softmax_loss must return loss and dscores, a number and an array, got float and list"]),
        (change("penalty", lambda a, *_: None), ["penalty must return a number, got None"]),
        (change("backward", lambda a, *_: {**a, "W2": None}), ["the gradient of W1, b1, b2 are correct. Next:"]),
        (change("backward", lambda a, *_: {**a, "W1": a["W1"].T}), ["the gradient of W1 is transposed"]),
        (change("backward", lambda a, *_: {**a, "W1": a["W1"].tolist()}), ["float64 array, like W1, got list"]),
        (change("backward", lambda a, *_: None), ["backward must return a dict of gradients, got None"]),
        (change("draw_minibatch", lambda a, *_: None), ["draw_minibatch must return X_batch and y_batch, two arrays"]),
        ({"draw_minibatch": lambda X, y, n, rng: (X[np.arange(n)], y[np.arange(n)])},
         ["train raises IndexError if the batch is larger than the data"]),
        (change("best_class", lambda a, *_: a.tolist()), ["an array of shape (5,), got list"]),
    ],
)  # fmt: skip
def test_each_function_is_judged_by_itself(toy_data, functions, words):
    """The finding names the function at fault. What is to be written next comes last."""
    findings = check_net(make_net(**functions), *toy_data).findings
    assert len(findings) == len(words) and all(map(str.__contains__, findings, words)), findings


def test_what_is_not_checked_is_said(toy_data):
    """check_net does not call the functions with masks or momentum."""
    report = check_net(make_net(), *toy_data)
    assert report.ok and report.notes[0].startswith("not checked: the mask of forward and backward, and momentum")
