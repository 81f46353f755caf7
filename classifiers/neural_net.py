"""A fully connected net with one hidden layer: its parameters, its loss, its training.

Shapes: N examples, D inputs, H hidden units, C classes. The maths stands in layers.py, the fast steps in sgd.py.
"""

import math
import os
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from checks import (
    check_array,
    check_call,
    check_count,
    check_dtype,
    check_labels,
    check_number,
    check_params,
    check_rates,
    check_regularisation,
    check_rng,
)
from classifiers.layers import backward, dropout_mask, forward, predict, softmax_loss
from classifiers.sgd import Descent, gather


def _take_step(descent, X, y, rate, reg, keep):
    """Compute the loss of a batch and, where it is finite, go one step down its gradient; return the loss."""
    hidden, scores = forward(descent.params, X, keep)  # (N, H), (N, C)
    loss, dscores = softmax_loss(scores, y)
    loss += descent.penalty(reg)
    if math.isfinite(loss):
        dscores *= rate  # backward is linear in dscores: this scales every gradient, and spares a pass over W1
        descent.step(backward(descent.params, X, hidden, dscores, keep, descent.spare_W1), rate * reg)
    return loss


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
        input_size = check_count("input_size", input_size)
        hidden_size = check_count("hidden_size", hidden_size)
        output_size = check_count("output_size", output_size)
        std, rng, dtype = check_number("std", std), check_rng(rng), check_dtype(dtype)
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
        D, _, C = check_params(self.params)
        X = check_array("X", X, 2, D).astype(self.params["W1"].dtype, copy=False)
        y = None if y is None else check_labels("y", y, len(X), C)
        reg = check_number("reg", reg)
        hidden, scores = forward(self.params, X)  # (N, H), (N, C)
        if y is None:
            return scores

        loss, dscores = softmax_loss(scores, y)  # (N, C)
        grads = backward(self.params, X, hidden, dscores)
        for name in ("W1", "W2"):
            loss += 0.5 * reg * float(np.sum(self.params[name] ** 2))
            grads[name] += reg * self.params[name]
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
        momentum=0.0,
        dropout=0.0,
        augment=None,
        schedule=None,
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
        momentum : float
            Share of the last step that is taken again, from 0 to below 1: see `classifiers.sgd.descend`.
        dropout : float
            Share of the hidden units that are left out of a step, from 0 to below 1: see
            `classifiers.layers.dropout_mask`.
        augment : callable, optional
            ``augment(X_batch, rng)`` returns another version of the batch, for example what
            `data_utils.random_flip_shift` makes. May work in place: the batch is a copy.
        schedule : callable, optional
            ``schedule(it, num_iters)`` is multiplied with the learning rate, for example `classifiers.sgd.warm_cosine`.
            The decay goes on beside it: `learning_rate_decay=1.0` switches that off.
        rng : None, int, RandomState or Generator
            Where batches, dropout and augmentation are drawn from. ``None`` is NumPy's global stream.
        progress : bool
            Show a progress bar.

        Returns
        -------
        dict of list of float
            ``loss_history``, one value an iteration; ``train_acc_history`` (on the current batch) and
            ``val_acc_history``, one value an epoch.

        Notes
        -----
        Where the loss becomes infinite or NaN, training stops with a `RuntimeWarning`; that loss is the last of
        ``loss_history``, and the parameters are the last that gave a finite one. Ctrl-C stops it too: the parameters
        are those of the last whole iteration, and the histories so far are returned.

        An epoch is ``max(N // batch_size, 1)`` iterations. At each iteration that is a multiple of it, the first (0)
        included, after the step: accuracies are taken, then the learning rate decays.
        """
        D, H, C = check_params(self.params)
        X, X_val = check_array("X", X, 2, D), check_array("X_val", X_val, 2, D)
        y, y_val = check_labels("y", y, len(X), C), check_labels("y_val", y_val, len(X_val), C)
        num_iters, batch_size = check_count("num_iters", num_iters, 0), check_count("batch_size", batch_size)
        learning_rate, decay = check_rates(learning_rate, learning_rate_decay)
        reg, momentum, dropout = check_regularisation(reg, momentum, dropout)
        augment, schedule, rng = check_call("augment", augment), check_call("schedule", schedule), check_rng(rng)

        descent = Descent(self.params, momentum)
        X_batch = np.empty((batch_size, D), descent.dtype)
        iterations_per_epoch = max(len(X) // batch_size, 1)
        stats = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}
        with np.errstate(all="ignore"), descent.interruptible(stats, num_iters):
            for it in tqdm(range(num_iters), disable=not progress, file=sys.stdout):
                batch = rng.choice(len(X), batch_size)
                gather(X, batch, out=X_batch)
                X_seen = X_batch if augment is None else augment(X_batch, rng).astype(descent.dtype, copy=False)
                keep = dropout_mask((batch_size, H), dropout, descent.dtype, rng) if dropout else None

                rate = learning_rate if schedule is None else learning_rate * schedule(it, num_iters)

                loss = _take_step(descent, X_seen, y[batch], rate, reg, keep)
                stats["loss_history"].append(loss)
                if not math.isfinite(loss):
                    break
                if verbose and it % 100 == 0:
                    print(f"iteration {it} / {num_iters}: loss {loss:f}")
                if it % iterations_per_epoch == 0:
                    stats["train_acc_history"].append(float(np.mean(predict(descent.params, X_seen) == y[batch])))
                    stats["val_acc_history"].append(float(np.mean(predict(descent.params, X_val) == y_val)))
                    learning_rate *= decay
        descent.finish(self.params, stats, learning_rate)
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
        D, _, _ = check_params(self.params)
        return predict(self.params, check_array("X", X, 2, D))

    def save(self, path):
        """Write the parameters to one ``.npz`` file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Written as named; an existing file is replaced.
        """
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **self.params)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

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

        Raises
        ------
        ValueError
            Where the file is no such file, or does not hold a whole net: names the file and what is wrong.
        """
        net = cls(1, 1, 1, rng=0)  # of any size: its parameters are replaced
        with open(path, "rb") as file:
            try:
                with np.load(file, allow_pickle=False) as arrays:
                    net.params = {name: arrays[name] for name in net.params if name in arrays}
                check_params(net.params)
                for name, param in net.params.items():
                    check_array(name, param, param.ndim)
            except Exception as error:  # damaged archives fail in many ways
                raise ValueError(f"{path} is no saved TwoLayerNet: {error}") from error
        return net
