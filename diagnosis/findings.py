"""A mistake, as an entry of the table in mistakes.py, and a finding: the mistake with the places where it shows."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .reference import NAMES, WEIGHTS


@dataclass(frozen=True)
class Mistake:
    """One entry of the table: a mistake, how it shows, and its sentence.

    Attributes
    ----------
    stage : str
        The questions that show it.
    sentence : str
        Format string for the values that `seen` returns and for `Finding.words`.
    formula : callable or tuple
        What a net with this mistake answers; its form depends on the stage, see mistakes.py.
    seen : callable
        Looks at an answer. Returns the sentence's values, or None if the net does not make the mistake. An entry has
        one of `formula`, `seen` and `softmax`.
    up_to_factor : bool
        A multiple of the formula fits too, because a second mistake may have scaled it.
    softmax : callable
        Of a mistake in the softmax, which the loss and all gradients share: maps the right `Reference` to one with this
        mistake, and stands in place of a formula. It explains gradients only if it fits all.
    only : tuple of str
        The mistake does not fit if it would also explain answers of other names.
    vague : bool
        The sentence says only that something is wrong. A combination of two mistakes is a better explanation.
    note : bool
        Worth knowing, but not wrong.
    hides : tuple of str
        Stages that tell nothing if this is found, unless it is found in gradients alone.
    """

    stage: str
    sentence: str
    formula: Callable | tuple | None = None
    seen: Callable | None = None
    up_to_factor: bool = False
    softmax: Callable | None = None
    only: tuple = ()
    vague: bool = False
    note: bool = False
    hides: tuple = ()


@dataclass(frozen=True)
class Finding:
    """A mistake that a net makes, the names of the answers that show it, and the values for its sentence."""

    mistake: Mistake
    names: tuple = ()
    values: dict = field(default_factory=dict)

    @property
    def hides(self):
        in_gradients_alone = bool(self.names) and set(self.names) <= set(NAMES)
        return () if in_gradients_alone else self.mistake.hides

    def words(self):
        """Return the names in the words that sentences need."""
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
