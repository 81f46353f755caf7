"""A fully connected net with one hidden layer, written out by hand in NumPy.

Shapes: N examples, D inputs, H hidden units, C classes.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from checks import check_rng

CHUNK = 1000  # rows that predict takes at once, so that a large X costs no N x H array


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


class TwoLayerNet:
    """Input, affine layer, ReLU, affine layer, softmax: a classifier trained by SGD.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and C.
    std : float
        Standard deviation of the initial weights; biases start at zero.
    dtype : dtype
        Floating-point type of the parameters, and so of all computation.
    rng : None, int, RandomState or Generator
        Where the weights are drawn from, W1 before W2. ``None`` is NumPy's global stream.

    Attributes
    ----------
    params : dict
        ``W1 (D, H)``, ``b1 (H,)``, ``W2 (H, C)``, ``b2 (C,)``. May be replaced or changed in place.

    Examples
    --------
    >>> net = TwoLayerNet(input_size=4, hidden_size=10, output_size=3, rng=0)
    >>> net.loss(np.ones((5, 4))).shape
    (5, 3)
    """

    def __init__(self, input_size, hidden_size, output_size, std=1e-4, *, dtype=np.float64, rng=None):
        rng = check_rng(rng)
        self.params = {
            "W1": (std * rng.standard_normal((input_size, hidden_size))).astype(dtype, copy=False),
            "b1": np.zeros(hidden_size, dtype),
            "W2": (std * rng.standard_normal((hidden_size, output_size))).astype(dtype, copy=False),
            "b2": np.zeros(output_size, dtype),
        }

    def loss(self, X, y=None, reg=0.0):
        """Compute the scores or, with labels, the loss and its gradients.

        Parameters
        ----------
        X : array, shape (N, D)
            One example a row, of any real dtype.
        y : array of int, shape (N,), optional
            Class indices in 0..C-1.
        reg : float
            Strength of the L2 penalty ``0.5 * reg * (sum(W1**2) + sum(W2**2))``. Biases are not penalised.

        Returns
        -------
        scores : ndarray, shape (N, C)
            Where y is None.
        loss, grads : float, dict of ndarray
            Otherwise: the mean softmax loss plus the penalty, and its gradients, keyed and shaped as ``params``.
        """
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        X = np.asarray(X).astype(W1.dtype, copy=False)

        hidden = np.maximum(0, X @ W1 + b1)  # (N, H)
        scores = hidden @ W2 + b2  # (N, C)
        if y is None:
            return scores

        loss, dscores = softmax_loss(scores, y)  # (N, C)
        loss += 0.5 * reg * float(np.sum(W1 * W1) + np.sum(W2 * W2))

        dhidden = dscores @ W2.T  # (N, H)
        dhidden *= hidden > 0  # ReLU passes the gradient on where it was open
        grads = {
            "W1": X.T @ dhidden + reg * W1,  # (D, H)
            "b1": dhidden.sum(axis=0),  # (H,)
            "W2": hidden.T @ dscores + reg * W2,  # (H, C)
            "b2": dscores.sum(axis=0),  # (C,)
        }
        return loss, grads

    def train(
        self,
        X,
        y,
        X_val,
        y_val,
        learning_rate=1e-3,
        learning_rate_decay=0.95,
        reg=1e-5,
        num_iters=100,
        batch_size=200,
        verbose=False,
        *,
        rng=None,
        progress=False,
    ):
        """Train by stochastic gradient descent, from the present parameters on.

        Parameters
        ----------
        X, y : array, shape (N, D), and array of int, shape (N,)
            Training data.
        X_val, y_val : array, shape (M, D), and array of int, shape (M,)
            Validation data.
        learning_rate, learning_rate_decay : float
            Step along the negative gradient, and what it is multiplied with at each epoch.
        reg : float
            Strength of the L2 penalty, see `loss`.
        num_iters, batch_size : int
            Number of steps, and of rows drawn for each, with replacement.
        verbose : bool
            Print the loss every 100 iterations.
        rng : None, int, RandomState or Generator
            Where batches are drawn from. ``None`` is NumPy's global stream.
        progress : bool
            Show a progress bar.

        Returns
        -------
        dict of list of float
            ``loss_history``, one value an iteration; ``train_acc_history`` (on the current batch) and
            ``val_acc_history``, one value an epoch.

        Notes
        -----
        An epoch is ``max(N // batch_size, 1)`` iterations. At each iteration that is a multiple of it, the first (0)
        included, after the step: accuracies are taken, then the learning rate decays.
        """
        rng = check_rng(rng)
        iterations_per_epoch = max(len(X) // batch_size, 1)
        stats = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}

        for it in tqdm(range(num_iters), disable=not progress, file=sys.stdout):
            batch = rng.choice(len(X), batch_size)
            X_batch, y_batch = X[batch], y[batch]

            loss, grads = self.loss(X_batch, y_batch, reg)
            for name, grad in grads.items():
                self.params[name] -= learning_rate * grad

            stats["loss_history"].append(loss)
            if verbose and it % 100 == 0:
                print(f"iteration {it} / {num_iters}: loss {loss:f}")
            if it % iterations_per_epoch == 0:
                stats["train_acc_history"].append(float(np.mean(self.predict(X_batch) == y_batch)))
                stats["val_acc_history"].append(float(np.mean(self.predict(X_val) == y_val)))
                learning_rate *= learning_rate_decay
        return stats

    def predict(self, X):
        """Predict the class with the highest score.

        Parameters
        ----------
        X : array, shape (N, D)
            One example a row, of any real dtype.

        Returns
        -------
        ndarray of int, shape (N,)
            Class indices in 0..C-1.
        """
        chunks = [self.loss(X[i : i + CHUNK]).argmax(axis=1) for i in range(0, len(X), CHUNK)]
        return np.concatenate(chunks)

    def save(self, path):
        """Write the parameters to one ``.npz`` file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Written as named; an existing file is replaced.
        """
        path = Path(path)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            np.savez(file, **self.params)
        os.replace(file.name, path)

    @classmethod
    def load(cls, path):
        """Read a net that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The ``.npz`` file. Pickled content is refused.

        Returns
        -------
        TwoLayerNet
            With the saved parameters, to the bit.
        """
        with np.load(path, allow_pickle=False) as arrays:
            net = cls(1, 1, 1, rng=0)  # of any size: its parameters are replaced
            net.params = {name: arrays[name] for name in net.params}
        return net
