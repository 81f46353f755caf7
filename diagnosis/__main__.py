"""Checks the two-layer net in a Python file: ``python -m diagnosis path/to/neural_net.py``."""

import argparse
import importlib.util
import io
import sys
from pathlib import Path

import numpy as np

from .check import check_net


def main(arguments=None):
    """Check the class in a file and print the report.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line.

    Raises
    ------
    SystemExit
        0 if no mistake is found, 1 if there is a finding, 2 if the file has no such net.
    """
    parser = argparse.ArgumentParser(
        prog="python -m diagnosis", description="Check the gradients of the two-layer net in a Python file."
    )
    parser.add_argument("file", type=Path, help="runs this file: use a sandbox for files of people you do not know")
    parser.add_argument(
        "--class", dest="name", default="TwoLayerNet", help="the class, made as TwoLayerNet(4, 10, 3, 1e-1)"
    )
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Windows' code pages lack some characters of the report or the file
    try:
        report = _check_class(args.file, args.name)
    except (Exception, SystemExit) as error:  # a file that calls sys.exit(0) must not count as right
        problem = f"{type(error).__name__}: {error}"
        parser.error(f"{args.file}: {args.name}(4, 10, 3, 1e-1) is not a two-layer net: {problem}")
    print(report)
    sys.exit(0 if report.ok else 1)


def _check_class(file, name):
    """Import the file, make a net of the class, and check it on random parameters and data."""
    sys.path.insert(0, str(file.resolve().parent))
    spec = importlib.util.spec_from_file_location("student_net", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net, rng = getattr(module, name)(4, 10, 3, 1e-1), np.random.default_rng(0)
    for param, value in net.params.items():
        net.params[param] = 0.5 * rng.standard_normal(value.shape)  # biases too: at zero they hide mistakes
    return check_net(net, rng.standard_normal((5, 4)), np.array([0, 1, 2, 2, 1]), rng=rng)


if __name__ == "__main__":
    main()
