"""Checks a two-layer net and explains what is wrong with it.

The code is in code.zip because it contains the solution.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().with_name("code.zip"))]

from .check import check_net  # noqa: E402
from .report import NetReport  # noqa: E402

__all__ = ["NetReport", "check_net"]
