"""Checks of arguments, kept apart so that the maths stays in sight."""

import numpy as np


def check_rng(rng):
    """Turn what callers may pass as ``rng`` into something that draws random numbers.

    Parameters
    ----------
    rng : None, int, numpy.random.RandomState or numpy.random.Generator
        ``None`` is NumPy's global legacy stream, the one that ``np.random.seed`` sets. An int gives the numbers that
        ``np.random.seed(rng)`` would.

    Returns
    -------
    RandomState or Generator
        Both have ``standard_normal(size)``, ``choice(n, size)`` and ``random(size)``.
    """
    if rng is None:
        return np.random.mtrand._rand
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and 0 <= rng < 2**32:
        return np.random.RandomState(rng)
    if isinstance(rng, (np.random.RandomState, np.random.Generator)):
        return rng
    raise TypeError(f"rng must be None, an int in 0..2**32-1, a RandomState or a Generator, got {rng!r}")
