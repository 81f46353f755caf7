"""Tests of TwoLayerClassifier with scikit-learn's checks, pipelines, searches and tables."""

import copy
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
