"""Compares evidence with the table of mistakes."""

from functools import cache
from itertools import combinations

from . import layer_mistakes
from .findings import Answer, Finding
from .mistakes import MISTAKES


@cache
def entries(stage):
    """Return the mistakes of a stage that are seen in evidence, and those upstream."""
    mistakes = [mistake for mistake in MISTAKES + layer_mistakes.MISTAKES if mistake.stage == stage]
    return [mistake for mistake in mistakes if mistake.seen], [mistake for mistake in mistakes if mistake.upstream]


def find(stage, evidence):
    """Return the findings of a stage. They end with the first mistake that is not independent."""
    found = []
    for mistake in entries(stage)[0]:
        values = mistake.seen(evidence)
        if values is not None:
            found.append(Finding(mistake, values=values))
            if not mistake.independent:
                break
    return found


def explain(stage, answers, correct):
    """Explain the answers that differ from the correct ones. Return a list of findings.

    `correct` has ``agrees(name, answer)``; `alone`, the names of answers that share no finding with
    others; and ``variant(**upstream)``. Each wrong answer has one finding, by the first entry that fits.
    Answers with the same mistake and values share it. If that leaves an answer unknown, and one or two
    mistakes upstream leave none unknown, these are reported. They come first.
    """
    groups = [[name] for name in answers if name in correct.alone]
    groups.append([name for name in answers if name not in correct.alone])
    found = [finding for names in groups for finding in _explain_group(stage, names, answers, correct)]
    upstream = dict.fromkeys(finding.mistake.sentence for finding in found if finding.mistake.upstream)
    for sentence in upstream:
        same = [finding for finding in found if finding.mistake.sentence == sentence]
        names = tuple(name for finding in same for name in finding.names)
        upstream[sentence] = Finding(same[0].mistake, names)
    return [*upstream.values(), *(finding for finding in found if not finding.mistake.upstream)]


def _explain_group(stage, names, answers, correct):
    """Explain wrong answers with as few mistakes upstream as possible."""
    upstream, first = entries(stage)[1], None
    for count in (0, 1, 2):
        known = []
        for some in combinations(upstream, count):
            changes = {key: value for mistake in some for key, value in mistake.upstream.items()}
            found = _explain_each(stage, names, answers, correct.variant(**changes) if some else correct)
            if not any(finding.mistake.vague for finding in found):
                known.append([Finding(mistake, tuple(names)) for mistake in some] + found)
            first = first or found
        if known:
            return min(known, key=len)
    return first


def _explain_each(stage, names, answers, correct):
    """Explain each wrong answer with the first entry that fits."""
    groups = {}
    for name in names:
        if correct.agrees(name, answers[name]):
            continue
        for mistake in entries(stage)[0]:
            values = mistake.seen(Answer(name, answers, correct))
            if values is not None:
                key = id(mistake), () if mistake.vague else tuple(values.items())
                groups.setdefault(key, (mistake, [], values))[1].append(name)
                break
    return [Finding(mistake, tuple(names), values) for mistake, names, values in groups.values()]
