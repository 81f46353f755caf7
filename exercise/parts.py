"""The functions that students write, in the order of work, and their points. Teachers can edit the points here."""

import importlib
from pathlib import Path
from typing import NamedTuple

HOMEWORK = Path(__file__).resolve().parents[1] / "homework.py"  # of the exercise


class Part(NamedTuple):
    """A function that students write.

    Attributes
    ----------
    name : str
        Name of the function, and of its column in the table of grades.
    module : str
        Module of the solution that has the function.
    section : int
        Section of the notebook that explains the function.
    task : str
        What to write, in a few words.
    points : dict of str to float
        Maps each aspect to its points. If half of an aspect's cases are right, a submission gets
        half of its points. `cases.make_cases` makes at least one case for each aspect.
    """

    name: str
    module: str
    section: int
    task: str
    points: dict


LAYERS, SGD = "classifiers.layers", "classifiers.sgd"
# fmt: off
PARTS = (
    Part("forward", LAYERS, 2, "the hidden layer and the scores",
         {"scores": 8, "hidden": 4, "dropout": 2, "types": 2}),
    Part("softmax_loss", LAYERS, 3, "the mean softmax loss, and its gradient with respect to the scores",
         {"loss": 7, "gradient": 7, "large scores": 4, "types": 2}),
    Part("penalty", LAYERS, 3, "the penalty of the weights, and its gradient",
         {"value": 5, "gradient": 5}),
    Part("backward", LAYERS, 4, "the gradients of the four parameters",
         {"W1": 8, "b1": 4, "W2": 6, "b2": 3, "dropout": 2, "types": 1}),
    Part("draw_minibatch", SGD, 5, "random rows of X and y",
         {"rows": 6, "random stream": 4}),
    Part("update", SGD, 5, "a step down the gradient",
         {"plain": 7, "momentum": 5}),
    Part("best_class", LAYERS, 5, "the class with the highest score",
         {"classes": 6, "large scores": 2}),
)
# fmt: on
BY_NAME = {part.name: part for part in PARTS}
FULL = sum(sum(part.points.values()) for part in PARTS)


def solution(name):
    """Return the solution's function of a part. In the exercise this is the student's."""
    return getattr(importlib.import_module(BY_NAME[name].module), name)
