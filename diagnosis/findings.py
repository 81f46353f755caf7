"""`Mistake`, an entry of the table in mistakes.py, and `Finding`, a mistake that a net makes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from checks import WEIGHTS

from .reference import NAMES


@dataclass(frozen=True)
class Mistake:
    """Entry of the table: a mistake, how to recognise it, and the sentence that explains it.

    Attributes
    ----------
    stage : str
        Stage of the check that finds the mistake, see stages.py.
    sentence : str
        Explanation for the author of the net. It is a format string. Its values come from `symptom`
        and `Finding.words`.
    formula : callable or tuple
        Answer of a net with this mistake. Its form depends on the stage, see mistakes.py.
    symptom : callable
        Recognises the mistake in an answer. Returns the values for the sentence, or None if the net
        does not make the mistake. An entry has one of `formula`, `symptom` and `softmax`.
    up_to_factor : bool
        A multiple of the formula fits, too, because a second mistake may scale the answer.
    softmax : callable
        Used instead of `formula` for a mistake in the softmax, because it changes the loss and all
        gradients. Maps the correct `Reference` to one with this mistake. The mistake explains the
        gradients only if it explains all of them.
    only : tuple of str
        Names of the answers that may have the mistake. If it also explains other answers, it does
        not fit.
    vague : bool
        The sentence says only that something is wrong. A combination of two mistakes is a better
        explanation.
    note : bool
        The sentence is a remark: nothing is wrong.
    independent : bool
        More symptoms of the same stage can be recognised. After any other mistake, the search for
        symptoms in the stage ends.
    skips : tuple of str
        Stages to skip after this finding, because their results would mean nothing. If the mistake
        is only in gradients, no stage is skipped.
    """

    stage: str
    sentence: str
    formula: Callable | tuple | None = None
    symptom: Callable | None = None
    up_to_factor: bool = False
    softmax: Callable | None = None
    only: tuple = ()
    vague: bool = False
    note: bool = False
    independent: bool = False
    skips: tuple = ()


@dataclass(frozen=True)
class Finding:
    """Mistake of a net, with the names of the wrong answers and the values for the sentence."""

    mistake: Mistake
    names: tuple = ()
    values: dict = field(default_factory=dict)

    @property
    def skips(self):
        only_gradients = bool(self.names) and set(self.names) <= set(NAMES)
        return () if only_gradients else self.mistake.skips

    def words(self):
        """Return the phrases of the sentence that depend on the names."""
        params = [name for name in self.names if name in NAMES]
        which = " and ".join(params)
        gradient = "the gradient" if len(params) == len(NAMES) else f"the gradient of {which}"
        return {
            "which": which,
            "other": " and ".join(name for name in WEIGHTS if name not in params),
            "what": gradient if params else "the loss without penalty",
            "where": " and ".join(["the loss"] * ("loss" in self.names) + ["the gradients"] * bool(params)),
        }

    def __str__(self):
        return self.mistake.sentence.format(**{**self.words(), **self.values})
