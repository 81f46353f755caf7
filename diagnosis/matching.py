"""Matches the answers of a net with the table of mistakes."""

from itertools import combinations

from . import stages
from .findings import Finding
from .mistakes import MISTAKES
from .reference import NAMES, agree, factor_between


def find_mistakes(stage, evidence):
    """Find the mistakes of a stage whose symptoms the evidence shows.

    Parameters
    ----------
    stage : str
    evidence : object
        What the symptoms of this stage get, see stages.py.

    Returns
    -------
    list of Finding
        It ends with the first mistake that is not independent.
    """
    found = []
    for mistake in MISTAKES:
        values = mistake.symptom(evidence) if mistake.stage == stage else None
        if values is not None:
            found.append(Finding(mistake, values=values))
            if not mistake.independent:
                break
    return found


def explain_answers(stage, answers, reference):
    """Explain scores, or loss and gradients, that differ from the correct ones.

    Parameters
    ----------
    stage : str
        SCORES or ANSWERS.
    answers : dict
        The net's answers. The keys are names as in ``reference.right``.
    reference : Reference
        Correct answers for the same parameters and data.

    Returns
    -------
    list of Finding
        Each wrong answer has one. Answers with the same mistake and the same values share a finding.
        The loss shares one only if the mistake is in the softmax; these mistakes come first. If only
        two mistakes together explain the answers, and one of them is in the softmax, both are
        reported.
    """
    found = _explain_each(stage, answers, reference)
    for group in (["loss"], [name for name in NAMES if name in answers]):
        if any(finding.mistake.vague and finding.names[0] in group for finding in found):
            combined = _explain_by_several(stage, {name: answers[name] for name in group}, reference)
            if combined:
                found = [finding for finding in found if finding.names[0] not in group] + combined
    return _merge(found)


def explain_penalty(factors):
    """Explain what is wrong with the penalty.

    Parameters
    ----------
    factors : dict
        What `probes.penalty_factors` returns.

    Returns
    -------
    list of Finding
        Parameters with the same mistake and the same values share a finding. Biases come first.
    """

    def fit(mistake, names):
        if mistake.symptom:
            return {name: mistake.symptom(name, factors) for name in names}
        return {
            name: {"in_loss": factors[name][0], "in_gradient": factors[name][1]}
            for name in names
            if all(factor in (..., got) for factor, got in zip(mistake.formula, factors[name], strict=True))
        }

    w1, w2 = factors["W1"], factors["W2"]
    usual = (1, 2) if w1 != w2 and (1, 2) in (w1, w2) else (0.5, 1)  # both weights must follow the same convention
    right = {"b1": (0, 0), "b2": (0, 0), "W1": usual, "W2": usual}
    wrong = [name for name in right if factors[name] != right[name] and all(f == f for f in factors[name])]  # no NaN
    return _match(stages.PENALTY, wrong, fit)


def _explain_each(stage, answers, reference):
    """Explain each wrong answer with one mistake."""

    def agrees(name, guess):
        return agree(answers[name], guess[name], reference.floor[name])

    def is_multiple(name, guess):
        return factor_between(answers[name], guess[name], reference.floor[name]) is not None

    def fit(mistake, names):
        if mistake.symptom:
            return {name: mistake.symptom(name, answers[name], reference) for name in names}
        guess = mistake.softmax(reference).right if mistake.softmax else mistake.formula(reference)
        names = [name for name in names if name in guess]
        names = [name for name in names if agrees(name, guess) or mistake.up_to_factor and is_multiple(name, guess)]
        if mistake.softmax and not all(agrees(name, guess) for name in NAMES if name in answers):
            names = [name for name in names if name == "loss"]
        if mistake.only and not set(names) <= set(mistake.only):
            return {}
        return {name: {"N": reference.N} for name in names}

    return _match(stage, [name for name in answers if not agrees(name, reference.right)], fit)


def _match(stage, wrong, fit):
    """Explain each wrong answer with the first mistake of a stage that fits it.

    ``fit(mistake, names)`` returns the values for the sentence of the mistake, for each name that it
    explains. Values of None mean that it does not.
    """
    found, unexplained = [], wrong
    for mistake in MISTAKES:
        if mistake.stage != stage or not unexplained:
            continue
        fitting, groups = {name: values for name, values in fit(mistake, unexplained).items() if values is not None}, {}
        unexplained = [name for name in unexplained if name not in fitting]
        for name, values in fitting.items():
            separate = name == "loss" and not mistake.softmax
            groups.setdefault((separate, tuple(values.items())), []).append(name)
        found += [Finding(mistake, tuple(names), dict(values)) for (_, values), names in groups.items()]
    return sorted(found, key=lambda finding: wrong.index(finding.names[0]))


def _explain_by_several(stage, answers, reference):
    """Explain answers with one or two mistakes in the softmax, and other mistakes in addition.

    Return an empty list if an answer remains unexplained.
    """
    mistakes = [mistake for mistake in MISTAKES if mistake.stage == stage and mistake.softmax]
    for some in [(mistake,) for mistake in mistakes] + list(combinations(mistakes, 2)):
        base = reference
        for mistake in some:
            base = mistake.softmax(base)
        rest = _explain_each(stage, answers, base)
        if not any(finding.mistake.vague or finding.mistake.softmax for finding in rest):
            return [Finding(mistake, tuple(answers)) for mistake in some] + rest
    return []


def _merge(found):
    """Merge findings of the same mistake in the softmax, and those of unexplained gradients."""
    merged = {}
    for finding in sorted(found, key=lambda finding: not finding.mistake.softmax):
        mistake, names, values = finding.mistake, finding.names, finding.values
        key = mistake if mistake.softmax or mistake.vague else id(finding)
        if key in merged:
            first = merged[key]
            names, values = first.names + names, first.values
            if mistake.vague:
                values = {**values, "of": f" of {first.names[0]}"}
        merged[key] = Finding(mistake, names, values)
    return list(merged.values())
