"""Tests of TwoLayerClassifier with scikit-learn's checks, pipelines, searches and tables."""

import copy
import signal
import warnings

import numpy as np
import pytest
from conftest import ROOT, run_python

from classifiers.neural_net import TwoLayerNet

pytest.importorskip("sklearn", reason="scikit-learn is not installed (requirements-optional.txt)")

from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.estimator import TwoLayerClassifier

SMALL = {"hidden_size": 20, "num_iters": 100, "random_state": 0}
# The suite causes expected warnings: tables without names, labels in a column, one class.
suite = pytest.mark.filterwarnings("default")


@suite
@parametrize_with_checks([TwoLayerClassifier(hidden_size=20, num_iters=100)])
def test_suite_of_scikit_learn(estimator, check):
    """The classifier passes every check of check_estimator."""
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    """Small images of digits: the first 1,000 to train on, the others to test."""
    X, y = load_digits(return_X_y=True)
    return X[:1000] / 16, y[:1000], X[1000:] / 16, y[1000:]


@pytest.fixture
def blobs():
    """Four classes in 8 dimensions, with names as labels."""
    X, y = make_classification(
        240, 8, n_informative=4, n_redundant=0, n_classes=4, n_clusters_per_class=1, class_sep=2, random_state=0
    )
    return X, np.array(["ant", "bee", "cat", "dog"])[y]


def test_results_are_those_of_the_net(blobs):
    """A TwoLayerNet with the same arguments and random stream gives the same numbers."""
    X, y = blobs
    settings = {"learning_rate": 0.05, "reg": 0.01, "batch_size": 50, "dropout": 0.1}
    classifier = TwoLayerClassifier(std=0.2, **settings, **SMALL).fit(X, y)
    labels, rng = np.searchsorted(["ant", "bee", "cat", "dog"], y), np.random.RandomState(0)
    net = TwoLayerNet(8, 20, 4, 0.2, rng=rng)
    stats = net.train(X, labels, X, labels, learning_rate_decay=1.0, num_iters=100, momentum=0.9, rng=rng, **settings)
    assert classifier.loss_curve_ == stats["loss_history"]
    np.testing.assert_array_equal(classifier.net_.params["W1"], net.params["W1"])
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[net.predict(X)])
    np.testing.assert_array_equal(classifier.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(classifier.decision_function(X), net.loss(X))
    assert classifier.score(X, y) == np.mean(classifier.predict(X) == y) > 0.7
    assert classifier.n_features_in_ == 8 and classifier.validation_scores_ is None


def test_default_std_is_for_inputs_of_variance_one(blobs):
    """The default is sqrt(2 / 8) and sqrt(2 / 800) here. A given std holds for both layers."""
    params = TwoLayerClassifier(800, num_iters=0, random_state=0).fit(*blobs).net_.params
    assert abs(params["W1"].std() - 0.5) < 0.02 and abs(params["W2"].std() - 0.05) < 0.002
    params = TwoLayerClassifier(800, std=0.1, num_iters=0, random_state=0).fit(*blobs).net_.params
    assert abs(params["W1"].std() - 0.1) < 0.004 and abs(params["W2"].std() - 0.1) < 0.004
    assert not TwoLayerClassifier(std=0, num_iters=0).fit(*blobs).net_.params["W1"].any()


def test_probabilities(blobs):
    """They sum to 1. Their logarithms agree, and stay finite if a probability rounds to 0."""
    X, y = blobs
    classifier = TwoLayerClassifier(**SMALL).fit(X, y)
    p = classifier.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), p, rtol=1e-12)
    classifier.net_.params["W2"] *= 1e4
    assert classifier.predict_proba(X).min() == 0 and np.isfinite(classifier.predict_log_proba(X)).all()
    assert TwoLayerClassifier(dtype=np.float32, **SMALL).fit(X, y).predict_proba(X).dtype == np.float32


def test_two_classes_have_one_score(blobs):
    """It is the second score minus the first. `predict` uses its sign."""
    X, y = blobs[0], blobs[1] >= "cat"
    classifier = TwoLayerClassifier(**SMALL).fit(X, y)
    scores = classifier.decision_function(X)
    assert scores.shape == (240,)
    np.testing.assert_array_equal(classifier.predict(X), scores > 0)
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-10)


def test_pipeline_and_searches(blobs):
    """The classifier works in pipelines, cross-validation and grid search."""
    X, y = blobs
    pipeline = make_pipeline(StandardScaler(), TwoLayerClassifier(**SMALL))
    assert cross_val_score(pipeline, 100 * X, y, cv=3).mean() > 0.7
    grid = {"twolayerclassifier__hidden_size": [2, 30], "twolayerclassifier__learning_rate": [1e-5, 0.02]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["twolayerclassifier__learning_rate"] == 0.02 and search.best_score_ > 0.7


def test_tables(blobs):
    """The classifier takes tables with columns of several types, and labels of pandas' category type."""
    pd = pytest.importorskip("pandas", reason="pandas is not installed (requirements-optional.txt)")
    table, labels = pd.DataFrame(blobs[0], columns=[f"x{i}" for i in range(8)]), pd.Series(blobs[1], dtype="category")
    mixed = table.assign(x0=(table.x0 > 0), x1=table.x1.round().astype(int))
    classifier = TwoLayerClassifier(**SMALL).fit(mixed, labels)
    assert list(classifier.feature_names_in_) == list(table) and classifier.score(mixed, labels) > 0.5


def test_images_stay_bytes(monkeypatch):
    """X in uint8 is not converted to float64 as a whole. The net converts each batch."""
    X, y = np.random.default_rng(0).integers(0, 256, (300, 50)).astype(np.uint8), np.arange(300) % 3
    train, seen = TwoLayerNet.train, []
    monkeypatch.setattr(TwoLayerNet, "train", lambda *args, **more: seen.append(args[1]) or train(*args, **more))
    TwoLayerClassifier(learning_rate=1e-5, **SMALL).fit(X, y)
    assert [X.dtype for X in seen] == [np.uint8]


def test_early_stopping(digits):
    """Training stops after `patience` epochs, and the validation scores are kept."""
    X, y, X_test, y_test = digits
    settings = {"hidden_size": 50, "learning_rate": 0.3, "early_stopping": True, "patience": 2, "random_state": 1}
    classifier = TwoLayerClassifier(num_iters=2000, validation_fraction=0.2, **settings).fit(X, y)
    scores = classifier.validation_scores_
    assert len(classifier.loss_curve_) < 2000 and len(scores) - 1 - int(np.argmax(scores)) == 2
    assert len(scores) == -(-len(classifier.loss_curve_) // (800 // 200))
    assert all(round(200 * score) == pytest.approx(200 * score) for score in scores)
    assert classifier.score(X_test, y_test) > 0.85


@pytest.mark.parametrize("labels, missing", [("cat cat cat dog dog dog yak", "yak"), ("cat cat dog", "cat|dog")])
def test_early_stopping_with_rare_labels(labels, missing):
    """Training keeps a row of each class. A warning names the labels that validation lacks."""
    y = np.array(labels.split())
    X = np.random.randn(len(y), 4)
    classifier = TwoLayerClassifier(early_stopping=True, learning_rate=0.1, patience=500, **SMALL)
    with pytest.warns(UserWarning, match=rf"no row of \[.*'({missing})'.*validation_fraction above 0.1"):
        classifier.fit(X, y)
    assert set(classifier.predict_proba(X).argmax(axis=1)) <= set(range(len(set(y))))
    with pytest.raises(ValueError, match="y must have more rows than classes for early_stopping, got 2"):
        classifier.fit(X[:2], ["cat", "dog"])


def test_weights(blobs):
    """Rows of weight 0 are left out, equal weights have no effect, and class weights multiply those of the rows."""
    X, y = blobs
    settings = {"batch_size": 50, "early_stopping": True, **SMALL}
    some = np.arange(240) % 3 > 0
    weights = np.where(some, 1.0 + (y == "bee"), 0)
    fits = (
        TwoLayerClassifier(**settings).fit(X, y, weights),
        TwoLayerClassifier(class_weight={"bee": 2}, **settings).fit(X, y, some),
        TwoLayerClassifier(**settings).fit(X[some], y[some], weights[some]),
    )
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.predict_proba(X), fits[0].predict_proba(X))
    full = [TwoLayerClassifier(batch_size=n, **SMALL).fit(X, y).predict_proba(X) for n in (240, 500)]
    np.testing.assert_array_equal(*full)  # all rows in each step
    plain, equal = (TwoLayerClassifier(**settings).fit(X, y, w) for w in (None, np.full(240, 0.3)))
    np.testing.assert_array_equal(plain.predict_proba(X), equal.predict_proba(X))
    for wrong in (np.zeros(240), -weights, weights[1:]):
        with pytest.raises(ValueError, match="^sample_weight must hold"):
            TwoLayerClassifier(**SMALL).fit(X, y, wrong)


@pytest.mark.parametrize("batch_size", [30, 500])
def test_balanced_classes(batch_size):
    """A class of 4 percent that overlaps another is predicted for about half of the rows."""
    X, y = np.random.randn(400, 2), np.arange(400) % 25 == 0
    plain, balanced = (
        TwoLayerClassifier(class_weight=given, batch_size=batch_size, **SMALL).fit(X, y) for given in (None, "balanced")
    )
    assert plain.predict(X).mean() < 0.05 and 0.1 < balanced.predict(X).mean() < 0.8


def test_warm_start(blobs):
    """The second fit continues from the net of the first. Without warm_start, the net is new.

    partial_fit always continues.
    """
    X, y = blobs
    classifier = TwoLayerClassifier(warm_start=True, **SMALL).fit(X, y)
    net, before = classifier.net_, copy.deepcopy(classifier.net_.params)
    assert classifier.fit(X, y).net_ is net and len(classifier.loss_curve_) == 200
    assert classifier.loss_curve_[100] < classifier.loss_curve_[0] / 2
    with pytest.raises(ValueError, match="y must have the classes of the last fit"):
        classifier.fit(X, np.where(y == "ant", "bee", y))
    with pytest.raises(ValueError, match="features"):
        classifier.fit(X[:, :5], y)
    cold = classifier.set_params(warm_start=False).fit(X, y)
    assert len(cold.loss_curve_) == 100
    np.testing.assert_array_equal(cold.net_.params["W1"], before["W1"])
    net = cold.net_
    assert cold.partial_fit(X, y).net_ is net and len(cold.loss_curve_) == 101


def test_calls_of_partial_fit_are_one_fit(blobs):
    """Velocity, rate and random stream continue. After a divergence, the velocity starts at 0."""
    X, y = blobs
    settings = {"batch_size": 50, "hidden_size": 20, "random_state": 0}
    once, often = TwoLayerClassifier(num_iters=12, **settings).fit(X, y), TwoLayerClassifier(**settings)
    for _ in range(3):
        often.partial_fit(X, y, classes=np.unique(y))
    assert often.loss_curve_ == once.loss_curve_
    np.testing.assert_array_equal(often.net_.params["W1"], once.net_.params["W1"])
    assert once.partial_fit(X, y).loss_curve_ == often.partial_fit(X, y).loss_curve_
    with pytest.warns(RuntimeWarning, match="diverged"):
        often.set_params(learning_rate=1e200).partial_fit(X, y)
    often.set_params(learning_rate=0.01).partial_fit(X, y)
    for arguments in ({"early_stopping": True}, {"class_weight": "balanced"}):
        with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be .* for partial_fit"):
            TwoLayerClassifier(**arguments).partial_fit(X, y, np.unique(y))


@pytest.mark.parametrize("warm_start, kept", [(True, "keeps what it has learned"), (False, "is as before the call")])
def test_interrupt(blobs, monkeypatch, warm_start, kept):
    """Ctrl-C ends fit, a grid search and cross-validation. The message fits the caller."""
    train, X, y = TwoLayerNet.train, *blobs
    classifier = TwoLayerClassifier(warm_start=warm_start, **SMALL).fit(X, y)
    before, trained = classifier.predict_proba(X), []

    def press(it, num_iters):
        trained.append(it)
        if it == 1:
            signal.raise_signal(signal.SIGINT)
        return 1.0

    monkeypatch.setattr(TwoLayerNet, "train", lambda *args, **more: train(*args, schedule=press, **more))
    with pytest.raises(
        KeyboardInterrupt, match=f"^fit was interrupted after 2 of 100 iterations. The classifier {kept}$"
    ):
        classifier.fit(X, y)
    assert np.array_equal(classifier.predict_proba(X), before) is not warm_start
    with pytest.raises(KeyboardInterrupt, match="^partial_fit was .* keeps"):
        classifier.set_params(batch_size=20).partial_fit(X, y)
    for search in (
        lambda: GridSearchCV(classifier, {"reg": [0.0, 1.0]}, cv=2).fit(X, y),
        lambda: cross_val_score(classifier, X, y, cv=2),
    ):
        trained.clear()
        with pytest.raises(KeyboardInterrupt, match="^fit was interrupted"):
            search()
        assert trained == [0, 1]


def test_partial_fit(blobs):
    """Each call trains one epoch and decays the rate. The first call needs all classes."""
    X, y = blobs
    classifier = TwoLayerClassifier(batch_size=50, learning_rate_decay=0.5, **SMALL)
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit."):
        classifier.partial_fit(X, y)
    first = y != "dog"
    classifier.partial_fit(X[first], y[first], classes=["dog", "cat", "bee", "ant"])
    steps = first.sum() // 50
    assert list(classifier.classes_) == ["ant", "bee", "cat", "dog"] and len(classifier.loss_curve_) == steps
    rates = []
    train = classifier.net_.train
    classifier.net_.train = lambda *args, **kwargs: rates.append(kwargs["learning_rate"]) or train(*args, **kwargs)
    for _ in range(2):
        classifier.partial_fit(X, y)
    assert rates == [0.005, 0.0025] and len(classifier.loss_curve_) == steps + 2 * 4
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        classifier.partial_fit(X, y, classes=["ant", "bee"])
    with pytest.raises(ValueError, match="y must hold labels among .*, got 'eel'"):
        classifier.partial_fit(X[:2], ["ant", "eel"])
    classifier.partial_fit(X[:3], y[:3])  # fewer rows than a batch
    assert len(classifier.loss_curve_) == steps + 2 * 4 + 1


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"hidden_size": 0}, ValueError, "hidden_size must be a whole number, at least 1, got 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be a whole number, at least 1, got 0"),
        ({"momentum": 1.0}, ValueError, "momentum must be a number in 0..1, 1 excluded, got 1.0"),
        ({"validation_fraction": 0}, ValueError, "validation_fraction must be above 0 and below 1, got 0"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction must be a number in 0..1, 1 excluded"),
        ({"early_stopping": "yes"}, TypeError, "early_stopping must be True or False, got 'yes'"),
        ({"warm_start": None}, TypeError, "warm_start must be True or False, got None"),
        ({"early_stopping": True, "patience": 0}, ValueError, "patience must be a whole number, at least 1, got 0"),
    ],
)
def test_bad_arguments_keep_the_net(blobs, arguments, error, message):
    """The error gives the argument's name, and the net of an earlier fit still predicts."""
    classifier = TwoLayerClassifier(**SMALL).fit(*blobs)
    expected = classifier.predict_proba(blobs[0])
    with pytest.raises(error, match=message):
        classifier.set_params(**arguments).fit(*blobs)
    np.testing.assert_array_equal(classifier.predict_proba(blobs[0]), expected)


def test_as_accurate_as_scikit_learns_net(digits):
    """The accuracies differ by at most one standard error of their difference."""
    X, y, X_test, y_test = digits
    ours = TwoLayerClassifier(50, learning_rate=0.1, reg=1e-3, num_iters=300, batch_size=100, random_state=0)
    theirs = MLPClassifier(
        50, solver="sgd", learning_rate_init=0.1, alpha=1e-3 * 100, max_iter=30, batch_size=100, momentum=0.9,
        nesterovs_momentum=False, tol=0, n_iter_no_change=1000, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLPClassifier warns that it has not converged
        a, b = (classifier.fit(X, y).score(X_test, y_test) for classifier in (ours, theirs))
    assert abs(a - b) <= np.sqrt((a * (1 - a) + b * (1 - b)) / len(y_test)) and min(a, b) > 0.85


WITHOUT = """
import sys
sys.modules["sklearn"] = None
import classifiers.sweep, classifiers.callbacks
try:
    import classifiers.estimator
except ImportError as error:
    print(error)
"""


def test_lab_works_without_scikit_learn():
    """Only classifiers.estimator needs scikit-learn. Its error says how to install it."""
    out = run_python(WITHOUT).communicate()[0]
    assert out == "classifiers.estimator needs scikit-learn 1.6 or newer: pip install -r requirements-optional.txt\n"
    importing = [path.stem for path in (ROOT / "classifiers").glob("*.py") if "sklearn" in path.read_text("utf-8")]
    assert importing == ["estimator"]
