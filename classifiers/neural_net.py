"""A fully connected net with one hidden layer: its parameters, loss, training, prediction and file.

N examples, D inputs, H hidden units, C classes. layers.py has the maths, sgd.py gradient descent.
training.py handles Ctrl-C and divergence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from checks import (
    Rng,
    check_array,
    check_calls,
    check_count,
    check_dtype,
    check_finite,
    check_labels,
    check_loss,
    check_number,
    check_params,
    check_rng,
    check_weights,
    check_writable,
)
from classifiers.history import History
from classifiers.layers import backward, best_class, dropout_mask, forward, penalty, softmax_loss, weighted_loss
from classifiers.sgd import SGD, draw_minibatch
from classifiers.training import SafeLoop
from files import atomic_write, read_params

CHUNK = 1000  # rows that are computed at once, to avoid an array of N x H


class TwoLayerNet:
    """Two-layer net: affine layer, ReLU, affine layer, softmax, trained by SGD.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and C.
    std : float
        Standard deviation of the initial weights. Biases start at zero.
    dtype : dtype
        Type of the parameters and of all arrays that are computed: float32, float64 or longdouble.
    rng : None, int, RandomState or Generator
        Source of randomness, for W1 before W2. ``None`` is NumPy's global stream.

    Attributes
    ----------
    params : dict of ndarray
        ``W1 (D, H)``, ``b1 (H,)``, ``W2 (H, C)``, ``b2 (C,)``. May be replaced or changed in place.
    history : History or None
        Record of the last call of `train`, even if it raised an error.
    absorbed : tuple of str
        Fingerprints of the preprocessing that is part of W1, see `Standardizer.absorb`.

    Examples
    --------
    >>> net = TwoLayerNet(input_size=4, hidden_size=10, output_size=3, rng=0)
    >>> net.loss(np.ones((5, 4))).shape
    (5, 3)
    """

    history: History | None = None
    absorbed: tuple[str, ...] = ()

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, std: float = 1e-4,
        *, dtype: DTypeLike = np.float64, rng: Rng = None,
    ):  # fmt: skip
        D, H = check_count("input_size", input_size), check_count("hidden_size", hidden_size)
        C, std = check_count("output_size", output_size), check_number("std", std)
        rng, dtype = check_rng(rng), check_dtype(dtype, smallest=np.float32)
        W1 = std * rng.standard_normal((D, H))
        W2 = std * rng.standard_normal((H, C))
        params = {"W1": W1, "b1": np.zeros(H), "W2": W2, "b2": np.zeros(C)}
        self.params = {name: param.astype(dtype, copy=False) for name, param in params.items()}

    def loss(
        self, X: ArrayLike, y: ArrayLike | None = None, reg: float = 0.0,
        *, mask: np.ndarray | None = None, sample_weight: ArrayLike | None = None,
    ) -> Any:  # fmt: skip
        """Compute the scores or, with labels, the loss and its gradients.

        Parameters
        ----------
        X : array, shape (N, D)
            One example a row, of any real dtype.
        y : array of int, shape (N,), optional
            Class indices in 0..C-1.
        reg : float
            Strength of the L2 penalty, see `classifiers.layers.penalty`.
        mask : ndarray, shape (N, H), optional
            Factors of dropout, see `classifiers.layers.dropout_mask`.
        sample_weight : array, shape (N,), optional
            Weights of the rows, see `classifiers.layers.weighted_loss`.

        Returns
        -------
        scores : ndarray, shape (N, C), if y is None
        loss, grads : float, dict of ndarray, otherwise
            Mean softmax loss plus penalty, and its gradients, keyed and shaped as ``params``.
        """
        D, _, C = check_params(self.params)
        given = check_array("X", X, 2, D, finite=False)
        X = given.astype(self.params["W1"].dtype, copy=False)
        hidden, scores = forward(self.params, X, mask)  # (N, H), (N, C)
        if not np.isfinite(scores).all():  # search X only if it may be the cause
            check_finite("X", given)
            check_finite(f"X as {X.dtype}", X)
        if y is None:
            return scores
        y, weights = check_labels("y", y, len(X), C), check_weights("sample_weight", sample_weight, len(X))
        loss, dscores = softmax_loss(scores, y) if weights is None else weighted_loss(scores, y, weights)
        grads = backward(self.params, X, hidden, dscores, mask)
        return loss + penalty(self.params, check_number("reg", reg), grads), grads

    def train(
        self, X: ArrayLike, y: ArrayLike, X_val: ArrayLike | None = None, y_val: ArrayLike | None = None,
        learning_rate: float = 1e-3, learning_rate_decay: float = 0.95, reg: float = 1e-5, num_iters: int = 100,
        batch_size: int | None = 200, verbose: bool = False, *, momentum: float = 0.0, dropout: float = 0.0,
        augment: Callable | None = None, schedule: Callable | None = None, rng: Rng = None, progress: bool = False,
        callback: Callable | None = None, sample_weight: ArrayLike | None = None, velocity: dict | None = None,
    ) -> History:  # fmt: skip
        """Train by stochastic gradient descent, starting from the present parameters.

        Parameters
        ----------
        X, y, X_val, y_val : array, shapes (N, D), (N,), (M, D) and (M,)
            Training and validation data. With `augment`, X may have any number of columns. Without
            X_val and y_val, the histories of the validation stay empty.
        learning_rate, learning_rate_decay : float
            A step is the rate times the gradient. The rate is multiplied by the decay at each epoch.
        reg : float
            Strength of the L2 penalty, see `loss`.
        num_iters, batch_size : int
            Number of steps, and number of rows that each step draws, with replacement. A batch_size
            of None means that each step takes all rows and draws nothing.
        verbose, progress : bool
            Whether to print the loss every 100 iterations, and whether to show a progress bar.
        momentum, dropout : float
            Fraction of the previous step that is added to the new one, and fraction of the hidden
            units that are set to 0. Both are at least 0 and below 1. With dropout, the `loss` of a
            subclass must take the argument ``mask``.
        augment : callable, optional
            ``augment(X_batch, rng)`` returns a changed batch, (batch_size, D). It may change X_batch.
        schedule : callable, optional
            ``schedule(it, num_iters)`` is a factor of the rate, see `classifiers.sgd.warm_cosine`.
        rng : None, int, RandomState or Generator
            Source of randomness for batches, dropout, `augment`. ``None``: NumPy's global stream.
        callback : callable, optional
            ``callback(net, it, stats)`` is called once per epoch with the history so far. If it
            returns True, training ends. At the end, its method ``finish(net, stats)`` is called, if
            it has one, also after an error.
        sample_weight : array, shape (N,), optional
            Weights of the rows, see `loss`. The `loss` of a subclass must take this argument.
        velocity : dict of ndarray, optional
            Velocity of the momentum, changed in place. A dict that several calls get continues it.

        Returns
        -------
        History
            A dict of lists. ``loss_history`` has a value per iteration. ``train_acc_history`` (of
            the batch, after the step), ``val_acc_history`` and ``val_loss_history`` (with the
            penalty) have a value per epoch. The attribute ``ended`` says how training ended.

        Notes
        -----
        An epoch is ``max(N // batch_size, 1)`` iterations. After the first step of each epoch,
        `train` records the values of the epoch, decays the learning rate, and calls the callback.
        If a subclass overrides `loss` or `predict`, its methods are used.

        If the loss, or a parameter in the last step, becomes infinite or NaN, training stops with
        a `RuntimeWarning`. Such a loss is the last one in ``loss_history``. The net gets the
        parameters of the last epoch with a finite validation loss, or without validation data with
        finite parameters, or its initial ones.

        Ctrl-C raises `KeyboardInterrupt` after the current iteration. The net keeps the parameters
        of this iteration, and ``history`` has what was recorded. See `SafeLoop` for a second Ctrl-C.
        """
        D, H, C = check_params(self.params)
        X = check_array("X", X, 2, None if augment else D)
        y, sample_weight = check_labels("y", y, len(X), C), check_weights("sample_weight", sample_weight, len(X))
        validated = X_val is not None or y_val is not None
        if validated:
            X_val = check_array("X_val", X_val, 2, D)
            y_val = check_labels("y_val", y_val, len(X_val), C)
        labels = y if sample_weight is None else np.arange(len(y))  # row numbers, to look up y and weights
        num_iters, takes_all = check_count("num_iters", num_iters, 0), batch_size is None
        batch_size = len(X) if takes_all else check_count("batch_size", batch_size)
        learning_rate, reg = check_number("learning_rate", learning_rate), check_number("reg", reg)
        decay, rng = check_number("learning_rate_decay", learning_rate_decay), check_rng(rng)
        momentum = check_number("momentum", momentum, 0, 1, below=True)
        dropout = check_number("dropout", dropout, 0, 1, below=True)
        check_calls(augment=augment, schedule=schedule, callback=callback)
        check_writable(self.params)

        iterations_per_epoch, dtype = max(len(X) // batch_size, 1), self.params["W1"].dtype
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("sample_weight must hold a weight above 0, got only zeros")
        self.history = history = History(iterations_per_epoch=iterations_per_epoch)
        optimizer, options = SGD(momentum, velocity), {}  # options: a loss of a subclass need not know them
        with SafeLoop(self, num_iters, callback, progress) as loop:
            for it in loop.iterations():  # handles callback and Ctrl-C after each iteration
                X_batch, y_batch = (X, labels) if takes_all else draw_minibatch(X, labels, batch_size, rng)
                if sample_weight is not None:
                    options["sample_weight"], y_batch = sample_weight[y_batch], y[y_batch]
                if augment is not None:
                    X_batch = augment(X_batch.astype(dtype, copy=takes_all), rng)
                    check_array("the result of augment", X_batch, 2, D, finite=False)
                if dropout:
                    options["mask"] = dropout_mask((batch_size, H), dropout, dtype, rng)
                rate = learning_rate if schedule is None else learning_rate * float(schedule(it, num_iters))
                with np.errstate(all="ignore"):  # a divergence is reported once, at the end
                    loss, grads = check_loss(self.loss(X_batch, y_batch, reg, **options), self.params)
                    history["loss_history"].append(loss)
                    if not np.isfinite(loss):
                        break
                    optimizer.step(self.params, grads, rate)
                if verbose and it % 100 == 0:
                    print(f"iteration {it} / {num_iters}: loss {loss:f}")
                if it % iterations_per_epoch == 0:
                    train_accuracy, _ = self.evaluate(X_batch, y_batch, reg)
                    history.add_epoch(train_accuracy, *(self.evaluate(X_val, y_val, reg) if validated else ()))
                    learning_rate *= decay
        return history

    def evaluate(self, X: ArrayLike, y: ArrayLike, reg: float = 0.0) -> tuple[float, float]:
        """Compute the accuracy of `predict` and the loss with the penalty, in chunks.

        Parameters
        ----------
        X, y : array, shapes (N, D) and (N,)
            See `loss`.
        reg : float
            Strength of the L2 penalty.

        Returns
        -------
        accuracy, loss : float
            The accuracy is NaN if the loss is infinite or NaN.
        """
        D, _, C = check_params(self.params)
        X, y = check_array("X", X, 2, D), check_labels("y", y, len(X), C)
        with np.errstate(all="ignore"):
            losses = [len(y_part) * float(self.loss(X_part, y_part, reg)[0]) for X_part, y_part in _chunks(X, y)]
        loss = sum(losses) / len(X)
        accuracy = np.mean(self.predict(X) == y) if np.isfinite(loss) else np.nan
        return float(accuracy), loss

    def scores(self, X: ArrayLike) -> np.ndarray:
        """Compute the scores in chunks, so that a large X needs no array of N x H.

        Parameters
        ----------
        X : array, shape (N, D)
            One example a row, of any real dtype.

        Returns
        -------
        ndarray, shape (N, C)

        Notes
        -----
        If the largest score of a row is infinite or NaN, no class is the best one: a ValueError.
        """
        X = check_array("X", X, 2, check_params(self.params)[0])
        with np.errstate(all="ignore"):
            scores = np.concatenate([self.loss(X_part) for (X_part,) in _chunks(X)])  # (N, C)
        check_finite("the largest scores of X", scores.max(axis=1))
        return scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the class with the highest score, for X of shape (N, D), see `scores`.

        Returns
        -------
        ndarray of int, shape (N,)
        """
        return best_class(self.scores(X))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Compute the probability of each class, the softmax of the scores, for X of shape (N, D).

        Returns
        -------
        ndarray, shape (N, C)
            It has the dtype of ``params``. Each row sums to 1.
        """
        scores = self.scores(X)
        return np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))  # exp(log p) cannot overflow

    def save(self, path: Path | str) -> None:
        """Save the parameters in an ``.npz`` file of exactly this name. An error keeps an old file."""
        with atomic_write(path) as file:
            np.savez(file, **self.params, **({"absorbed": np.array(self.absorbed)} if self.absorbed else {}))

    @classmethod
    def load(cls, path: Path | str) -> TwoLayerNet:
        """Load a net that `save` wrote, bit-identical. No code in the file is run.

        Raises
        ------
        OSError
            If the file cannot be opened.
        ValueError
            If the file is not a complete saved net.
        """
        return cls.from_params(*read_params(path))

    @classmethod
    def from_params(cls, params, absorbed=()):
        """Make a net that has this dict of parameters. The constructor is not called."""
        net = cls.__new__(cls)
        net.params, net.absorbed = params, tuple(absorbed)
        return net


def _chunks(*arrays):
    """Yield the arrays in parts of at most CHUNK rows."""
    for i in range(0, len(arrays[0]), CHUNK):
        yield tuple(array[i : i + CHUNK] for array in arrays)
