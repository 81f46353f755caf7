"""What makes training fast and safe: few passes over arrays of the size of W1, and always a way back.

The formulas of the net stand in layers.py. `TwoLayerNet.train` reads like the textbook and calls these.
"""

import warnings
from contextlib import contextmanager

import numpy as np

WARM_UP = 500  # iterations in which `warm_cosine` rises
BLOCK = 1 << 19  # bytes that a core keeps at hand between two passes


def gather(X, rows, out):
    """Copy some rows of X into a kept buffer.

    Parameters
    ----------
    X : array, shape (N, D)
        Of any real dtype and layout, in memory or mapped from a file.
    rows : ndarray of int, shape (n,)
        Indices of rows.
    out : ndarray, shape (n, D)
        Filled with ``X[rows]`` in its own dtype.
    """
    if X.dtype == out.dtype and X.flags.c_contiguous:
        # As bytes, since take would copy all of an X that is not aligned, as arrays from a network are. mode="clip"
        # lets it write straight into out: no array of the batch's size is made and thrown away.
        np.take(X.view(np.uint8), rows, axis=0, out=out.view(np.uint8), mode="clip")
    else:
        np.copyto(out, X[rows], casting="unsafe")


def descend(param, step, decay, velocity=None, momentum=0.0):
    """Take one step of gradient descent with weight decay; the new parameter replaces the step in memory.

    Parameters
    ----------
    param : ndarray, C-contiguous
        W. Left as it is, so that the caller can still go back.
    step : ndarray, shaped as param
        The learning rate times the gradient without penalty. Becomes the new parameter.
    decay : float
        The learning rate times reg, 0 for biases.
    velocity : ndarray, shaped as param, optional
        V, changed in place. Without it there is no momentum.
    momentum : float
        Share of the velocity that survives a step.

    Returns
    -------
    float
        The sum of squares of the new parameter, which the next loss needs.

    Notes
    -----
    ``V = momentum V - step - decay W`` and ``W = W + V`` (classical momentum, Polyak 1964), which without momentum is
    ``W = (1 - decay) W - step``. The arrays are walked through in blocks, so that of several operations on one
    block only the first has to wait for the memory.
    """
    param, step = param.reshape(-1), step.reshape(-1)
    if velocity is not None:
        velocity = velocity.reshape(-1)
    block = min(param.size, BLOCK // param.itemsize)
    scratch, squares = np.empty(block, param.dtype), 0.0
    for i in range(0, param.size, block):
        old, new = param[i : i + block], step[i : i + block]
        decayed = scratch[: old.size]
        if velocity is None:
            np.multiply(old, 1 - decay, out=decayed)
            np.subtract(decayed, new, out=new)
        else:
            v = velocity[i : i + block]
            v *= momentum
            v -= new
            v -= np.multiply(old, decay, out=decayed)
            np.add(old, v, out=new)
        squares += float(new @ new)
    return squares


class Descent:
    """Parameters on their way down, with the way back from the last step.

    Parameters
    ----------
    params : dict of ndarray
        Where to start; copied.
    momentum : float
        See `descend`.

    Attributes
    ----------
    params : dict of ndarray
        The present parameters, of the dtype of the first.
    spare_W1 : ndarray or None
        Memory of W1's size, the last step's parameter, that the next gradient may be written to.
    """

    def __init__(self, params, momentum):
        self.dtype = params["W1"].dtype.newbyteorder("=")
        self.params = {name: np.array(param, self.dtype, order="C") for name, param in params.items()}
        self.squares = {name: float(np.vdot(param, param)) for name, param in self.params.items()}
        self.velocity = {name: np.zeros_like(param) if momentum else None for name, param in self.params.items()}
        self.momentum, self.previous, self.spare_W1 = momentum, self.params, None

    def penalty(self, reg):
        """L2 penalty of the present weights, ``0.5 * reg * (sum(W1**2) + sum(W2**2))``."""
        return 0.5 * reg * (self.squares["W1"] + self.squares["W2"])

    def step(self, steps, decay):
        """Go on by the steps, which become the parameters: see `descend`. Biases do not decay."""
        for name, step in steps.items():
            weight_decay = decay if name in ("W1", "W2") else 0.0
            self.squares[name] = descend(self.params[name], step, weight_decay, self.velocity[name], self.momentum)
        self.previous, self.params = self.params, steps
        self.spare_W1 = self.previous["W1"]

    @contextmanager
    def interruptible(self, stats, num_iters):
        """Let Ctrl-C end the block, and say how far it came; the parameters are those of the last whole step."""
        try:
            yield
        except KeyboardInterrupt:
            print(
                f"\ninterrupted after {len(stats['loss_history'])} of {num_iters} iterations: a new call of train "
                "starts from these parameters, with rate, schedule and momentum from their beginning"
            )

    def finish(self, params, stats, learning_rate):
        """Write the parameters back; if the last step led to infinity or NaN, those before it, and warn."""
        diverged = not np.isfinite([*stats["loss_history"][-1:], *self.squares.values()]).all()
        if diverged:
            warnings.warn(
                f"training diverged at iteration {len(stats['loss_history']) - 1}, learning rate {learning_rate:g}: "
                "the parameters are the last that gave a finite loss. Try a lower learning_rate, or standardise X",
                RuntimeWarning,
                stacklevel=3,
            )
        for name, param in (self.previous if diverged else self.params).items():
            params[name][...] = param  # in place: whoever holds these arrays sees them trained


def warm_cosine(it, num_iters):
    """Schedule of the learning rate: a linear rise, then half a cosine down to zero.

    Parameters
    ----------
    it, num_iters : int
        The present iteration, from 0, and their number.

    Returns
    -------
    float
        ``min(1, (it + 1) / rise) * (1 + cos(pi * it / num_iters)) / 2`` with
        ``rise = max(1, min(500, num_iters // 10))`` (Loshchilov and Hutter, "SGDR", 2017).
    """
    rise = max(1, min(WARM_UP, num_iters // 10))
    return float(min(1.0, (it + 1) / rise) * (1 + np.cos(np.pi * it / num_iters)) / 2)
