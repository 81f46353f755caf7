"""Explains wrong answers with the table of mistakes."""

from itertools import combinations

from .findings import Finding
from .mistakes import MISTAKES
from .reference import NAMES, agree, factor_between
from .stages import PENALTY


def notice(stage, evidence):
    """Return a finding for each mistake of a stage that `seen` recognises in the evidence.

    The list ends with the first mistake that hides the stage.
    """
    found = []
    for mistake in MISTAKES:
        values = mistake.seen(evidence) if mistake.stage == stage else None
        if values is not None:
            found.append(Finding(mistake, values=values))
            if stage in mistake.hides:
                break
    return found


def explain(stage, wrong, fit):
    """Explain each wrong answer with the first mistake of a stage that fits it.

    Parameters
    ----------
    stage : str
        Only mistakes of this stage are tried.
    wrong : list of str
        Names of the wrong answers.
    fit : callable
        Called as ``fit(mistake, names)``. Returns a dict. Its keys are the names that the mistake
        explains. Each value is the dict of values for the sentence of the mistake.

    Returns
    -------
    found : list of Finding
        Answers with the same mistake and the same values share a finding. The loss shares one only
        if the mistake is in the softmax. The order is that of `wrong`, but mistakes in the softmax
        come first.
    unexplained : list of str
        Names of the answers that no mistake explains.
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
        The net's answers. The keys are names as in ``reference.right``.
    reference : Reference
        Right answers for the same parameters and data.

    Returns
    -------
    list of Finding
        As in `explain`. If only two mistakes together explain the answers, and one of them is in
        the softmax, both are reported.
    """
    found = _explain_by(stage, answers, reference)
    for group in (["loss"], [name for name in NAMES if name in answers]):
        if any(finding.mistake.vague and finding.names[0] in group for finding in found):
            two = _explain_by_two(stage, {name: answers[name] for name in group}, reference)
            if two:
                found = [finding for finding in found if finding.names[0] not in group] + two
    return _merge(found)


def _merge(found):
    """Merge findings of the same mistake in the softmax; these findings come first.

    Unexplained gradients are merged into one finding, too.
    """
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
    """Explain answers with one or two mistakes in the softmax, and other mistakes in addition.

    Return an empty list if an answer remains unexplained.
    """
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
    """Explain each wrong answer with one mistake."""

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
    """Explain what is wrong with the penalty.

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
    usual = (1, 2) if w1 != w2 and (1, 2) in (w1, w2) else (0.5, 1)  # both weights must follow the same convention
    right = {"b1": (0, 0), "b2": (0, 0), "W1": usual, "W2": usual}
    wrong = [name for name in right if factors[name] != right[name] and all(f == f for f in factors[name])]  # no NaN
    return explain(PENALTY, wrong, fit)[0]
