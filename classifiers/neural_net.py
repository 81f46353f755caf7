"""A fully connected net with one hidden layer: its parameters, loss, training, prediction and file.

N examples, D inputs, H hidden units, C classes. layers.py has the maths, sgd.py gradient descent.
"""

import numpy as np

import checks
from checks import check_array, check_count, check_labels, check_number
from classifiers.evaluation import CHUNK, accuracy, chunks, evaluate
from classifiers.layers import SHAPES, dropout_mask, forward, loss_and_gradients
from classifiers.safety import DelayedInterrupt, History, Snapshot, end_training
from classifiers.sgd import SGD, draw_minibatch
from files import atomic_write, read_params


class TwoLayerNet:
    """Two-layer net: affine layer, ReLU, affine layer, softmax, trained by SGD.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        D, H and C.
    std : float
        Standard deviation of the initial weights. Biases start at zero.
    dtype : dtype
        Floating-point type of the parameters and of all computation.
    rng : None, int, RandomState or Generator
        Source of randomness, for W1 before W2. ``None`` is NumPy's global stream.

    Attributes
    ----------
    params : dict of ndarray
        ``W1 (D, H)``, ``b1 (H,)``, ``W2 (H, C)``, ``b2 (C,)``. May be replaced or changed in place.
    history : History or None
        Record of the last call of `train`, even if it raised an error.

    Examples
    --------
    >>> net = TwoLayerNet(input_size=4, hidden_size=10, output_size=3, rng=0)
    >>> net.loss(np.ones((5, 4))).shape
    (5, 3)
    """

    history = None

    def __init__(self, input_size, hidden_size, output_size, std=1e-4, *, dtype=np.float64, rng=None):
        D, H = check_count("input_size", input_size), check_count("hidden_size", hidden_size)
        C, std = check_count("output_size", output_size), check_number("std", std)
        rng, dtype = checks.check_rng(rng), checks.check_dtype(dtype)
        W1 = std * rng.standard_normal((D, H))
        W2 = std * rng.standard_normal((H, C))
        params = {"W1": W1, "b1": np.zeros(H), "W2": W2, "b2": np.zeros(C)}
        self.params = {name: param.astype(dtype, copy=False) for name, param in params.items()}

    def loss(self, X, y=None, reg=0.0):
        """Compute the scores or, with labels, the loss and its gradients.

        Parameters
        ----------
        X : array, shape (N, D)
            One example a row, of any real dtype.
        y : array of int, shape (N,), optional
            Class indices in 0..C-1.
        reg : float
            Strength of the L2 penalty, see `classifiers.layers.penalty`.

        Returns
        -------
        scores : ndarray, shape (N, C), if y is None
        loss, grads : float, dict of ndarray, otherwise
            Mean softmax loss plus penalty, and its gradients, keyed and shaped as ``params``.
        """
        D, _, C = checks.check_shapes("params", self.params, SHAPES).values()
        X = check_array("X", X, 2, D).astype(self.params["W1"].dtype, copy=False)
        if y is None:
            return forward(self.params, X)[1]
        y = check_labels("y", y, len(X), C)
        return loss_and_gradients(self.params, X, y, check_number("reg", reg))

    def train(
        self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=1e-5, num_iters=100,
        batch_size=200, verbose=False, *, momentum=0.0, dropout=0.0, augment=None, schedule=None, rng=None,
        progress=False, callback=None,
    ):  # fmt: skip
        """Train by stochastic gradient descent, starting from the present parameters.

        Parameters
        ----------
        X, y, X_val, y_val : array, shapes (N, D), (N,), (M, D) and (M,)
            Training and validation data. With `augment`, X may have any number of columns.
        learning_rate, learning_rate_decay : float
            A step is `learning_rate` times the gradient. The rate is decayed after each epoch.
        reg : float
            Strength of the L2 penalty, see `loss`.
        num_iters, batch_size : int
            Number of steps, and number of rows that each step draws, with replacement.
        verbose, progress : bool
            Whether to print the loss every 100 iterations, and whether to show a progress bar.
        momentum, dropout : float
            Fraction of the previous step that is added to the new one, and fraction of the hidden
            units that are set to 0. Both are at least 0 and below 1.
        augment : callable, optional
            ``augment(X_batch, rng)`` returns a changed batch, (batch_size, D). It may change X_batch.
        schedule : callable, optional
            ``schedule(it, num_iters)`` is a factor of the rate, see `classifiers.sgd.warm_cosine`.
        rng : None, int, RandomState or Generator
            Source of randomness for batches, dropout, `augment`. ``None``: NumPy's global stream.
        callback : callable, optional
            ``callback(net, it, stats)`` is called once per epoch with the history so far. If it
            returns True, training ends. At the end, its method ``finish(net, stats)`` is called.

        Returns
        -------
        History
            A dict of lists. ``loss_history`` has a value per iteration. ``train_acc_history`` (of
            the batch), ``val_acc_history`` and ``val_loss_history`` (with the penalty) have a value
            per epoch. The attribute ``ended`` says how training ended.

        Notes
        -----
        An epoch is ``max(N // batch_size, 1)`` iterations. After the first step of each epoch,
        `train` records the values of the epoch, decays the learning rate, and calls the callback.
        If a subclass overrides `loss` or `predict`, its methods are used.

        If the loss becomes infinite or NaN, training stops with a `RuntimeWarning`. This loss is
        the last one in ``loss_history``. The parameters are restored from the start of the epoch.
        Ctrl-C stops training after the current iteration.
        """
        D, _, C = checks.check_shapes("params", self.params, SHAPES).values()
        X, X_val = check_array("X", X, 2, None if augment else D), check_array("X_val", X_val, 2, D)
        y, y_val = check_labels("y", y, len(X), C), check_labels("y_val", y_val, len(X_val), C)
        num_iters, batch_size = check_count("num_iters", num_iters, 0), check_count("batch_size", batch_size)
        learning_rate, reg = check_number("learning_rate", learning_rate), check_number("reg", reg)
        decay, rng = check_number("learning_rate_decay", learning_rate_decay), checks.check_rng(rng)
        checks.check_calls(augment=augment, schedule=schedule, callback=callback)
        optimizer, batch_loss = self._optimizer_and_loss(reg, momentum, dropout, rng)

        iterations_per_epoch, snapshot = max(len(X) // batch_size, 1), Snapshot(self.params)
        buffer = np.empty((batch_size, X.shape[1]), self.params["W1"].dtype.newbyteorder("="))
        self.history = history = History(iterations_per_epoch=iterations_per_epoch)
        with np.errstate(all="ignore"), DelayedInterrupt() as ctrl_c:
            for it in history.iterations(num_iters, progress):
                X_batch, y_batch = draw_minibatch(X, y, batch_size, rng, out=buffer)
                if augment is not None:
                    X_batch = checks.check_batch(augment(X_batch, rng), (batch_size, D), buffer.dtype)
                rate = learning_rate if schedule is None else learning_rate * float(schedule(it, num_iters))
                loss, grads = batch_loss(X_batch, y_batch)
                if not history.add_loss(loss):
                    break
                if it % iterations_per_epoch == 0:
                    snapshot.take(self.params)  # restored if a later step diverges
                optimizer.step(self.params, grads, rate)
                if verbose and it % 100 == 0:
                    print(f"iteration {it} / {num_iters}: loss {loss:f}")
                if it % iterations_per_epoch == 0:
                    history.add_epoch(accuracy(self, X_batch, y_batch), *evaluate(self, X_val, y_val, reg))
                    learning_rate *= decay
                    if callback is not None and callback(self, it, history):
                        history.ended = "stopped"
                if ctrl_c.pressed or history.ended == "stopped":
                    break
        end_training(self, snapshot, ctrl_c, optimizer.whole, num_iters, learning_rate, callback)
        return history

    def _optimizer_and_loss(self, reg, momentum, dropout, rng):
        """Return an optimizer, and a function that computes loss and gradients of a batch."""
        momentum = check_number("momentum", momentum, 0, 1, below=True)
        dropout = check_number("dropout", dropout, 0, 1, below=True)
        if not self._inherits("loss"):  # the gradients of a subclass include its penalty
            if dropout:
                raise ValueError(f"dropout must be 0 for a class with a loss of its own, got {dropout:g}")
            return SGD(momentum), lambda X, y: checks.check_loss(self.loss(X, y=y, reg=reg), self.params, SHAPES)

        dW1 = np.empty(self.params["W1"].shape, self.params["W1"].dtype.newbyteorder("="))

        def batch_loss(X, y):
            keep = dropout_mask((len(X), dW1.shape[1]), dropout, dW1.dtype, rng) if dropout else None
            return loss_and_gradients(self.params, X, y, reg, keep, dW1, weight_decay=True)

        return SGD(momentum, weight_decay={"W1": reg, "W2": reg}), batch_loss

    def predict(self, X):
        """Predict the class with the highest score, for X of shape (N, D) and any real dtype.

        Returns
        -------
        ndarray of int, shape (N,)
        """
        sizes = checks.check_shapes("params", self.params, SHAPES)
        return self._predict(check_array("X", X, 2, sizes["D"]))

    def predict_proba(self, X):
        """Compute the probability of each class, the softmax of the scores, for X of shape (N, D).

        Returns
        -------
        ndarray, shape (N, C)
            It has the dtype of ``params``. Each row sums to 1.
        """
        X = check_array("X", X, 2, checks.check_shapes("params", self.params, SHAPES)["D"])
        scores = np.concatenate([self._scores(X_part) for (X_part,) in chunks(X)])  # (N, C)
        return np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))  # exp(log p) cannot overflow

    def _predict(self, X):
        """Return the class with the highest of ``self._scores(X)`` (N, C), CHUNK rows at a time."""
        classes = np.empty(len(X), np.intp)
        for i in range(0, len(X), CHUNK):
            classes[i : i + CHUNK] = self._scores(X[i : i + CHUNK]).argmax(axis=1)
        return classes

    def _scores(self, X):
        X = X.astype(self.params["W1"].dtype, copy=False)
        own = not self._inherits("loss") and checks.takes_one_argument(self.loss)
        return self.loss(X) if own else forward(self.params, X)[1]  # (N, C)

    _OWN = {"loss": loss, "predict": predict}

    def _inherits(self, name):
        """Return whether `loss` or `predict` is that of TwoLayerNet, not overridden or replaced."""
        return getattr(getattr(self, name), "__func__", None) is self._OWN[name]

    def save(self, path):
        """Save the parameters in an ``.npz`` file of exactly this name. An error keeps an old file."""
        with atomic_write(path) as file:
            np.savez(file, **self.params)

    @classmethod
    def load(cls, path):
        """Load a net that `save` wrote, bit-identical. Other files, also pickles, raise ValueError."""
        net = cls(1, 1, 1, rng=0)  # of any size: its parameters are replaced
        net.params = read_params(path, SHAPES)
        return net
