"""Accuracy and loss of a net on data of any size.

If a subclass overrides `loss` or `predict`, its own method is used.
"""

import numpy as np

from classifiers.layers import penalty, softmax_loss

CHUNK = 1000  # rows that a net takes at once, to avoid an array of N x H


def chunks(*arrays):
    """Yield the arrays in parts of at most CHUNK rows."""
    for i in range(0, len(arrays[0]), CHUNK):
        yield tuple(array[i : i + CHUNK] for array in arrays)


def accuracy(net, X, y):
    """Return the fraction of correct predictions for X (N, D) and y (N,)."""
    predict = net._predict if net._inherits("predict") else net.predict
    return float(np.mean(predict(X) == y))


def evaluate(net, X, y, reg):
    """Return the accuracy of a net and its loss with the penalty, from the same scores.

    Parameters
    ----------
    net : TwoLayerNet
    X, y : array, shapes (N, D) and (N,)
    reg : float
        Strength of the penalty.

    Returns
    -------
    accuracy, loss : float
        If a subclass overrides `loss`, it is called for parts of at most CHUNK rows. The loss is
        then the mean of its results, weighted by the number of rows.
    """
    own, right, total = not net._inherits("loss"), 0, 0.0
    for X_part, y_part in chunks(X, y):
        scores = net._scores(X_part)  # (CHUNK, C)
        right += int(np.sum(scores.argmax(axis=1) == y_part))
        if own:
            loss = float(net.loss(X_part.astype(scores.dtype, copy=False), y=y_part, reg=reg)[0])
        else:
            loss = softmax_loss(scores, y_part)[0]
        total += loss * len(y_part)
    share = right / len(y) if net._inherits("predict") else accuracy(net, X, y)
    return share, total / len(y) + (0.0 if own else penalty(net.params, reg))
