"""Explains answers by the table of mistakes."""

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
            on_its_own = name == "loss" and not mistake.shared
            groups.setdefault((on_its_own, tuple(values.items())), []).append(name)
        found += [Finding(mistake, tuple(names), dict(values)) for (_, values), names in groups.items()]
    found.sort(key=lambda finding: (not finding.mistake.shared, wrong.index(finding.names[0])))
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
    list of Finding, list of str
        As `explain`.
    """

    def agrees(name, guess):
        return agree(answers[name], guess[name], reference.floor[name])

    def fit(mistake, names):
        if mistake.seen:
            return _seen({name: mistake.seen(name, answers[name], reference) for name in names})
        guess = mistake.formula(reference)
        names = [name for name in names if name in guess]
        if mistake.up_to_factor:
            names = [n for n in names if factor_between(answers[n], guess[n], reference.floor[n]) is not None]
        else:
            names = [name for name in names if agrees(name, guess)]
        if mistake.shared and not all(agrees(name, guess) for name in NAMES if name in answers):
            names = [name for name in names if name == "loss"]
        if mistake.only and not set(names) <= set(mistake.only):
            return {}
        return {name: {"N": reference.N} for name in names}

    return explain(stage, [name for name in answers if not agrees(name, reference.right)], fit)


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
