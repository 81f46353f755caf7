"""Explains answers by the table of mistakes."""

from itertools import combinations

from .findings import Finding
from .mistakes import MISTAKES
from .reference import NAMES, agree, factor_between
from .stages import PENALTY


def notice(stage, evidence):
    """List the mistakes of a stage that `seen` finds in some evidence, up to the first that hides the stage."""
    found = []
    for mistake in MISTAKES:
        values = mistake.seen(evidence) if mistake.stage == stage else None
        if values is not None:
            found.append(Finding(mistake, values=values))
            if stage in mistake.hides:
                break
    return found


def explain(stage, wrong, fit):
    """Explain each wrong answer by the first mistake of a stage that fits it.

    Parameters
    ----------
    stage : str
        Which mistakes come into question.
    wrong : list of str
        Names of the wrong answers.
    fit : callable
        Called as ``fit(mistake, names)``. Maps those of the names that the mistake explains to the
        values of its sentence.

    Returns
    -------
    found : list of Finding
        Answers with one explanation and equal values share a finding, but the loss shares one only
        of a mistake in the softmax. In the order of `wrong`, mistakes in the softmax first.
    unexplained : list of str
        The names that nothing explains.
    """
    found, unexplained = [], wrong
    for mistake in MISTAKES:
        if mistake.stage != stage or not unexplained:
            continue
        fitting, groups = fit(mistake, unexplained), {}
        unexplained = [name for name in unexplained if name not in fitting]
        for name, values in fitting.items():
            on_its_own = name == "loss" and not mistake.softmax
            groups.setdefault((on_its_own, tuple(values.items())), []).append(name)
        found += [Finding(mistake, tuple(names), dict(values)) for (_, values), names in groups.items()]
    found.sort(key=lambda finding: (not finding.mistake.softmax, wrong.index(finding.names[0])))
    return found, unexplained


def _seen(values):
    return {name: value for name, value in values.items() if value is not None}


def explain_answers(stage, answers, reference):
    """Explain scores, or loss and gradients, that differ from the right ones.

    Parameters
    ----------
    stage : str
        SCORES or ANSWERS.
    answers : dict
        Maps names, as in ``reference.right``, to what the net answers.
    reference : Reference
        For the same parameters and data.

    Returns
    -------
    list of Finding
        As `explain`. What a mistake in the softmax and a second one together explain is told as these two.
    """
    found = _explain_by(stage, answers, reference)
    for group in (["loss"], [name for name in NAMES if name in answers]):
        if any(finding.mistake.vague and finding.names[0] in group for finding in found):
            two = _explain_by_two(stage, {name: answers[name] for name in group}, reference)
            if two:
                found = [finding for finding in found if finding.names[0] not in group] + two
    return _merge(found)


def _merge(found):
    """Tell mistakes in the softmax first, and each of them once, as well as gradients that nothing explains."""
    merged, order = {}, [finding for finding in found if finding.mistake.softmax]
    for finding in order + [finding for finding in found if not finding.mistake.softmax]:
        mistake, names, values = finding.mistake, finding.names, finding.values
        key = mistake if mistake.softmax or mistake.vague else id(finding)
        if key in merged:
            first = merged[key]
            names, values = first.names + names, first.values
            if mistake.vague:
                values = {**values, "of": f" of {first.names[0]}"}
        merged[key] = Finding(mistake, names, values)
    return list(merged.values())


def _explain_by_two(stage, answers, reference):
    """Explain all of some answers by one or two mistakes in the softmax and what else is wrong then, or by nothing."""
    mistakes = [mistake for mistake in MISTAKES if mistake.stage == stage and mistake.softmax]
    for some in [(mistake,) for mistake in mistakes] + list(combinations(mistakes, 2)):
        base = reference
        for mistake in some:
            base = mistake.softmax(base)
        rest = _explain_by(stage, answers, base)
        if not any(finding.mistake.vague or finding.mistake.softmax for finding in rest):
            return [Finding(mistake, tuple(answers)) for mistake in some] + rest
    return []


def _explain_by(stage, answers, reference):
    """Explain each answer that is not right by one mistake."""

    def agrees(name, guess):
        return agree(answers[name], guess[name], reference.floor[name])

    def is_multiple(name, guess):
        return factor_between(answers[name], guess[name], reference.floor[name]) is not None

    def fit(mistake, names):
        if mistake.seen:
            return _seen({name: mistake.seen(name, answers[name], reference) for name in names})
        guess = mistake.softmax(reference).right if mistake.softmax else mistake.formula(reference)
        names = [name for name in names if name in guess]
        names = [name for name in names if agrees(name, guess) or mistake.up_to_factor and is_multiple(name, guess)]
        if mistake.softmax and not all(agrees(name, guess) for name in NAMES if name in answers):
            names = [name for name in names if name == "loss"]
        if mistake.only and not set(names) <= set(mistake.only):
            return {}
        return {name: {"N": reference.N} for name in names}

    return explain(stage, [name for name in answers if not agrees(name, reference.right)], fit)[0]


def explain_penalty(factors):
    """Explain how the penalty is counted.

    Parameters
    ----------
    factors : dict
        What `probes.penalty_factors` returns.

    Returns
    -------
    list of Finding
    """

    def fit(mistake, names):
        if mistake.seen:
            return _seen({name: mistake.seen(name, factors) for name in names})
        return {
            name: {"in_loss": factors[name][0], "in_gradient": factors[name][1]}
            for name in names
            if all(factor in (..., got) for factor, got in zip(mistake.formula, factors[name], strict=True))
        }

    w1, w2 = factors["W1"], factors["W2"]
    usual = (1, 2) if w1 != w2 and (1, 2) in (w1, w2) else (0.5, 1)  # a net without the half is right for both or none
    right = {"b1": (0, 0), "b2": (0, 0), "W1": usual, "W2": usual}
    wrong = [name for name in right if factors[name] != right[name] and all(f == f for f in factors[name])]  # no NaN
    return explain(PENALTY, wrong, fit)[0]
