"""Check of a two-layer net: its scores, loss, gradients, update and predictions.

A probe asks the net (net.py, probes.py, training.py), a stage compares (check.py, matching.py), one table
explains (mistakes.py), a report prints (report.py). loading.py and interfaces.py make the net.
"""

__all__ = ["NetReport", "check_net"]


def __getattr__(name):  # the command line starts faster if it does not import NumPy
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import check

    return getattr(check, name)
