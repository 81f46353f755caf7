"""How to see the mistakes of the table in layer_mistakes.py, as in symptoms.py."""

from itertools import permutations

import numpy as np

from .findings import PHRASES
from .reference import agree, factor_between, relu


def of_output(seen):
    """Restrict a function to answers that are neither a gradient nor a loss."""
    return lambda a: seen(a) if a.name in PHRASES else None


def zero_gradient(a):
    """A gradient of zeros, as in a function that is not written yet."""
    return {"next": a.r.next} if a.name in a.r.wrt and not np.any(a.got) and np.any(a.right) else None


def wrong_count(call):
    """Another number of values than a function must return."""
    if len(call.parts) in (0, len(call.words)):
        return None
    got = type(call.parts[0]).__name__ if len(call.parts) == 1 else f"{len(call.parts)} values"
    return {"wants": ", ".join(call.words.values()), "got": got}


def none_parts(call):
    """Values that are still None, beside others."""
    missing = [call.words[name] for name, part in call.arrays.items() if part is None]
    return {"missing": ", ".join(missing), "next": call.next} if missing else None


def wrong_array(call):
    """A value that is not an array of float64, or a loss that is not a number."""
    for name, part in call.arrays.items():
        if name == "loss" and np.ndim(part) == 0 and isinstance(part, (int, float, np.number, np.ndarray)):
            continue
        is_array = isinstance(part, (np.ndarray, np.floating)) and not isinstance(part, np.matrix)
        if name == "loss" or not is_array or part.dtype != np.float64:
            got = f"an array of {part.dtype}" if is_array else f"a {type(part).__name__}"
            return {"part": call.words[name], "kind": "one number" if name == "loss" else "a float64 array", "got": got}
    return None


def wrong_order(evidence):
    """Gradients that are all correct, or have the correct shapes, in another order."""
    call, r = evidence

    def fits(same):
        orders = permutations(call.parts) if len(call.parts) < 5 else ()
        rights = (all(map(same, r.wrt, order)) for order in orders)
        return not next(rights, True) and any(rights)

    if fits(r.agrees) or fits(lambda name, part: np.shape(part) == np.shape(r.right[name])):
        return {"right": ", ".join(call.words.values())}
    return None


def unwritten(functions):
    """Functions that are not written, and what the first one must compute."""
    names = ", ".join(dict.fromkeys(name for name, _ in functions))
    return {"names": names, "next": "{}: {}".format(*functions[0])} if functions else None


def skipped(evidence):
    """Functions that are not checked."""
    names, why = evidence
    return {"names": ", ".join(dict.fromkeys(names)), "why": why} if names else None


def other_conventions(factors):
    """Functions that are each consistent, but with different penalties."""
    return {"names": " and ".join(factors)} if {(0.5, 1), (1, 2)} <= set(factors.values()) else None


def wrong_axis(a):
    """A normalisation along the other axis, or of the whole array."""
    for axis in (1 - a.r.axis, None) if a.name == "out" else ():
        along = {"axis": axis, "keepdims": True}
        guess = a.r.scaled(np.sqrt(a.r.x.var(**along) + a.r.eps), a.r.x - a.r.x.mean(**along))
        if agree(a.got, guess, 1e-8):
            return {"numbers": ("columns", "rows")[a.r.axis]}
    return None


def sums_for_means(a):
    """A gradient of normalisation whose terms are not divided by the number of entries."""
    n = a.r.x.shape[a.r.axis]
    guesses = [a.r.dx(*some)["x"] for some in ((n, n), (n, 1), (1, n))] if a.name == "x" else []
    return {} if any(agree(a.got, guess, 1e-8) for guess in guesses) else None


def not_running(a):
    """Running averages that are still the first ones."""
    return {} if a.name.startswith("running") and np.array_equal(a.got, a.r.param[a.name]) else None


def leaky(a):
    """A small multiple of x where x is negative."""
    k = factor_between(np.minimum(a.got, 0), np.minimum(a.r.x, 0), 1e-8) if a.name == "out" else None
    return {} if k and agree(np.maximum(a.got, 0), relu(a.r.x)) else None


def other_mask(a):
    """A gradient of dropout with another mask: each entry is 0 or dout divided by p."""
    if a.name != "x" or np.shape(a.got) != a.r.dout.shape:
        return None
    ratio = a.got / a.r.dout * a.r.keep
    return {} if agree(ratio, np.round(ratio), 1e-8) and set(np.unique(np.round(ratio))) == {0, 1} else None


def missing_layers(evidence):
    """Parameters that do not exist yet."""
    params, shapes, _ = evidence
    missing = [name for name in shapes if name not in params]
    return {"missing": f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'}"} if missing else None


def wrong_initial_shape(evidence):
    """A parameter of the wrong shape. A bias may be the number 0."""
    got = {name: np.shape(evidence[0][name]) for name in evidence[1]}
    wrong = (name for name, right in evidence[1].items() if got[name] != right and (got[name] or name[0] == "W"))
    return next(({"name": name, "got": got[name], "right": evidence[1][name]} for name in wrong), None)


def nonzero_bias(evidence):
    """A bias that does not start at 0."""
    return next(({"name": name} for name in evidence[1] if name[0] == "b" and np.any(evidence[0][name])), None)


def wrong_scale(evidence):
    """Weights whose standard deviation is not weight_scale, by many standard errors."""
    params, shapes, scale = evidence
    found = {name: np.std(params[name]) for name in shapes if name[0] == "W" and scale}
    wrong = (name for name, got in found.items() if not 0.85 < got / scale < 1.15)
    return next(({"name": name, "got": found[name], "scale": scale} for name in wrong), None)


def deep_scores(mistake):
    """Make a function that sees scores of a deep net with a mistake of `Deep.scores_of` in one layer."""

    def seen(a):
        layers = range(1, 1 + len(a.r.wrt) // 2) if a.name == "scores" else ()
        fits = (i for i in layers if agree(a.got, a.r.scores_of(a.r.args, **{mistake: i}), 1e-9))
        return next(({"layer": i} for i in fits), None)

    return seen


def one_coordinate(a):
    """A gradient that is wrong at one coordinate only."""
    wrong = np.flatnonzero(a.r.differs)
    return {"checked": a.got.size, **a.r.at(wrong[0])} if len(wrong) == 1 < a.got.size else None
