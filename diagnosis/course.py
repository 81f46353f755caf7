"""Checks what a file of the course defines: layers, `TwoLayerNet`, and `FullyConnectedNet` of any depth."""

import inspect
from dataclasses import replace

import numpy as np

from . import probes, stages
from .check import check_with_random_data
from .interfaces import RegAttribute, parameters
from .kinds import Deep
from .layers import check_functions
from .loading import SIZES, make_net
from .matching import explain, find
from .reference import Penalties
from .report import NetReport

DEEP = "FullyConnectedNet"
WIDTHS = 7, 10, 8, 9, 4  # inputs, hidden layers, classes
WIDE, SCALE = (60, 50, 45, 40), 0.05  # of a net whose initial weights are looked at


def check_module(module, source, name, finder):
    """Check the net of a file, or its layers if it has no net. Return a report.

    `module`, `source` and `finder` are as in `loading.make_net`, which raises what is wrong with other files.
    """
    own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    deep = own.get(name if "hidden_dims" in _arguments(own.get(name)) else DEEP)
    if not hasattr(module, "forward") and name not in own and deep is None:
        report = check_functions({key: value for key, value in own.items() if inspect.isfunction(value)})
        if report is not None:
            return report
    report = NetReport()
    if deep is None or own.get(name, deep) is not deep:
        report = check_with_random_data(make_net(module, source, name, finder))
        _check_constructor(own.get(name), report, WIDE[0], *WIDE[2:])
    return check_deep(deep, report) if deep else report


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
        report.add(find(stages.CONSTRUCTOR, (net.params, shapes_of(widths), SCALE)))


def shapes_of(widths):
    """Return the shapes of all parameters, by name."""
    pairs = enumerate(zip(widths, widths[1:], strict=False), 1)
    return {name: shape for i, (D, H) in pairs for name, shape in ((f"W{i}", (D, H)), (f"b{i}", (H,)))}


class DeepNet(RegAttribute):
    """Net of any depth under test."""

    def __init__(self, net, params):
        self.names = tuple(params)
        super().__init__(net, params)


def check_deep(cls, report):
    """Check `FullyConnectedNet`: first with one hidden layer, like any net, then with three."""
    _check_constructor(cls, report, *WIDE)
    if report.ok:
        report = check_with_random_data(_create(cls, *SIZES[:3]))
    if not report.ok:
        return report
    rng, shapes = np.random.default_rng(0), shapes_of(WIDTHS)
    params = {name: rng.standard_normal(shape) / np.sqrt(shape[0]) for name, shape in shapes.items()}
    X, y = rng.standard_normal((13, WIDTHS[0])), np.arange(13) % WIDTHS[-1]

    def add(found):
        title = f"{cls.__name__} with {len(WIDTHS) - 2} hidden layers"
        report.add([replace(finding, function=title) for finding in found])
        return not found

    own = _create(cls, *WIDTHS)
    if add(find(stages.CONSTRUCTOR, (own.params, shapes, None))):
        net, r = DeepNet(own, params), Deep(params, X, y)
        with net.quiet():
            calls = probes.call_as_given(net, X, y, 0.0)
            if add(find(stages.FORM, calls)) and add(explain("Deep", {"scores": calls.scores}, r)):
                names = [name for name in params if name in calls.grads]
                if add(explain("Deep", {"loss": calls.loss, **{name: calls.grads[name] for name in names}}, r)):
                    factors = probes.penalty_factors(net, X, y, names)
                    add(explain(stages.PENALTY, factors, Penalties(factors, names)))
                missing = [f"the gradient of {name}" for name in params if name not in names]
                add(find(stages.UNWRITTEN, [(name, "backward from the layer after it") for name in missing]))
    report.stage = report.stage if report.ok else "gradients"
    return report
