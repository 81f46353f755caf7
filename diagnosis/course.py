"""Checks what a file of the course defines: layers, `TwoLayerNet`, and `FullyConnectedNet` of any depth."""

import inspect
from dataclasses import replace

import numpy as np

from . import probes, stages
from .check import check_with_random_data
from .interfaces import RegAttribute, parameters
from .layers import check_functions
from .loading import SIZES, make_net
from .matching import explain, find
from .reference import Penalties, agree, relu, softmax_loss
from .report import NetReport

DEEP = "FullyConnectedNet"
WIDTHS = 7, 10, 8, 9, 4  # inputs, hidden layers, classes
WIDE = 60, 50, 45, 40  # of a net whose initial weights are looked at
SCALE = 0.05


def check_module(module, source, name, finder):
    """Check the net of a file, or its layers if it has no net. Return a report.

    `module`, `source` and `finder` are as in `loading.make_net`, which raises what is wrong with other files.
    """
    own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    deep = name if "hidden_dims" in _arguments(own.get(name)) else DEEP if DEEP in own else None
    if not hasattr(module, "forward") and name not in own and deep is None:
        report = check_functions({key: value for key, value in own.items() if inspect.isfunction(value)})
        if report is not None:
            return report
    if deep is None or name in own and deep != name:
        report = check_with_random_data(make_net(module, source, name, finder))
        _check_constructor(own.get(name), report, *WIDE[:2], WIDE[-1])
        return report if deep is None or not report.ok else check_deep(own[deep], report)
    return check_deep(own[deep])


def _arguments(cls):
    return parameters(cls) if isinstance(cls, type) else []


def _create(cls, *widths, scale=0.1):
    """Create a net of the course with these widths."""
    D, *hidden, C = widths
    if "hidden_dims" not in _arguments(cls):
        return cls(D, *hidden, C, scale)
    known = {"input_dim": D, "num_classes": C, "weight_scale": scale, "reg": 0.0, "dtype": np.float64}
    return cls(hidden, **{key: value for key, value in known.items() if key in _arguments(cls)})


def _check_constructor(cls, report, *widths):
    """Look at the initial weights, if the constructor has the argument weight_scale."""
    if "weight_scale" in _arguments(cls) and not report.has(stages.PARAMS):
        net = _create(cls, *widths, scale=SCALE)
        found = find(stages.CONSTRUCTOR, (net.params, shapes_of(widths), SCALE))
        report.found[:0] = found


def shapes_of(widths):
    """Return the shapes of all parameters, by name."""
    pairs = enumerate(zip(widths, widths[1:], strict=False), 1)
    return {name: shape for i, (D, H) in pairs for name, shape in ((f"W{i}", (D, H)), (f"b{i}", (H,)))}


class DeepReference:
    """Correct answers of a net of any depth, like those of `Reference`.

    Attributes
    ----------
    layers : list of ndarray
        The input and the hidden layers.
    pres : list of ndarray
        The hidden layers before the ReLU.
    """

    alone, remark, sizes_differ, loss_factor = ("scores", "loss"), "", True, None

    def __init__(self, params, X, y):
        self.params, self.X, self.y, self.N = params, X, y, len(X)
        self.depth, self.wrt = len(params) // 2, tuple(params)
        self.scores = self.forward()
        self.log_p, _, self.dscores, loss = softmax_loss(self.scores, y)
        self.right = {"scores": self.scores, "loss": loss, **self.grads()}
        self.floor = dict.fromkeys(self.right, 1e-9)

    def forward(self, without=(), linear=None):
        """Return the scores, without the biases of some layers, or without the ReLU of a layer."""
        self.layers, self.pres = [self.X], []
        for i in range(1, self.depth + 1):
            pre = self.layers[-1] @ self.params[f"W{i}"] + (i not in without) * self.params[f"b{i}"]
            self.pres.append(pre)
            self.layers.append(pre if i == linear else relu(pre))
        return pre

    def grads(self, unmasked=()):
        """Return the gradients without penalty, or without the mask of some hidden layers."""
        grads, dpre = {}, self.dscores
        for i in range(self.depth, 0, -1):
            grads |= {f"W{i}": self.layers[i - 1].T @ dpre, f"b{i}": dpre.sum(axis=0)}
            if i > 1:
                dpre = dpre @ self.params[f"W{i}"].T
                dpre = dpre if i - 1 in unmasked else dpre * (self.pres[i - 2] > 0)
        return {name: grads[name] for name in self.wrt}

    def unsummed(self):
        """Return the gradient of the last bias before the sum over the rows."""
        return {f"b{self.depth}": self.dscores}

    def times(self, k):
        """Return the correct answers, all multiplied by k."""
        return {name: k * answer for name, answer in self.right.items()}

    @property
    def sizes(self):
        """Sizes by which a student may divide instead of N, with words."""
        return [(self.scores.size, "N * C, the number of all scores"), (self.N - 1, "N - 1"), (self.N + 1, "N + 1")]

    def agrees(self, name, answer):
        """Tell whether an answer is correct."""
        return agree(answer, self.right[name], self.floor[name])


class DeepNet(RegAttribute):
    """Net of any depth under test."""

    def __init__(self, net, params):
        self.names = tuple(params)
        super().__init__(net, params)


def check_deep(cls, report=None):
    """Check `FullyConnectedNet`: first with one hidden layer, like any net, then with three."""
    if report is None:
        report = NetReport()
        _check_constructor(cls, report, *WIDE)
        if report.ok:
            report = check_with_random_data(_create(cls, *SIZES[:3]))
    if not report.ok:
        return report
    rng, shapes = np.random.default_rng(0), shapes_of(WIDTHS)
    net = _create(cls, *WIDTHS)
    params = {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}
    X, y = rng.standard_normal((13, WIDTHS[0])), np.arange(13) % WIDTHS[-1]

    def add(found):
        hidden = f"{cls.__name__} with {len(WIDTHS) - 2} hidden layers"
        report.add([replace(finding, function=hidden) for finding in found])
        return bool(found)

    if add(find(stages.CONSTRUCTOR, (net.params, shapes, None))):
        return report
    net, r = DeepNet(net, params), DeepReference(params, X, y)
    with net.quiet():
        calls = probes.call_as_given(net, X, y, 0.0)
        if add(find(stages.FORM, calls)) or add(explain(stages.DEEP, {"scores": calls.scores}, r)):
            pass
        elif not add(explain(stages.DEEP, {"loss": calls.loss, **calls.grads}, r)):
            factors = probes.penalty_factors(net, X, y, list(params))
            add(explain(stages.PENALTY, factors, Penalties(factors, list(params))))
    if not report.ok:
        report.stage = "gradients"
    return report
