"""How to see the mistakes of the table in layer_mistakes.py, as in symptoms.py."""

from itertools import permutations

import numpy as np

from .reference import agree, factor_between, relu


def zero_gradient(a):
    """A gradient of zeros, as in a function that is not written yet."""
    return {"next": a.r.next} if a.name in a.r.wrt and not np.any(a.got) and np.any(a.right) else None


def wrong_output_shape(a):
    """An output of another shape than the correct one."""
    got, right = np.shape(a.got), np.shape(a.right)
    return None if a.name in a.r.wrt or got == right else {"got": got, "right": right}


def unknown_output(a):
    """An output that no other entry explains, with the largest difference."""
    if a.name in a.r.wrt or a.name == "loss":
        return None
    difference = np.abs(a.got - a.right)
    at = tuple(map(int, np.unravel_index(np.argmax(difference), difference.shape)))
    return {"at": at, "got": float(a.got[at]), "right": float(a.right[at])}


def wrong_count(call):
    """Another number of values than a function must return."""
    if len(call.parts) in (0, len(call.words)):
        return None
    got = type(call.parts[0]).__name__ if len(call.parts) == 1 else f"{len(call.parts)} values"
    return {"wants": ", ".join(call.words.values()), "got": got}


def none_parts(call):
    """Values that are still None, beside others."""
    missing = [call.words[name] for name, part in call.answers.items() if part is None and name in call.arrays]
    return {"missing": ", ".join(missing), "next": call.next} if missing else None


def wrong_array(call):
    """A value that is not an array of float64, or a loss that is not a number."""
    for name, part in call.arrays.items():
        if name == "loss" and np.ndim(part) == 0 and isinstance(part, (int, float, np.number, np.ndarray)):
            continue
        is_array = isinstance(part, (np.ndarray, np.floating)) and not isinstance(part, np.matrix)
        if name == "loss" or not is_array or part.dtype != np.float64:
            kind = "one number" if name == "loss" else "a float64 array"
            got = f"an array of {part.dtype}" if is_array else f"a {type(part).__name__}"
            return {"part": call.words[name], "kind": kind, "got": got}
    return None


def wrong_order(evidence):
    """Gradients that are all correct in another order."""
    call, r = evidence
    values = list(call.answers.values())
    orders = permutations(values) if 1 < len(values) < 5 else ()
    rights = (all(map(r.agrees, r.wrt, order)) for order in orders)
    if not next(rights, True) and any(rights):
        return {"right": ", ".join(call.words.values())}
    return None


def wrong_axis(a):
    """A normalisation along the other axis: rows instead of columns, or the opposite."""
    words = ("the columns", "the rows")
    if a.name != "out" or not a.r.agrees_with("out", a.got, a.r.scaled(a.r.normal(a.r.x, axis=1 - a.r.axis))):
        return None
    return {"axis": words[1 - a.r.axis], "right_axis": f"axis={a.r.axis}"}


def whole_axis(a):
    """A normalisation of the whole array."""
    if a.name != "out" or not a.r.agrees_with("out", a.got, a.r.scaled(a.r.normal(a.r.x, axis=(0, 1)))):
        return None
    return {"right_axis": f"axis={a.r.axis}"}


def sums_for_means(a):
    """A gradient of normalisation whose two terms are not divided by the number of entries."""
    n = a.r.x.shape[a.r.axis]
    right = [a.r.dx(n, n), a.r.dx(n, 1), a.r.dx(1, n)] if a.name == "x" else []
    return {"numbers": ("rows", "columns")[a.r.axis]} if any(agree(a.got, g["x"], 1e-8) for g in right) else None


def not_running(a):
    """Running averages that are still the first ones."""
    old = a.r.param.get(a.name)
    return {"param": a.r.names[-1]} if old is not None and np.array_equal(a.got, old) else None


def leaky(a):
    """A small multiple of x where x is negative."""
    if a.name != "out":
        return None
    k = factor_between(np.minimum(a.got, 0), np.minimum(a.r.x, 0), 1e-8)
    return {} if k and agree(np.maximum(a.got, 0), relu(a.r.x)) else None


def wrong_share(a):
    """Another share of kept units than p."""
    return {"got": a.got, "right": a.right} if a.name == "share" else None


def other_mask(a):
    """A gradient of dropout with another mask: each entry is 0 or dout divided by p."""
    if a.name != "x":
        return None
    ratio = a.got / a.r.dout
    return {} if agree(np.where(ratio == 0, 1 / a.r.keep, ratio), np.full(ratio.shape, 1 / a.r.keep), 1e-8) else None


def missing_layers(evidence):
    """Parameters that do not exist yet."""
    params, shapes, _ = evidence
    missing = [name for name in shapes if name not in params]
    return {"missing": f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'}"} if missing else None


def wrong_initial_shape(evidence):
    """A parameter of the wrong shape; a bias may be the number 0."""
    params, shapes, _ = evidence
    for name, right in shapes.items():
        got = np.shape(params[name])
        if got != right and (got or name[0] == "W"):
            return {"name": name, "got": got, "right": right}
    return None


def nonzero_bias(evidence):
    """A bias that does not start at 0."""
    return next(({"name": name} for name, value in evidence[0].items() if name[0] == "b" and np.any(value)), None)


def wrong_scale(evidence):
    """Weights whose standard deviation is not weight_scale."""
    params, shapes, scale = evidence
    for name in [name for name in shapes if name[0] == "W" and scale]:
        if not 0.85 < np.std(params[name]) / scale < 1.15:  # many standard errors
            return {"name": name, "got": np.std(params[name]), "scale": scale}
    return None


def _layer(a, answers):
    """Return the first layer for which ``answers(layer)`` has the answer."""
    layers = range(1, a.r.depth)
    return next(({"layer": i} for i in layers if agree(a.got, answers(i), a.r.floor[a.name])), None)


def linear_layer(a):
    """Scores of a net without one ReLU."""
    return _layer(a, lambda i: type(a.r)(a.r.params, a.r.X, a.r.y).forward(linear=i)) if a.name == "scores" else None


def unbiased_layer(a):
    """Scores of a net without one bias."""
    if a.name != "scores":
        return None
    last = {"layer": a.r.depth} if agree(a.got, a.r.scores - a.r.params[f"b{a.r.depth}"], 1e-9) else None
    return last or _layer(a, lambda i: type(a.r)(a.r.params, a.r.X, a.r.y).forward(without=(i,)))


def unmasked_layer(a):
    """A gradient of a net without the mask of one ReLU in the backward pass."""
    return _layer(a, lambda i: a.r.grads(unmasked=(i,))[a.name]) if a.name in a.r.wrt else None


def unwritten(functions):
    """Functions that are not written, and what the first one must compute."""
    names = ", ".join(dict.fromkeys(name for name, _ in functions))
    return {"names": names, "names_next": "{}: {}".format(*functions[0])} if functions else None


def unchecked(evidence):
    """Functions that are not checked."""
    names, why = evidence
    return {"names": ", ".join(dict.fromkeys(names)), "why": why} if names else None


def other_conventions(factors):
    """Functions that are each consistent, but with different penalties."""
    return {"names": " and ".join(factors)} if len(set(factors.values()) & {(0.5, 1), (1, 2)}) == 2 else None


def one_coordinate(a):
    """A gradient that is wrong at one coordinate only."""
    wrong = np.flatnonzero(~(np.abs(a.got - a.right) <= a.r.floor[a.name]))
    return {"checked": a.got.size, **a.r.at(a, wrong[0])} if len(wrong) == 1 < a.got.size else None


def unknown_coordinates(a):
    """A gradient with the largest difference from the numeric derivatives."""
    return a.r.at(a, int(np.argmax(np.abs(a.got - a.right))))
