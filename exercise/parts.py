"""The functions that students write, and their points. Teachers can edit the points here."""

from typing import NamedTuple


class Part(NamedTuple):
    """A function that students write.

    Attributes
    ----------
    name : str
        Name of the part, and of its column in the table of grades.
    file : str
        File of the function, relative to the folder of the lab.
    function : str
        Name of the function, or ``Class.name`` of a method.
    section : int
        Section of the notebook that explains the function.
    task : str
        What to write, in a few words.
    points : dict of str to float
        Maps each aspect to its points. If half of an aspect's cases are right, a submission gets
        half of its points. `cases.make_cases` makes at least one case for each aspect.
    """

    name: str
    file: str
    function: str
    section: int
    task: str
    points: dict


PARTS = (
    Part(
        "forward",
        "classifiers/layers.py",
        "forward",
        2,
        "the hidden layer and the scores",
        {"scores": 8, "hidden": 4, "dropout": 2, "types": 2},
    ),
    Part(
        "softmax_loss",
        "classifiers/layers.py",
        "softmax_loss",
        3,
        "the mean softmax loss, and its gradient with respect to the scores",
        {"loss": 7, "gradient": 7, "large scores": 4, "types": 2},
    ),
    Part(
        "penalty",
        "classifiers/layers.py",
        "penalty",
        3,
        "the penalty of the weights, and its gradient",
        {"value": 5, "gradient": 5},
    ),
    Part(
        "backward",
        "classifiers/layers.py",
        "backward",
        4,
        "the gradients of the four parameters",
        {"W1": 8, "b1": 4, "W2": 6, "b2": 3, "dropout": 2, "types": 1},
    ),
    Part(
        "draw_minibatch",
        "classifiers/sgd.py",
        "draw_minibatch",
        5,
        "random rows of X and y",
        {"rows": 6, "random stream": 4},
    ),
    Part(
        "update",
        "classifiers/sgd.py",
        "update",
        5,
        "a step down the gradient",
        {"plain": 7, "momentum": 5},
    ),
    Part(
        "predict",
        "classifiers/neural_net.py",
        "TwoLayerNet.predict",
        5,
        "the class with the highest score",
        {"classes": 6, "many rows": 2},
    ),
)
