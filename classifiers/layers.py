"""The maths of the net: forward, softmax and loss, backward, each a pure function of arrays.

Shapes: N examples, D inputs, H hidden units, C classes. ``params`` is a dict of ``W1 (D, H)``, ``b1 (H,)``,
``W2 (H, C)`` and ``b2 (C,)``.
"""

import numpy as np

CHUNK = 1000  # rows that predict takes at once, so that a large X costs no N x H array


def forward(params, X, keep=None):
    """Compute the hidden layer and the scores.

    Parameters
    ----------
    params : dict of ndarray
        See the module.
    X : ndarray, shape (N, D)
        One example a row.
    keep : ndarray, shape (N, H), optional
        What dropout multiplies the hidden layer with, see `dropout_mask`.

    Returns
    -------
    hidden : ndarray, shape (N, H)
        ``max(0, X W1 + b1)``, times keep.
    scores : ndarray, shape (N, C)
        ``hidden W2 + b2``.
    """
    hidden = X @ params["W1"]  # (N, H)
    hidden += params["b1"]
    np.maximum(hidden, 0, out=hidden)
    if keep is not None:
        hidden *= keep
    scores = hidden @ params["W2"]  # (N, C)
    scores += params["b2"]
    return hidden, scores


def softmax_loss(scores, y):
    """Mean cross-entropy of the softmax of each row, and its gradient.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
        Unnormalised log probabilities.
    y : ndarray of int, shape (N,)
        Class indices in 0..C-1.

    Returns
    -------
    loss : float
        ``-mean_i log p[i, y_i]`` with ``p = softmax(scores)``.
    dscores : ndarray, shape (N, C)
        Its gradient, ``(p - onehot(y)) / N``.

    Notes
    -----
    Softmax does not change when a row is shifted, so each row is shifted by its maximum: exp cannot overflow. The loss
    uses ``log p = shifted - log(sum(exp(shifted)))`` and so never takes the log of a probability that was rounded to 0
    (Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions", 2021).

    Examples
    --------
    >>> loss, dscores = softmax_loss(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0]))
    >>> round(loss, 6)  # (log 2 + 0) / 2
    0.346574
    """
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)  # (N, C)
    dscores = np.exp(shifted)  # (N, C)
    sums = dscores.sum(axis=1, keepdims=True)  # (N, 1)
    loss = np.mean(np.log(sums[:, 0]) - shifted[rows, y])
    dscores /= sums  # now p
    dscores[rows, y] -= 1
    dscores /= len(scores)
    return float(loss), dscores


def backward(params, X, hidden, dscores, keep=None, dW1=None):
    """Carry a gradient from the scores back to the parameters, by the chain rule.

    Parameters
    ----------
    params, X, hidden, keep
        As in `forward`.
    dscores : ndarray, shape (N, C)
        Gradient of the loss by the scores.
    dW1 : ndarray, shape (D, H), optional
        Memory for the largest gradient: fresh pages for it would cost as much time as filling it.

    Returns
    -------
    dict of ndarray
        Gradients keyed and shaped as params, without penalty.
    """
    dhidden = dscores @ params["W2"].T  # (N, H)
    if keep is not None:
        dhidden *= keep
    dhidden *= hidden > 0  # ReLU passes nothing back where it was closed
    return {
        "W1": np.matmul(X.T, dhidden, out=dW1),  # (D, H)
        "b1": dhidden.sum(axis=0),  # (H,)
        "W2": hidden.T @ dscores,  # (H, C)
        "b2": dscores.sum(axis=0),  # (C,)
    }


def dropout_mask(shape, dropout, dtype, rng):
    """Draw what inverted dropout multiplies the hidden layer with.

    Parameters
    ----------
    shape : tuple of int
        (N, H).
    dropout : float
        Share of the units that are dropped, from 0 to below 1.
    dtype : dtype
        Of the mask.
    rng : RandomState or Generator
        Asked for 16 random bits a unit.

    Returns
    -------
    ndarray, shape (N, H)
        0 with probability `dropout`, else ``1 / (1 - dropout)``, so that the expected value is 1 and prediction needs
        no scaling (Srivastava et al., "Dropout", JMLR 15, 2014).
    """
    bits = np.frombuffer(rng.bytes(2 * shape[0] * shape[1]), np.uint16).reshape(shape)
    return (bits >= round(dropout * 65536)) * np.dtype(dtype).type(1 / (1 - dropout))


def predict(params, X):
    """Predict classes, a chunk of rows at a time, see `TwoLayerNet.predict`."""
    X, classes = np.asanyarray(X), np.empty(len(X), np.intp)
    for i in range(0, len(X), CHUNK):
        scores = forward(params, X[i : i + CHUNK].astype(params["W1"].dtype, copy=False))[1]  # (CHUNK, C)
        scores.argmax(axis=1, out=classes[i : i + CHUNK])
    return classes
