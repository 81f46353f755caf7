"""`Mistake`, an entry of the table in mistakes.py, and `Finding`, a mistake that a net makes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from checks import WEIGHTS

from .reference import NAMES


@dataclass(frozen=True)
class Mistake:
    """Entry of the table: a mistake, how to recognise it, and the sentence that explains it."""

    stage: str  # stage of the check that finds the mistake, see stages.py
    sentence: str  # explanation for the author of the net: a format string
    # seen(evidence) returns the values for the sentence, or None if the evidence does not show the mistake. See
    # stages.py for the evidence of each stage.
    seen: Callable | None = None
    # Instead of `seen`, for a mistake in the softmax, on which the loss or all gradients depend: arguments of
    # `Reference.variant`.
    upstream: dict | None = None
    vague: bool = False  # it says only that something is wrong: mistakes upstream are a better explanation
    note: bool = False  # the sentence is a remark: nothing is wrong
    independent: bool = False  # more mistakes of the stage can be found; after any other, the search ends
    skips: tuple = ()  # stages whose results mean nothing after this finding, unless it is only about gradients


class Answer(NamedTuple):
    """One of the net's answers, with the others, and the object that knows the correct ones."""

    name: str
    answers: dict
    r: object

    @property
    def got(self):
        return self.answers[self.name]

    @property
    def right(self):
        return self.r.right[self.name]


# Words for the answers that are not gradients.
PHRASES = {
    "scores": "the scores",
    "out": "the output",
    "test": "the output in test mode",
    "in test mode": "the gradient in test mode",
    "running_mean": "running_mean",
    "running_var": "running_var",
    "share": "the share of units that are kept",
    "path": "the new w",
}


@dataclass(frozen=True)
class Finding:
    """Mistake of a net or layer, with the names of the wrong answers and the values for the sentence.

    `function` is the name of the layer's function, and `own` maps names of arguments to those in its code.
    """

    mistake: Mistake
    names: tuple = ()
    values: dict = field(default_factory=dict)
    function: str = ""
    own: dict = field(default_factory=dict)

    @property
    def skips(self):
        only_gradients = bool(self.names) and set(self.names) <= set(NAMES)
        return () if only_gradients else self.mistake.skips

    def words(self):
        """Return the phrases of the sentence that depend on the names."""
        params = [self.own.get(name, name) for name in self.names if name not in {"loss", *PHRASES}]
        which = " and ".join(params)
        gradient = "the gradient" if len(params) == len(NAMES) else f"the gradient of {which}"
        return {
            "which": which,
            "other": " and ".join(name for name in WEIGHTS if name not in params),
            "what": gradient if params else self._phrase(self.names[0]) if self.names else "",
            "where": " and ".join(["the loss"] * ("loss" in self.names) + ["the gradients"] * bool(params)),
            "of": f" of {params[0]}" if len(params) > 1 else "",
            "hidden": "output" if self.function else "hidden layer",
            "active": "out > 0" if self.function else "hidden > 0",
            "negative": "out < 0" if self.function else "hidden < 0",
            "upstream": "the upstream gradient" if self.function else "the gradient of the scores",
        }

    def _phrase(self, name):
        """Return words for an answer that is not a gradient."""
        return PHRASES.get(name) or ("the loss" if self.function else "the loss without penalty")

    def __str__(self):
        sentence = self.mistake.sentence.format(**{**self.own, **self.words(), **self.values})
        return f"{self.function}: {sentence}" if self.function else sentence
