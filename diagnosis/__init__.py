"""Check of a two-layer net: its scores, loss, gradients, update and predictions.

`check_net` calls the net (probes.py, training.py), explains wrong answers with the table of
mistakes (mistakes.py), and returns a `NetReport` (report.py).
"""

from .check import check_net
from .report import NetReport

__all__ = ["NetReport", "check_net"]
