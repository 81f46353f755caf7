"""Cases that test the students' functions: arguments only, no answers."""

from typing import NamedTuple

import numpy as np

CHANGES = {"penalty": ["dW1", "db1", "dW2", "db2"], "update": ["param", "velocity"]}  # in place
# Arguments that the lab does not need after the call. A change costs only the points for types.
SCRATCH = {"softmax_loss": ["scores"], "backward": ["hidden", "dscores"], "update": ["grad"]}
LENGTH = "the number of rows"  # an answer of draw_minibatch
# What may be wrong with its rows. These answers are True or False.
OWN, OTHER = "a row is not a row of X with its own label", "every call returns the same rows"
PARAMS = ("W1", "b1", "W2", "b2")
GRADS = tuple(f'grads["{name}"]' for name in PARAMS)  # names of the answers of `penalty` and `backward`


class Case(NamedTuple):
    """One call of a function, and the answers that are checked.

    Attributes
    ----------
    part, aspect : str
        See `parts.Part`.
    label : str
        Short description of the case.
    arrays : dict of ndarray
        Arguments of the function; see `call`.
    outputs : tuple of str
        Names of the answers that are checked.
    typed : bool
        Whether types are checked, too. If so, arrays of `SCRATCH` must not change either.
    """

    part: str
    aspect: str
    label: str
    arrays: dict
    outputs: tuple
    typed: bool = False


class Unusable(Exception):
    """An answer that cannot be compared. The text says what it must be."""


def call(name, function, arrays):
    """Call the function of a part as the lab does.

    Parameters
    ----------
    name : str
        Name of the part.
    function : callable
    arrays : dict of ndarray
        Arrays of a case. The function gets copies.

    Returns
    -------
    dict of ndarray
        The answers. "changed" names the arrays that the function changed but must not change.

    Raises
    ------
    Unusable
        If the function returns nothing, or something of another form.
    """
    given = {key: array.copy(order="K") for key, array in arrays.items()}
    answers = {key: np.asarray(answer) for key, answer in CALLS[name](function, given).items()}
    stay = [key for key in arrays if key not in CHANGES.get(name, ())]
    changed = [key for key in stay if not np.array_equal(given[key], arrays[key], equal_nan=True)]
    return {**answers, "changed": np.array(changed, dtype=str)}


def _unpack(answer, *names):
    """Return the values of an answer by their names. Raise Unusable if there are not so many."""
    if answer is None:
        raise Unusable("returns None. Is there a `return` at the end?")
    values = answer if len(names) > 1 else [answer]
    if not isinstance(values, (tuple, list)) or len(values) != len(names):
        count = f"{len(values)} values" if isinstance(values, (tuple, list)) else f"one {type(values).__name__}"
        raise Unusable(f"must return {len(names)} values, {' and '.join(names)}, but returns {count}")
    return dict(zip(names, values, strict=True))


def _params(a):
    return {key: a[key] for key in PARAMS}


def _optional(a, *names):
    return {name: a[name] for name in names if name in a}


def _forward(forward, a):
    return _unpack(forward(_params(a), a["X"], **_optional(a, "mask")), "hidden", "scores")


def _softmax_loss(softmax_loss, a):
    return _unpack(softmax_loss(a["scores"], a["y"]), "loss", "dscores")


def _penalty(penalty, a):
    grads = {key: a[f"d{key}"] for key in PARAMS} if "dW1" in a else None
    answer = _unpack(penalty(_params(a), float(a["reg"]), *([] if grads is None else [grads])), "value")
    return answer if grads is None else {**answer, **_grads(grads)}


def _backward(backward, a):
    grads = _unpack(backward(_params(a), a["X"], a["hidden"], a["dscores"], **_optional(a, "mask")), "grads")["grads"]
    if not isinstance(grads, dict):
        raise Unusable(f"must return a dict with the keys W1, b1, W2 and b2, but returns one {type(grads).__name__}")
    return _grads(grads)


def _grads(grads):
    return {answer: grads[name] for name, answer in zip(PARAMS, GRADS, strict=True) if name in grads}


def _draw_minibatch(draw_minibatch, a):
    rng = np.random.default_rng(int(a["seed"])) if "generator" in a else np.random.RandomState(int(a["seed"]))
    X = a["X"][::2] if "every other" in a else a["X"]
    answer = _unpack(draw_minibatch(X, a["y"], int(a["batch_size"]), rng), "X_batch", "y_batch")
    X_batch, y_batch = map(np.asarray, answer.values())
    answer = {"X_batch": X_batch.copy(), "y_batch": y_batch, "next": rng.random() if "generator" in a else rng.rand()}
    answer[LENGTH], own = np.array(X_batch.shape[:1]), False
    if X_batch.shape[1:] == X.shape[1:] and y_batch.shape == X_batch.shape[:1]:
        own = ((X_batch[:, None] == X[None]).all(axis=2) & (y_batch[:, None] == a["y"])).any(axis=1).all()
    answer[OWN] = not own
    again, _ = draw_minibatch(X, a["y"], int(a["batch_size"]), rng)
    answer[OTHER] = len(np.unique(X_batch, axis=0)) == 1 or np.array_equal(again, X_batch)
    return answer


def _update(update, a):
    momentum = {"momentum": float(a["momentum"])} if "momentum" in a else {}
    before = a["param"].copy()
    update(a["param"], a["grad"], float(a["learning_rate"]), **momentum, **_optional(a, "velocity"))
    if np.array_equal(a["param"], before):
        raise Unusable("does not change param. Change it in place: `param = ...` only makes a new array")
    return _optional(a, "param", "velocity")


def _best_class(best_class, a):
    return _unpack(best_class(a["scores"]), "classes")


_CALLS = (_forward, _softmax_loss, _penalty, _backward, _draw_minibatch, _update, _best_class)
CALLS = {function.__name__[1:]: function for function in _CALLS}


def make_cases(name, seed, hidden):
    """Make the cases of a part.

    Parameters
    ----------
    name : str
        Name of the part.
    seed : int
        Equal seeds give equal cases.
    hidden : bool
        Whether to make the cases that students do not see. They use more shapes, and other numbers.

    Returns
    -------
    list of Case
    """
    # The legacy generator gives the same numbers with each version of NumPy.
    rng = np.random.RandomState(np.random.MT19937([seed, int(hidden), list(CALLS).index(name)]))
    shapes = [(5, 4, 10, 3)]  # N, D, H, C
    if hidden:
        shapes = [(1, 3, 1, 2), (7, 5, 6, 4), (2, 1, 8, 2), *(tuple(map(int, rng.randint(2, 9, 4))) for _ in range(2))]
    return [Case(name, *case) for shape in shapes for case in MAKERS[name](rng, *shape)]


def _draw_params(rng, D, H, C, dtype=np.float64):
    sizes = {"W1": (D, H), "b1": (H,), "W2": (H, C), "b2": (C,)}
    return {key: (0.7 * rng.standard_normal(size)).astype(dtype) for key, size in sizes.items()}


def _shape(N, D, H, C):
    return f"N={N}, D={D}, H={H}, C={C}"


def _forward_cases(rng, N, D, H, C):
    arrays = {**_draw_params(rng, D, H, C), "X": 3 * rng.standard_normal((N, D))}
    arrays["b1"][0] += 25  # unit 0 is active in all rows, so zeros are wrong
    mask = np.where((rng.random((N, H)) < 0.5) & (np.arange(H) > 0), 0, 2.0)
    single = {key: array.astype(np.float32) for key, array in arrays.items()}
    yield "scores", _shape(N, D, H, C), arrays, ("scores",)
    yield "hidden", _shape(N, D, H, C), arrays, ("hidden",)
    yield "dropout", f"with mask, {_shape(N, D, H, C)}", {**arrays, "mask": mask}, ("hidden", "scores")
    yield "types", f"float32, {_shape(N, D, H, C)}", single, ("hidden", "scores"), True


def _softmax_cases(rng, N, D, H, C):
    scores, y = 2 * rng.standard_normal((N, C)), (rng.permutation(N) + rng.randint(C)) % C  # all classes
    below, one_row, equal = scores.copy(), scores.copy(), np.full((N, C), 1e4)
    below[np.arange(N), y] -= 1e3
    one_row[0] += 1e4
    yield "loss", f"N={N}, C={C}", {"scores": scores, "y": y}, ("loss",)
    yield "gradient", f"N={N}, C={C}", {"scores": scores, "y": y}, ("dscores",)
    large = {"equal scores of 10,000": equal, "one row 10,000 above the others": one_row}
    large |= {"the right class 1,000 below the others": below, "scores of 1e4": 1e4 * scores}
    for what, those in large.items():
        yield "large scores", f"{what}, N={N}, C={C}", {"scores": those, "y": y}, ("loss", "dscores")
    yield "types", f"float32, N={N}, C={C}", {"scores": scores.astype(np.float32), "y": y}, ("dscores",), True


def _penalty_cases(rng, N, D, H, C):
    params = _draw_params(rng, D, H, C)
    grads = {f"d{key}": rng.standard_normal(param.shape) for key, param in params.items()}
    for reg in (0.05, 3.0):
        arrays = {**params, "reg": np.array(reg)}
        yield "value", f"reg={reg}, {_shape(N, D, H, C)}", arrays, ("value",)
        yield "value", f"reg={reg} with grads, {_shape(N, D, H, C)}", {**arrays, **grads}, ("value",)
        yield "gradient", f"reg={reg}, {_shape(N, D, H, C)}", {**arrays, **grads}, GRADS


def _backward_cases(rng, N, D, H, C):
    arrays = {**_draw_params(rng, D, H, C), "X": rng.standard_normal((N, D))}
    arrays["b1"][0] += 25  # unit 0 is active in all rows
    arrays["hidden"] = np.clip(arrays["X"].dot(arrays["W1"]) + arrays["b1"], 0, None)
    arrays["dscores"] = rng.standard_normal((N, C))
    mask = np.where((rng.random((N, H)) < 0.5) & (np.arange(H) > 0), 0, 2.0)
    single = {key: array.astype(np.float32) for key, array in arrays.items()}
    for key, answer in zip(PARAMS, GRADS, strict=True):
        yield key, _shape(N, D, H, C), arrays, (answer,)
    dropped = {**arrays, "mask": mask, "hidden": arrays["hidden"] * mask}
    yield "dropout", f"with mask, {_shape(N, D, H, C)}", dropped, GRADS
    yield "types", f"float32, {_shape(N, D, H, C)}", single, GRADS, True


def _minibatch_cases(rng, N, D, H, C):
    N, batch = 3 * N + 20, np.array(H + 8)  # enough rows that two random batches differ
    X, y, seed = rng.randint(0, 256, (N, D + 3)).astype(np.uint8), rng.randint(0, C, N), np.array(rng.randint(10**6))
    X[:, 0] = np.arange(N)  # makes each row unique
    arrays = {"X": X, "y": y, "batch_size": batch, "seed": seed}
    larger = {**arrays, "batch_size": np.array(2 * N + 1)}
    strided = {**arrays, "X": np.repeat(X, 2, axis=0), "every other": np.array(1)}
    for what, those in (("a batch", arrays), ("a batch larger than the data", larger), ("every other row", strided)):
        yield "rows", f"{what}, {N} rows", those, (LENGTH, OWN, OTHER)
        yield "random stream", f"{what}, {N} rows", those, ("X_batch", "y_batch", "next")
    generator = {**arrays, "generator": np.array(1)}
    yield "random stream", f"with a Generator, {N} rows", generator, ("X_batch", "y_batch", "next")


def _update_cases(rng, N, D, H, C):
    for shape in ((D, H), (H,)):
        param, grad = rng.standard_normal((2, *shape))
        arrays = {"param": param, "grad": grad, "learning_rate": np.array(0.1)}
        moving = {**arrays, "velocity": rng.standard_normal(shape), "momentum": np.array(0.9)}
        yield "plain", f"shape {shape}", arrays, ("param",)
        yield "momentum", f"shape {shape}", moving, ("param", "velocity")


def _class_cases(rng, N, D, H, C):
    scores = rng.standard_normal((N + 5, C + 2))
    scores[np.arange(C + 2) % (N + 5), np.arange(C + 2)] += 9  # each class is the best of some row
    yield "classes", f"N={N + 5}, C={C + 2}", {"scores": scores}, ("classes",), True
    twice = np.repeat(scores, 2, axis=1)
    yield "classes", f"each score twice, N={N + 5}, C={2 * C + 4}", {"scores": twice}, ("classes",)
    yield "large scores", f"scores of 1e5, N={N + 5}, C={C + 2}", {"scores": 1e5 * scores}, ("classes",)


_MAKERS = (_forward_cases, _softmax_cases, _penalty_cases, _backward_cases)
_MAKERS += (_minibatch_cases, _update_cases, _class_cases)
MAKERS = dict(zip(CALLS, _MAKERS, strict=True))
