"""How to see the mistakes of the table in mistakes.py.

Each function gets the evidence of a stage, see stages.py. It returns the values for the sentence of
the entry, or None if the evidence does not show the mistake. `like`, `factors`, `wins` and `when`
make such functions.
"""

import inspect

import numpy as np

from checks import BIASES, WEIGHTS

from .functions import FunctionNet
from .loading import quote_own_line
from .reference import NAMES, agree, factor_between
from .training import BATCH, DECAY, ROWS, STEPS

ARGUMENTS = (  # of train
    "X", "y", "X_val", "y_val", "learning_rate", "learning_rate_decay", "reg", "num_iters", "batch_size", "verbose",
)  # fmt: skip
HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")


def like(formula, scaled=False):
    """Make a function that sees an answer equal to a formula, or with `scaled` a multiple of it.

    ``formula(reference)`` returns the answers of a net with the mistake, by name.
    """

    def seen(a):
        guess = formula(a.r).get(a.name)
        if guess is None or not np.all(np.isfinite(guess)):
            return None
        floor = a.r.floor[a.name]
        multiple = scaled and np.ndim(guess) and factor_between(a.got, guess, floor) is not None
        fits = agree(a.got, guess, floor) or multiple
        return {"N": a.r.N} if fits else None

    return seen


def factors(in_loss, in_gradient):
    """Make a function that sees factors of a penalty. ``...`` is any factor, None no constant one."""

    def seen(a):
        fits = all(factor in (..., got) for factor, got in zip((in_loss, in_gradient), a.got, strict=True))
        return {"in_loss": a.got[0], "in_gradient": a.got[1]} if fits else None

    return seen


def wins(formula):
    """Make a function that sees wrong predictions of the class with the highest ``formula(r, scores)``."""

    def seen(p):
        fits = all(np.array_equal(a.got, formula(a.r, a.scores).argmax(axis=1)) for a in p)
        return {} if fits and not_highest_class(p) else None

    return seen


def when(condition):
    """Make a function that sees a condition of the evidence, without values for the sentence."""
    return lambda evidence: {} if condition(evidence) else None


def which(names):
    """Return the value `which` for some names, or None if there are none."""
    names = list(names)
    return {"which": ", ".join(names)} if names else None


def missing_params(params):
    """Parameters that do not exist yet. A dict with only other names belongs to another net."""
    missing = [name for name in NAMES if name not in params]
    if not missing or len(missing) == len(NAMES) and params:
        return None
    return {"missing": ", ".join(missing), "verb": "are" if len(missing) > 1 else "is"}


def two_dimensional_bias(params):
    """A bias of two dimensions, one of which is 1."""
    for name in BIASES:
        shape = np.shape(params.get(name, 0))
        if len(shape) == 2 and 1 in shape:
            return {"name": name, "got": shape, "right": (max(shape),)}
    return None


def raised(error):
    """An exception, with its type, its text, and the line of the net's own code that raises it."""
    return None if error is None else {"kind": type(error).__name__, "error": error, "place": quote_own_line(error)}


def not_written(error, so_far=""):
    """A NotImplementedError: the code after it is not written yet. `so_far` says what is."""
    found = raised(error) if isinstance(error, NotImplementedError) else None
    return found and {**found, "next": str(error) or "this line", "so_far": so_far}


def not_finite(arrays):
    """The first NaN or infinity in some arrays or numbers, with its name and place."""
    for name, value in arrays.items():
        value = np.asarray(value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(value))[0]))
            return {"name": name, "got": value[place], "place": f" at {place}" if place else ""}
    return None


def wrong_keys(calls):
    """Gradients that are not a dict with the names of the parameters."""
    if not isinstance(calls.grads, dict):
        return {"got": type(calls.grads).__name__}
    return None if set(calls.grads) <= set(calls.params) else {"got": sorted(map(str, calls.grads))}


def unfinished(calls):
    """What is missing after correct scores: a function, the loss, or gradients."""
    missing = [name for name in NAMES if name not in calls.grads]
    right, more, place = "the scores are", "", ""
    if calls.missing:
        name = next(name for name in ("softmax_loss", "penalty", "backward") if name in calls.missing)
        error = calls.missing[name]
        right, more = ("the scores and the loss are", "") if name == "backward" else (right, "loss is not finished. ")
        next_, place = error, quote_own_line(error)
    elif calls.loss is None:
        next_ = "the loss, the mean of -log p over the rows plus the penalty"
    elif missing:
        found = f", the loss and the gradient of {', '.join(calls.names)}" if calls.names else " and the loss"
        right, next_ = f"the scores{found} are", f"the gradient of {', '.join(missing)}"
    else:
        return None
    return {"right": "" if calls.others_wrong else f"{right} correct. {more}", "next": next_, "place": place}


def wrong_dtype(calls):
    """A gradient that is not an array of the type of its parameter."""
    for name in calls.names:
        grad = calls.grads[name]
        if isinstance(grad, np.matrix):
            return {"name": name, "got": "a matrix: np.matrix multiplies in another way"}
        if not isinstance(grad, (np.ndarray, np.floating)) or grad.dtype != np.float64:
            return {"name": name, "got": getattr(grad, "dtype", type(grad).__name__)}
    return None


def wrong_shape(a):
    """An answer of another shape than the correct one."""
    got, right = np.shape(a.got), np.shape(a.right)
    return None if got == right else {"got": got, "right": right}


def single_precision(a):
    """Numbers that are only as precise as float32, or a loss that is exactly a float32 number."""
    answer, right, floor = a.got, a.right, a.r.floor[a.name]
    if np.shape(answer) != np.shape(right) or a.name == "loss" and epsilon_in_log(a):
        return None
    k = factor_between(answer, right, floor)
    close = k is not None and abs(k - 1) < 2e-6  # no mistake has such a factor
    size, scaled = float(np.vdot(right, right)), right
    if np.size(right) > 2 and size > 0:  # a wrong factor is reported after the precision
        scaled = right * (float(np.vdot(right, answer)) / size)
    if not np.max(np.abs(answer - scaled), initial=0) <= 5e-6 * np.max(np.abs(scaled), initial=0):
        return None
    rounded = not agree(answer, right if close else scaled, floor)
    held = np.ndim(answer) == 0 and answer != 0 and float(np.float32(answer)) == float(answer)
    names = {"scores": "the array of scores", "loss": "the loss"}
    return {"what": names.get(a.name, f"the gradient of {a.name}")} if rounded or held else None


def epsilon_in_log(a, harmless=1.0):
    """A small number that is added to the probability inside the logarithm, or its lower bound.

    Its mean relative effect on the gradient is below `harmless`.
    """
    if a.name != "loss" or a.r.agrees("loss", a.got):
        return None
    p = np.exp(a.r.log_p[np.arange(a.r.N), a.r.y])
    numbers = np.array([(10.0**-i, 2.0 ** -(4 * i)) for i in range(2, 31)]).reshape(-1, 1, 1)
    changed = np.concatenate([p + numbers, np.maximum(p, numbers)], axis=1)  # (numbers, 2, N)
    same = np.abs(a.got + np.log(changed).mean(axis=2)) <= 1e-12 * abs(a.got) + 1e-15
    found = np.argwhere(same & (np.mean(1 - p / changed, axis=2) < harmless))
    words = "adds {:g} to", "cuts off below {:g}"
    return {"epsilon": words[found[0][1]].format(numbers[found[0][0]].item())} if len(found) else None


def averaged_bias(a):
    """The gradient of a bias, averaged over the rows, if those of the weights are not."""
    averaged = [n for n in a.r.wrt if n in a.answers and agree(a.answers[n], a.r.right[n] / a.r.N)]
    return {"N": a.r.N} if a.name in averaged and set(averaged) <= set(a.r.unsummed()) else None


def other_divisor(a):
    """A gradient or loss that is divided by another size than N, in data whose sizes all differ."""
    k = factor_between(a.got, a.right, a.r.floor[a.name]) if a.r.sizes_differ else None
    found = " or ".join(what for size, what in a.r.sizes if k and abs(k * size / a.r.N - 1) < 1e-7)
    return {"divisor": found} if found else None


def multiple(a):
    """A gradient or output that is a multiple of the correct one, or a loss that always is."""
    single = a.name in (*a.r.wrt, "out")
    k = factor_between(a.got, a.right, a.r.floor[a.name]) if single else a.r.loss_factor
    return None if k is None else {"k": float(f"{k:.9g}")}  # rounded, because equal factors share one sentence


def unknown(a):
    """An answer that no other entry explains, with the largest difference."""
    got, right = np.asarray(a.got), np.asarray(a.right)
    at = tuple(map(int, np.unravel_index(np.abs(got - right).argmax(), right.shape)))  # the first NaN, if any
    return {"at": at, "got": float(got[at]), "right": float(right[at]), "remark": a.r.remark}


def of(name, seen):
    """Restrict a function to the answer of a name."""
    return lambda a: seen(a) if a.name == name else None


def odd_factors(a):
    """Factors of a penalty that no other entry explains."""
    in_loss, in_gradient = a.got
    if a.name not in a.r.names:  # it has no gradient yet
        return {"k": a.got, "factors": f"{in_loss} in the loss. The correct factor is 0.5"}
    words = f"{in_loss} in the loss and {in_gradient} in the gradient. The correct factors are 0.5 and 1"
    return {"k": a.got, "factors": words}


def penalised_bias(a):
    """A bias with a penalty, in the loss or in the gradient."""
    if a.name[0] != "b":
        return None
    places = [place for place, factor in zip(("the loss", "the gradient"), a.got, strict=True) if factor != 0]
    factor = a.got[0] or a.got[1]
    return {"places": " and ".join(places), "factor": f", with the factor {factor}" if factor else ""}


def penalised_twice(*pairs):
    """Make a function that sees a weight with the first pair of factors, and the other with the second."""

    def seen(a):
        other = WEIGHTS[a.name == WEIGHTS[0]]
        if a.name not in WEIGHTS or other not in a.answers:
            return None
        both = a.got, a.answers[other]
        found = {both: (a.name, other), both[::-1]: (other, a.name)}.get(pairs)
        return found and {"twice": found[0], "none": found[1]}

    return seen


def masked_by_reg(joint):
    """Gradients of the first layer whose mask compares with reg, not with 0."""
    guess = joint.r.grads(mask=joint.r.hidden > joint.reg)
    off = {f"the gradient of {name}": guess[name] - joint.r.right[name] for name in ("W1", "b1")}
    fits = joint.wrong and all(what in off and agree(got, off[what], 1e-9) for what, got in joint.wrong.items())
    return {"places": " and ".join(joint.wrong)} if fits else None


def wrong_joint_penalty(joint):
    """A penalty that is wrong only if all parameters differ from zero."""
    if not joint.wrong:
        return None
    half, full = ("", "2 * ") if joint.factors["W1"] == (1, 2) else ("0.5 * ", "")
    biases = " + sum(b1**2) + sum(b2**2)" if joint.factors["b1"] != (0, 0) else ""
    return {"places": ", ".join(joint.wrong), "reg": joint.reg, "half": half, "full": full, "biases": biases}


def steps(k):
    """Make a function that sees parameters whose first step is k times the correct one."""
    return lambda t: which(name for name, factor in t.factors.items() if factor == k)


def multiple_of_step(t):
    """Steps that are a wrong multiple of the gradient, if every step is a multiple of it."""
    found = {}
    for name, k in t.factors.items():
        found.setdefault(k, []).append(name)
    wrong = ({"which": ", ".join(names), "k": k} for k, names in found.items() if k != 1)
    return None if None in found else next(wrong, None)


def wrong_histories(t):
    """A return value of train that is not a dict of complete histories."""
    if not isinstance(t.answer, dict):
        return {"got": type(t.answer).__name__}
    lengths = {}
    for name in HISTORIES:
        try:
            lengths[name] = np.asarray(t.answer[name], dtype=np.float64).size if name in t.answer else "missing"
        except (TypeError, ValueError):
            lengths[name] = "not numbers"
    return None if set(lengths.values()) == {2} else {"got": ", ".join(f"{n}: {k}" for n, k in lengths.items())}


def wrong_first_loss(t):
    """A loss history that does not start with the loss before the first step."""
    got, (right, after) = float(np.ravel(np.asarray(t.answer["loss_history"], dtype=np.float64))[0]), t.losses
    if abs(got - right) <= 1e-9 * (1 + abs(right)):
        return None
    return {"got": got, "right": right, "late": ", the loss after the step" if np.isclose(got, after) else ""}


def batch_ignored(t):
    """Batches of another size than batch_size."""
    size = next((len(step.rows) for step in t.steps if len(step.rows) != BATCH), None)
    return size and {"B": BATCH, "N": ROWS, "got": size}


def part_of_rows(t):
    """Only the first rows are drawn."""
    rows = np.concatenate([step.rows for step in t.steps]) if t.steps else np.zeros(0)
    return {"N": ROWS, "last": rows.max()} if rows.size and rows.max() < ROWS // 2 else None


def decays(steps):
    """Return the iterations before which the learning rate decays, and whether each time once."""
    times = np.round(np.log([step.k for step in steps]) / np.log(DECAY), 6)
    falls = np.flatnonzero(np.diff(times)) + 1
    return list(map(int, falls)), bool((np.diff(times)[falls - 1] == 1).all())


def wrong_decays(t):
    """A learning rate that decays at other times than once in each epoch."""
    falls, once = decays(t.steps)
    values = {"N": ROWS, "B": BATCH, "epoch": ROWS // BATCH}
    if once and len(falls) == 2 and falls[1] - falls[0] == values["epoch"]:
        return None
    got = f"before iterations {', '.join(str(fall + 1) for fall in falls)}" if falls else "never"
    got = "in each iteration" if len(falls) == STEPS - 1 else got
    return {**values, "got": f"{got}{'' if once else ', not by the same factor'}"}


def wrong_losses(t):
    """A loss history that differs from the losses of the batches."""
    got, right = np.asarray(t.long_answer["loss_history"], dtype=np.float64), np.array([s.loss for s in t.steps])
    if got.shape != right.shape:
        return {"at": "", "got": f"{got.size} numbers", "right": f"{right.size}, one for each iteration"}
    wrong = np.flatnonzero(~(np.abs(got - right) <= 1e-9 * (1 + np.abs(right))))
    return (
        {"at": f" at iteration {wrong[0] + 1}", "got": got[wrong[0]], "right": right[wrong[0]]} if wrong.size else None
    )


def wrong_accuracy(t, history, rights, others, words):
    """A history of accuracies that are not those of `rights`, perhaps those of `others`, called `words`.

    The numbers may belong to the first or the last iteration of each epoch.
    """
    got = np.ravel(np.asarray(t.long_answer[history], dtype=np.float64))
    epoch = ROWS // BATCH
    places = [list(range(start, STEPS, epoch))[: len(got)] for start in (0, epoch - 1)]

    def fits(what):
        known = [t.accuracies[what][some] for some in places if len(some) == len(got)]
        return any((np.abs(accuracies - got) < 1e-9).all() for accuracies in known)

    if any(map(fits, rights)):
        return None
    other = f": it is the accuracy on {words}" if any(map(fits, others)) else ""
    return {"got": ", ".join(f"{value:.4g}" for value in got), "other": other,
            "right": ", ".join(f"{value:.4g}" for value in t.accuracies[rights[0]][::epoch])}  # fmt: skip


def wrong_predictions_shape(p):
    """Predictions that are not an array with one class for each row."""
    for got, scores, *_ in p:
        right = scores.argmax(axis=1)
        if not isinstance(got, np.ndarray) or got.shape != right.shape:
            shape = f"an array of shape {got.shape}" if isinstance(got, np.ndarray) else type(got).__name__
            return {"got": "None" if got is None else shape, "right": right.shape}
    return None


def constant_class(p):
    """The same class for all rows, although others have the highest score."""
    classes = np.unique(np.concatenate([a.got for a in p]))
    return {"got": classes[0]} if len(classes) == 1 and not_highest_class(p) else None


def not_highest_class(p):
    """A class without the highest score."""
    for got, scores, _, remark, _ in p:
        best, rows = scores.argmax(axis=1), np.arange(len(scores))
        outside = ~np.isin(got, np.arange(scores.shape[1]))
        classes = np.where(outside, 0, got).astype(int)
        wrong = np.flatnonzero(outside | (scores[rows, classes] < scores[rows, best]))  # equal scores are equally good
        if wrong.size:
            row = wrong[0]
            return {"row": f"{row}{remark}", "got": got[row], "right": scores[row].argmax()}
    return None


def unchecked(net):
    """What may be wrong although nothing is found."""
    found = getattr(net.net, "unchecked", "") if isinstance(net.net, FunctionNet) else ""
    if not found and net.has("train"):
        more = [name for name in inspect.signature(net.net.train).parameters if name not in ARGUMENTS]
        found = more and f"the arguments {', '.join(more)} of train"
    return {"what": found} if found else None
