"""Check of a two-layer net, of layers, and of gradients.

A probe asks the net (net.py, probes.py, training.py) or a layer (layers.py), a stage compares (check.py,
matching.py), one table explains (mistakes.py, layer_mistakes.py), a report prints (report.py). loading.py,
course.py and interfaces.py make the net.
"""

import importlib

MODULES = {"NetReport": "report", "check_net": "check", "check_layer": "layers", "check_gradient": "layers"}
__all__ = list(MODULES)


def __getattr__(name):  # the command line starts faster if it does not import NumPy
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{MODULES[name]}", __name__), name)
