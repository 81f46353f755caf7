"""Maths of the net as functions of arrays: forward, softmax loss, penalty, backward, best class, dropout.

N examples, D inputs, H hidden units, C classes. ``params`` is a dict of ``W1 (D, H)``, ``b1 (H,)``,
``W2 (H, C)`` and ``b2 (C,)``.
"""

import numpy as np

from checks import WEIGHTS

BLOCK = 1 << 18  # bytes of an array that stay in the processor's cache between two operations


def forward(params, X, mask=None):
    """Compute the hidden layer and the scores.

    Parameters
    ----------
    params : dict of ndarray
        ``W1``, ``b1``, ``W2`` and ``b2``.
    X : ndarray, shape (N, D)
        One example per row.
    mask : ndarray, shape (N, H), optional
        A factor for each hidden value. Dropout sets some of them to 0. Without it, all stay.

    Returns
    -------
    hidden : ndarray, shape (N, H)
        The hidden layer after the ReLU, and after the factors of `mask`.
    scores : ndarray, shape (N, C)
        One score for each class.
    """
    hidden = X @ params["W1"]  # (N, H)
    hidden += params["b1"]
    np.maximum(hidden, 0, out=hidden)
    if mask is not None:
        hidden *= mask
    scores = hidden @ params["W2"] + params["b2"]  # (N, C)
    return hidden, scores


def softmax_loss(scores, y):
    """Compute the mean cross-entropy of the softmax of each row, and its gradient.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
        Unnormalised log probabilities.
    y : ndarray of int, shape (N,)
        Class indices in 0..C-1.

    Returns
    -------
    loss : float
        Mean over the rows of ``-log p``, where p is the probability of the row's class.
    dscores : ndarray, shape (N, C)
        Gradient of the loss with respect to the scores.

    Notes
    -----
    Scores may be as large as 1e4, or as far apart. Loss and gradient are finite then, too. Softmax
    does not change if the same number is subtracted from all scores of a row (Blanchard, Higham and
    Higham, "Accurately computing the log-sum-exp and softmax functions", 2021).
    """
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)  # (N, C), exp cannot overflow
    exps = np.exp(shifted)  # (N, C)
    sums = exps.sum(axis=1, keepdims=True)  # (N, 1)
    loss = np.mean(np.log(sums[:, 0]) - shifted[rows, y])  # log p without the logarithm of a 0
    dscores = exps / sums  # (N, C)
    dscores[rows, y] -= 1
    dscores /= len(scores)
    return float(loss), dscores


def weighted_loss(scores, y, sample_weight):
    """Compute `softmax_loss` as a weighted mean, ``sum_i w_i (-log p[i, y_i]) / sum_i w_i``.

    The weights w (N,) are at least 0. If all are 0, loss and gradient are 0.
    """
    shares = sample_weight / (sample_weight.max() or 1)  # the sum of these cannot overflow
    shares = (shares / (shares.sum() or 1)).astype(scores.dtype)  # (N,)
    losses = np.logaddexp.reduce(scores, axis=1, dtype=np.float64) - scores[np.arange(len(y)), y]  # (N,)
    _, dscores = softmax_loss(scores, y)
    return float(shares @ losses), dscores * (len(scores) * shares)[:, None]


def penalty(params, reg, grads=None):
    """Compute the L2 penalty of the weights. If `grads` is given, add its gradient.

    Parameters
    ----------
    params : dict of ndarray
        ``W1``, ``b1``, ``W2`` and ``b2``.
    reg : float
        Strength.
    grads : dict of ndarray, optional
        Gradients of another part of the loss, keyed and shaped as params. The gradient of the
        penalty is added to them, in place.

    Returns
    -------
    float
        ``0.5 * reg * (sum(W1**2) + sum(W2**2))``. Biases are not penalised.
    """
    loss = 0.0
    for name in WEIGHTS:
        W = params[name]
        loss += 0.5 * reg * float(np.vdot(W, W))
        if grads is not None:
            add_scaled(grads[name], reg, W)
    return loss


def add_scaled(out, factor, array):
    """Compute ``out += factor * array`` in blocks of rows, in place.

    Blocks save the memory of ``factor * array``, and 4 and 5% of a training step at H=500 and 1000.
    """
    rows = max(1, BLOCK // max(1, out[:1].nbytes))
    for i in range(0, len(out), rows):
        out[i : i + rows] += factor * array[i : i + rows]


def backward(params, X, hidden, dscores, mask=None):
    """Compute the gradients with respect to the parameters, by the chain rule.

    Parameters
    ----------
    params, X, hidden, mask
        As in `forward`.
    dscores : ndarray, shape (N, C)
        Gradient of the loss with respect to the scores.

    Returns
    -------
    dict of ndarray
        Gradients of the loss with respect to W1, b1, W2 and b2, keyed and shaped as params. The
        penalty is not part of this loss: `penalty` adds its gradient later.
    """
    dhidden = dscores @ params["W2"].T  # (N, H)
    if mask is not None:
        dhidden *= mask
    dhidden *= hidden > 0  # the gradient is 0 for inactive units
    return {
        "W1": X.T @ dhidden,  # (D, H)
        "b1": dhidden.sum(axis=0),  # (H,)
        "W2": hidden.T @ dscores,  # (H, C)
        "b2": dscores.sum(axis=0),  # (C,)
    }


def best_class(scores):
    """Find the class with the highest score of each row.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
        One row for each example.

    Returns
    -------
    ndarray of int, shape (N,)
        Class indices in 0..C-1. If several scores are the highest, the first one counts.
    """
    return scores.argmax(axis=1)


def dropout_mask(shape, dropout, dtype, rng):
    """Draw the mask of inverted dropout for the hidden layer.

    Parameters
    ----------
    shape, dtype : (N, H), and the type of the mask
    dropout : float
        Fraction of the units that are dropped, at least 0 and below 1.
    rng : RandomState or Generator
        Source of one number per example and unit.

    Returns
    -------
    ndarray, shape (N, H)
        0 with probability `dropout`, else ``1 / (1 - dropout)``. The expected value is 1, so
        prediction needs no scaling (Srivastava et al., "Dropout", JMLR 15, 2014).
    """
    return (rng.random(shape) >= dropout) * np.dtype(dtype).type(1 / (1 - dropout))
