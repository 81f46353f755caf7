"""Check of a two-layer net: its scores, loss, gradients, update and predictions.

`check_net` (check.py) calls the net (probes.py, training_probe.py), matches wrong answers with the
table of mistakes (matching.py, mistakes.py), and returns a `NetReport` (report.py).
"""

from .check import check_net
from .report import NetReport

__all__ = ["NetReport", "check_net"]
