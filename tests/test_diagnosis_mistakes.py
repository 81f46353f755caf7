"""Tests of the table of mistakes as a whole: some net of the tests makes each of them."""

import numpy as np
import test_diagnosis
import test_diagnosis_interfaces
import test_diagnosis_training
from test_diagnosis import Answers, Changed, Student, make_data, with_loss, with_product
from test_diagnosis_functions import change, make_net, missing, pre_activation, replace_gradient
from test_diagnosis_training import PREDICTIONS, TRAININGS, Learner, Predicts, net_with

from classifiers.neural_net import TwoLayerNet
from diagnosis import check_net
from diagnosis.mistakes import MISTAKES
from diagnosis.reference import FORWARD, Reference


class Scores(Student):
    """A net with scores of a formula."""

    def __init__(self, formula):
        super().__init__(4, 6, 3)
        self.formula = formula

    def loss(self, X, y=None, reg=0.0):
        r = Reference(self.params, X, np.zeros(len(X), dtype=int))
        return self.formula(r) if y is None else super().loss(X, y, reg)


def with_params(net, **params):
    net.params = {**net.params, **params}
    return net


def without_b2():
    net = Student()
    del net.params["b2"]
    return net


def with_attributes(net, **attributes):
    vars(net).update(attributes)
    return net


def examples():
    """Yield nets that make all mistakes of the table."""
    for mistakes in (
        *test_diagnosis.SENTENCES,
        *test_diagnosis.SCORES_AND_MORE,
        *test_diagnosis.SCORES_ONLY,
        "log of p",
        "NaN",
        "no half",
        "biases in both",
        "no half + penalty without W1",
    ):
        yield Student(4, 6, 3, *mistakes.split(" + "))
    yield from map(Scores, FORWARD.values())
    yield from map(Learner, test_diagnosis_training.SENTENCES)
    for lines, _ in TRAININGS.values():
        yield net_with(*lines)
    for function, _ in PREDICTIONS.values():
        yield Predicts(function, 4, 6, 3)
    for k in (5, 1 / 5, -1, -5, -1 / 5, 3):
        yield Answers({**dict.fromkeys(("scores", "loss", "W1", "b1", "b2"), 1), "W2": k})
    for answers in ((), ("scores",), ("scores", "loss")):
        yield Answers(dict.fromkeys(answers, 1))
    for function in (lambda p: -np.mean(np.log(p + 1e-6)), lambda p: -np.mean(np.log(p + 1e-2))):
        yield with_loss(function)
    yield from (with_product(1e-3, 0), with_product(0, 1e-3))
    for functions in (
        change("forward", pre_activation), change("forward", lambda a, *_: (a[0] + 1, a[1])), {"backward": missing},
        change("forward", lambda a, *_: (a[0][:, 1:], a[1])), change("penalty", replace_gradient), {"forward": missing},
        change("penalty", lambda a, *_: None), change("draw_minibatch", lambda a, *_: None), {"best_class": missing},
    ):  # fmt: skip
        yield make_net(**functions)
    yield make_net()
    yield with_params(Student(), b1=np.zeros((1, 6)))
    yield with_params(Student(), b1=np.full(6, np.nan))
    yield with_params(Student(), more=1.0)
    yield without_b2()
    yield test_diagnosis_interfaces.transposed(Student)(4, 6, 3)
    yield with_attributes(Student(), fit=print)
    yield TwoLayerNet(4, 6, 3, std=0.0)
    yield net_with("N // batch_size", "N / batch_size")
    yield Changed(lambda net, loss, grads, reg: print("loss") or (loss, grads))
    yield Changed(lambda net, loss, grads, reg: (np.nan, grads))
    yield Changed(lambda net, loss, grads, reg: (loss, grads) if reg < 0.5 else 1 / 0)
    signs = {"W1": 1, "b1": 0, "W2": -1, "b2": 0}
    yield Changed(lambda net, loss, grads, reg: (
        loss, {name: grads[name] + signs[name] * reg * net.params[name] for name in signs}
    ))  # fmt: skip
    unseen = net_with("self.loss(X_batch, y=y_batch, reg=reg)", "self.gradients(X_batch, y_batch, reg)")
    yield with_attributes(unseen, gradients=Student.loss.__get__(unseen))
    yield net_with("rate * grads[name]", "rate * np.cumsum(grads[name]).reshape(grads[name].shape) ** (it == 2) "
                   "* grads[name] ** (it != 2)")  # fmt: skip
    yield Changed(lambda net, loss, grads, reg: (loss, grads) if loss < 1e3 else 1 / 0)
    yield Changed(lambda net, loss, grads, reg: (100.0 if loss > 100 else loss, grads))


def test_each_entry_of_the_table_is_found():
    """An entry that no net of the tests makes is a guess."""
    reports = [check_net(net, *make_data(), max_checks=2, rng=0) for net in examples()]
    found = {id(finding.mistake) for report in reports for finding in report.found}
    assert [mistake.sentence for mistake in MISTAKES if id(mistake) not in found] == []
