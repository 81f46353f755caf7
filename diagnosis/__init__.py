"""Checks a two-layer net and explains what is wrong with it: probes ask, one table explains, a report prints."""

from .check import check_net
from .report import NetReport

__all__ = ["NetReport", "check_net"]
