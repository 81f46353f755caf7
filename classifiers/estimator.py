"""`TwoLayerClassifier`: the net as a scikit-learn classifier."""

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "classifiers.estimator needs scikit-learn 1.6 or newer: pip install -r requirements-optional.txt"
    ) from error

from checks import check_count, check_number
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
        Number of examples per step. If X has fewer rows, each batch has as many rows as X.
    validation_fraction : float
        Fraction of the training data that `early_stopping` uses for validation. It is above 0 and
        below 1.
    early_stopping : bool
        Whether to stop if the validation accuracy has no new best value for `patience` epochs. The
        net then has the parameters of the best epoch.
    patience : int
        See `early_stopping`.
    warm_start : bool
        Whether `fit` continues from the net of the last call.
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
        warm_start=False, dtype=np.float64, random_state=None, verbose=False,
    ):  # fmt: skip
        self.hidden_size, self.std, self.dtype = hidden_size, std, dtype
        self.learning_rate, self.learning_rate_decay = learning_rate, learning_rate_decay
        self.reg, self.num_iters, self.batch_size = reg, num_iters, batch_size
        self.momentum, self.dropout = momentum, dropout
        self.validation_fraction, self.early_stopping, self.patience = validation_fraction, early_stopping, patience
        self.warm_start, self.random_state, self.verbose = warm_start, random_state, verbose

    def fit(self, X, y):
        """Train a new net, or with `warm_start` the net of the last call.

        Parameters
        ----------
        X : array or table, shape (n_samples, n_features)
            One example per row.
        y : array, shape (n_samples,)
            Labels of any kind that can be sorted.

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
        rng = check_random_state(self.random_state)
        net = self.net_ if goes_on else self._make_net(len(classes), rng)
        data, callback = (X, labels, X[:1], labels[:1]), None  # train needs validation data; one row is cheap
        if self.early_stopping:
            X, X_val, y, y_val = train_test_split(
                X, labels, test_size=self.validation_fraction, stratify=labels, random_state=rng
            )
            data, callback = (X, y, X_val, y_val), EarlyStopping(self.patience)
        stats = self._train(net, data, self.num_iters, self.learning_rate, rng, callback)
        self.loss_curve_ = (self.loss_curve_ if goes_on else []) + stats["loss_history"]
        self.validation_scores_ = stats["val_acc_history"] if self.early_stopping else None
        self.net_, self.classes_, self._rng, self._epochs = net, classes, rng, len(stats["val_acc_history"])
        return self

    def partial_fit(self, X, y, classes=None):
        """Train for one epoch, starting from the current net. The first call makes a new net.

        The learning rate continues from the last call. The velocity of the momentum starts at 0.

        Parameters
        ----------
        X, y
            As in `fit`.
        classes : array, shape (n_classes,)
            All labels that can occur in any call. Only the first call needs them.

        Returns
        -------
        TwoLayerClassifier
            This object.
        """
        self._check_arguments()
        first = not hasattr(self, "net_")
        X, y = validate_data(self, X, y, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        known = np.unique(classes) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes must be those of the first call, {known}, got {np.unique(classes)}")
        if len(unknown := np.setdiff1d(y, known)):
            raise ValueError(f"y must hold labels among {known}, got {unknown.tolist()[0]!r}")
        if first:
            self._rng, self._epochs, self.loss_curve_ = check_random_state(self.random_state), 0, []
        net = self._make_net(len(known), self._rng) if first else self.net_
        labels, rate = np.searchsorted(known, y), self.learning_rate * self.learning_rate_decay**self._epochs
        epoch = max(len(X) // min(self.batch_size, len(X)), 1)
        stats = self._train(net, (X, labels, X[:1], labels[:1]), epoch, rate, self._rng)
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

    def _train(self, net, data, num_iters, learning_rate, rng, callback=None):
        """Train a net on (X, y, X_val, y_val), and return what it recorded."""
        return net.train(
            *data, learning_rate=learning_rate, learning_rate_decay=self.learning_rate_decay, reg=self.reg,
            num_iters=num_iters, batch_size=min(self.batch_size, len(data[0])), verbose=self.verbose,
            momentum=self.momentum, dropout=self.dropout, rng=rng, callback=callback,
        )  # fmt: skip

    def _ask(self, question, X):
        """Call the method of the net that `question` names."""
        check_is_fitted(self)
        return getattr(self.net_, question)(validate_data(self, X, reset=False))

    def predict(self, X):
        """Predict the label of each row of X.

        Returns
        -------
        ndarray, shape (n_samples,)
        """
        indices = self._ask("predict", X)
        return self.classes_[indices]

    def predict_proba(self, X):
        """Compute the probability of each class.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            The columns are in the order of `classes_`.
        """
        return self._ask("predict_proba", X)

    def predict_log_proba(self, X):
        """Compute the logarithm of the probability of each class.

        It is finite even if the probability rounds to 0.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
        """
        scores = self._ask("scores", X)
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)

    def decision_function(self, X):
        """Compute the scores of the classes.

        Returns
        -------
        ndarray, shape (n_samples, n_classes), or (n_samples,) for two classes
            For two classes: the score of the second class minus that of the first.
        """
        scores = self._ask("scores", X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores
