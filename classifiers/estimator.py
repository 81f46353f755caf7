"""`TwoLayerClassifier`: the net as a scikit-learn classifier."""

from __future__ import annotations

import warnings
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "classifiers.estimator needs scikit-learn 1.6 or newer: pip install -r requirements-optional.txt"
    ) from error

from checks import check_count, check_number, check_weights
from classifiers.callbacks import EarlyStopping
from classifiers.neural_net import TwoLayerNet


class TwoLayerClassifier(ClassifierMixin, BaseEstimator):
    """`TwoLayerNet` as a classifier for scikit-learn 1.6 or newer.

    Parameters
    ----------
    hidden_size : int
        Number of hidden units.
    std : float, optional
        Standard deviation of the initial weights. The default is ``sqrt(2 / n)`` for a layer of n
        inputs. It suits inputs of variance 1 (He et al., "Delving deep into rectifiers", 2015).
    learning_rate, learning_rate_decay, reg, num_iters, momentum, dropout
        As in `TwoLayerNet.train`. The default rate is for standardised inputs.
    batch_size : int
        Number of examples per step. If X has no more rows, each step takes all of them.
    validation_fraction : float
        Fraction of the training data that `early_stopping` uses for validation. It is above 0 and
        below 1. The training keeps a row of each class. A warning names classes that have no row
        left for validation.
    early_stopping : bool
        Whether to stop if the validation accuracy has no new best value for `patience` epochs. The
        net then has the parameters of the best epoch.
    patience : int
        See `early_stopping`.
    warm_start : bool
        Whether `fit` continues from the net of the last call.
    class_weight : dict, "balanced" or None
        Weights of the labels, which multiply those of the rows. "balanced" gives all classes the
        same sum of weights.
    dtype : dtype
        Floating-point type of the parameters.
    random_state : None, int or RandomState
        Source of randomness for weights, batches, dropout and validation data.
    verbose : bool
        Print the loss every 100 iterations.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of inputs.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a table.
    net_ : TwoLayerNet
        The trained net. It predicts indices of `classes_`.
    loss_curve_ : list of float
        The loss at each iteration, over all calls of `partial_fit` or, with `warm_start`, `fit`.
    validation_scores_ : list of float or None
        The validation accuracy at each epoch of the last `fit`, if `early_stopping`.

    Examples
    --------
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), ["low", "low", "high", "high"]
    >>> classifier = TwoLayerClassifier(hidden_size=10, num_iters=100, random_state=0).fit(X, y)
    >>> classifier.predict([[-1.5], [1.5]]).tolist()
    ['low', 'high']
    """

    def __init__(
        self, hidden_size=100, *, std=None, learning_rate=0.01, learning_rate_decay=1.0, reg=1e-4, num_iters=1000,
        batch_size=200, momentum=0.9, dropout=0.0, validation_fraction=0.1, early_stopping=False, patience=10,
        warm_start=False, class_weight=None, dtype=np.float64, random_state=None, verbose=False,
    ):  # fmt: skip
        self.hidden_size, self.std, self.dtype = hidden_size, std, dtype
        self.learning_rate, self.learning_rate_decay = learning_rate, learning_rate_decay
        self.reg, self.num_iters, self.batch_size = reg, num_iters, batch_size
        self.momentum, self.dropout = momentum, dropout
        self.validation_fraction, self.early_stopping, self.patience = validation_fraction, early_stopping, patience
        self.warm_start, self.random_state, self.verbose = warm_start, random_state, verbose
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> TwoLayerClassifier:
        """Train a new net, or with `warm_start` the net of the last call.

        Parameters
        ----------
        X : array or table, shape (n_samples, n_features)
            One example per row.
        y : array, shape (n_samples,)
            Labels of any kind that can be sorted.
        sample_weight : array, shape (n_samples,), optional
            Weights of the rows, at least 0. Rows of weight 0 are left out.

        Returns
        -------
        TwoLayerClassifier
            This object.
        """
        self._check_arguments()
        goes_on = self.warm_start and hasattr(self, "net_")
        X, y = validate_data(self, X, y, reset=not goes_on)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if goes_on and not np.array_equal(classes, self.classes_):
            raise ValueError(f"y must have the classes of the last fit, {self.classes_}, got {classes}")
        X, labels, weights = self._weigh(X, y, labels, sample_weight)
        rng = check_random_state(self.random_state)
        net = self.net_ if goes_on else self._make_net(len(classes), rng)
        data, callback, velocity = (X, labels), None, {}
        if self.early_stopping:
            rows, held_out = self._split(labels, classes, rng)
            data, callback = (X[rows], labels[rows], X[held_out], labels[held_out]), EarlyStopping(self.patience)
            weights = None if weights is None else weights[rows]
        stats = self._train("fit", net, data, self.num_iters, self.learning_rate, rng, weights, velocity, callback)
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + stats["loss_history"]
        self.validation_scores_ = stats["val_acc_history"] if self.early_stopping else None
        self.net_, self.classes_, self._rng, self._velocity = net, classes, rng, velocity
        self._epochs = len(stats["train_acc_history"])
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> TwoLayerClassifier:
        """Train for one epoch, starting from the current net. The first call makes a new net.

        Learning rate and velocity of the momentum continue from the last call.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array, shape (n_classes,)
            All labels that can occur in any call. Only the first call needs them.

        Returns
        -------
        TwoLayerClassifier
            This object.
        """
        self._check_arguments()
        if self.early_stopping:
            raise ValueError("early_stopping must be False for partial_fit, which trains for one epoch, got True")
        if isinstance(self.class_weight, str):
            raise ValueError(f"class_weight must be a dict or None for partial_fit, got {self.class_weight!r}")
        X, y = validate_data(self, X, y, reset=(first := not hasattr(self, "net_")))
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        known = np.unique(classes) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes must be those of the first call, {known}, got {np.unique(classes)}")
        if len(unknown := np.setdiff1d(y, known)):
            raise ValueError(f"y must hold labels among {known}, got {unknown.tolist()[0]!r}")
        if first:
            self._rng, self._epochs = check_random_state(self.random_state), 0
            self.loss_curve_, self._velocity = [], {}
        net = self._make_net(len(known), self._rng) if first else self.net_
        X, labels, weights = self._weigh(X, y, np.searchsorted(known, y), sample_weight)
        rate = self.learning_rate * self.learning_rate_decay**self._epochs
        epoch = max(len(X) // min(self.batch_size, len(X)), 1)
        stats = self._train("partial_fit", net, (X, labels), epoch, rate, self._rng, weights, self._velocity)
        self.loss_curve_ = self.loss_curve_ + stats["loss_history"]
        self.net_, self.classes_, self._epochs = net, known, self._epochs + 1
        return self

    def _check_arguments(self):
        """Check what `TwoLayerNet` does not check."""
        for name in ("early_stopping", "warm_start"):
            if not isinstance(value := getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, got {value!r}")
        check_count("batch_size", self.batch_size)
        if check_number("validation_fraction", self.validation_fraction, 0, 1, below=True) == 0:
            raise ValueError("validation_fraction must be above 0 and below 1, got 0")

    def _make_net(self, classes, rng):
        std = np.sqrt(2 / self.n_features_in_) if self.std is None else self.std
        net = TwoLayerNet(self.n_features_in_, self.hidden_size, classes, std, dtype=self.dtype, rng=rng)
        if self.std is None:
            net.params["W2"] *= np.sqrt(self.n_features_in_ / self.hidden_size)
        return net

    def _weigh(self, X, y, labels, sample_weight):
        """Return the rows of weight above 0, their class indices and their weights."""
        weights = check_weights("sample_weight", sample_weight, len(labels))
        if weights is not None and weights.any():
            X, y, labels, weights = (array[weights > 0] for array in (X, y, labels, weights))
        if self.class_weight is not None:
            weights = compute_sample_weight(self.class_weight, y) * (1 if weights is None else weights)
        return X, labels, weights

    def _split(self, labels, classes, rng):
        """Return the numbers of the rows for training and for validation."""
        numbers, part = np.arange(len(labels)), self.validation_fraction
        try:
            rows, held_out = train_test_split(numbers, test_size=part, stratify=labels, random_state=rng)
        except ValueError:  # a class has one row, or there are more classes than rows for validation
            others = np.setdiff1d(numbers, np.unique(labels, return_index=True)[1])
            held_out = rng.permutation(others)[: ceil(part * len(labels))]
            rows = np.setdiff1d(numbers, held_out)
            if not len(held_out):
                raise ValueError(f"y must have more rows than classes for early_stopping, got {len(labels)}") from None
            if len(missing := classes[np.setdiff1d(labels, labels[held_out])].tolist()):
                text = f"early_stopping has no row of {missing} for validation. Pass more rows, or a"
                warnings.warn(f"{text} validation_fraction above {part}", UserWarning, stacklevel=3)
        return rows, held_out

    def _train(self, method, net, data, num_iters, learning_rate, rng, weights, velocity, callback=None):
        """Train a net on (X, y) or (X, y, X_val, y_val), and return what it recorded."""
        try:
            return net.train(
                *data, learning_rate=learning_rate, learning_rate_decay=self.learning_rate_decay, reg=self.reg,
                num_iters=num_iters, batch_size=None if self.batch_size >= len(data[0]) else self.batch_size,
                verbose=self.verbose, momentum=self.momentum, dropout=self.dropout, rng=rng, callback=callback,
                sample_weight=weights, velocity=velocity,
            )  # fmt: skip
        except KeyboardInterrupt as error:
            kept = "keeps what it has learned" if net is getattr(self, "net_", None) else "is as before the call"
            text = str(error).partition(". ")[0].replace("training", method, 1)
            raise KeyboardInterrupt(f"{text}. The classifier {kept}") from None
        finally:
            if callback or net.history is None or net.history.ended != "finished":
                velocity.clear()  # it does not belong to the parameters of the net

    def _ask(self, question, X):
        """Call the method of the net that `question` names."""
        check_is_fitted(self)
        return getattr(self.net_, question)(validate_data(self, X, reset=False))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the label of each row of X.

        Returns
        -------
        ndarray, shape (n_samples,)
        """
        indices = self._ask("predict", X)
        return self.classes_[indices]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Compute the probability of each class.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            The columns are in the order of `classes_`.
        """
        return self._ask("predict_proba", X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Compute the logarithm of the probability of each class.

        It is finite even if the probability rounds to 0.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
        """
        scores = self._ask("scores", X)
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the scores of the classes.

        Returns
        -------
        ndarray, shape (n_samples, n_classes), or (n_samples,) for two classes
            For two classes: the score of the second class minus that of the first.
        """
        scores = self._ask("scores", X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores
