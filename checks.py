"""Checks of arguments, used by the other modules.

They raise TypeError or ValueError. The message names the argument, what it must be and what it was.
"""

import numpy as np

# The parameters of a two-layer net with D inputs, H hidden units and C classes, and their shapes.
SHAPES = {"W1": "DH", "b1": "H", "W2": "HC", "b2": "C"}
WEIGHTS, BIASES = ("W1", "W2"), ("b1", "b2")  # only weights are penalised
Rng = int | np.random.RandomState | np.random.Generator | None  # see `check_rng`


def check_rng(rng):
    """Return a source of random numbers for the argument ``rng``.

    Parameters
    ----------
    rng : None, int, numpy.random.RandomState or numpy.random.Generator
        ``None`` is NumPy's global legacy stream, which ``np.random.seed`` sets. An int gives the
        same numbers as ``np.random.seed(rng)``.

    Returns
    -------
    RandomState or Generator
        Both have ``standard_normal(size)``, ``choice(n, size)`` and ``random(size)``.
    """
    if rng is None:
        return np.random.mtrand._rand
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and 0 <= rng < 2**32:
        return np.random.RandomState(rng)
    if isinstance(rng, (np.random.RandomState, np.random.Generator)):
        return rng
    raise TypeError(f"rng must be None, an int in 0..2**32-1, a RandomState or a Generator, got {rng!r}")


def _got(value):
    """Describe a value in at most 60 characters, or an array by its shape and dtype."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check_number(name, value, low=0.0, high=np.inf, *, below=False):
    """Check that an argument is a finite number in a range.

    Parameters
    ----------
    name : str
        Name of the argument, for the error.
    value : object
        The argument.
    low, high : float
        Bounds.
    below : bool
        Whether the value must be smaller than `high`. By default it may be equal.

    Returns
    -------
    float
    """
    span = f"a finite number, at least {low:g}" if high == np.inf else f"a number in {low:g}..{high:g}"
    span += f", {high:g} excluded" if below else ""
    if isinstance(value, (bool, np.bool_, str)) or np.ndim(value) != 0:
        raise TypeError(f"{name} must be {span}, got {_got(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {span}, got {_got(value)}") from None
    if not (np.isfinite(number) and low <= number <= high) or below and number == high:
        raise ValueError(f"{name} must be {span}, got {_got(value)}")
    return number


def check_one_number(what, value, advice=""):
    """Check that a value is one real number or an array that holds one. Return the number.

    Parameters
    ----------
    what : str
        The beginning of the error, such as "f must return".
    value : object
        NaN and infinity are allowed.
    advice : str
        The end of the error if the value is an array of several numbers.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # a tuple of several things
        array = np.array(None)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise TypeError(f"{what} a number, got {_got(value)}{advice if array.dtype.kind in 'biuf' else ''}")
    return array.item()


def check_count(name, value, low=1):
    """Check that an argument is a whole number, at least `low`. Return it as an int."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
        if not whole:
            raise TypeError(f"{name} must be a whole number, at least {low}, got {_got(value)}")
    if value < low:
        raise ValueError(f"{name} must be a whole number, at least {low}, got {_got(value)}")
    return int(value)


def refuse_masked(name, value):
    """Refuse a masked array or a list of them. The maths would use the masked values."""
    if any(isinstance(part, np.ma.MaskedArray) for part in (value, *(value if isinstance(value, list) else ()))):
        raise TypeError(f"{name} must not be a masked array: pass {name}.filled(value) with a value for masked entries")


def check_array(name, value, ndim, columns=None, *, finite=True):
    """Check that an argument is an array of finite real numbers.

    Parameters
    ----------
    name : str
        Name of the argument, for the error.
    value : array_like
        Lists are converted. Memory-mapped arrays stay memory-mapped.
    ndim : int
        Number of dimensions.
    columns : int, optional
        Length of the last dimension.
    finite : bool
        Whether to check all numbers. Without this, the check is cheap.

    Returns
    -------
    ndarray
    """
    refuse_masked(name, value)
    try:
        array = np.asanyarray(value)
        if isinstance(array, np.matrix):  # its products and rows differ from those of an array
            array = np.asarray(array)
        if array.dtype == object:
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of real numbers, {ndim}-dimensional, got {_got(value)}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {_got(array)}")
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got {_got(array)}")
    if columns is not None and array.shape[-1] != columns:
        raise ValueError(f"{name} must have {columns} columns, got {_got(array)}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got {_got(array)}")
    if finite:
        check_finite(name, array)
    return array


def check_finite(name, array):
    """Check that an array of numbers has no NaN or infinity. The error says where the first one is."""
    if array.dtype.kind != "f":
        return
    for start in range(0, len(array), 1000):  # parts save memory: isfinite makes a new array
        part = array[start : start + 1000]
        with np.errstate(all="ignore"):
            suspicious = not np.isfinite(part.sum())
        if suspicious and not np.isfinite(part).all():
            place = [int(i) for i in np.argwhere(~np.isfinite(part))[0]]
            bad = part[tuple(place)]
            place[0] += start
            where = f"row {place[0]}" + "".join(f", column {i}" for i in place[1:2])
            raise ValueError(f"{name} must hold finite numbers, got {bad} at {where}")


def check_labels(name, value, length, classes):
    """Check that an argument holds class indices.

    Parameters
    ----------
    name : str
        Name of the argument, for the error.
    value : array_like
        Integers, or floats that are whole numbers.
    length : int
        Number of labels needed.
    classes : int
        Number C of classes. Labels are in 0..C-1.

    Returns
    -------
    ndarray of int64, shape (length,)
    """
    array = check_array(name, value, 1)
    if len(array) != length:
        raise ValueError(f"{name} must hold one label for each of {length} rows, got {len(array)}")
    if array.dtype.kind == "b":
        raise TypeError(f"{name} must hold class indices in 0..{classes - 1}, got {_got(array)}")
    whole = array.dtype.kind != "f" or bool((array == np.floor(array)).all())
    if not whole or array.min() < 0 or array.max() >= classes:
        row = int(((array != np.floor(array)) | (array < 0) | (array >= classes)).argmax())
        raise ValueError(f"{name} must hold class indices in 0..{classes - 1}, got {array[row]} at row {row}")
    return array.astype(np.int64, copy=False)


def check_weights(name, value, length):
    """Check that an argument is None or holds a weight of at least 0 for each row.

    Return an array of float64, or None if all weights are equal and above 0. They have no effect.
    """
    if value is None:
        return None
    weights = check_array(name, value, 1).astype(np.float64)
    if len(weights) != length:
        raise ValueError(f"{name} must hold one weight for each of {length} rows, got {len(weights)}")
    if weights.min() < 0:
        raise ValueError(f"{name} must hold weights of at least 0, got {weights.min()} at row {weights.argmin()}")
    return None if weights.min() == weights.max() > 0 else weights


def check_params(params):
    """Check that a dict holds the parameters of a two-layer net.

    Parameters
    ----------
    params : dict of ndarray
        See `SHAPES`. Further entries are allowed.

    Returns
    -------
    D, H, C : int
    """
    for name in SHAPES:
        if name not in params:
            raise ValueError(f"params must have W1, b1, W2 and b2, {name} is missing")
    for name, letters in SHAPES.items():
        if np.ndim(params[name]) != len(letters):
            got = f"{np.shape(params[name])} for {name}"
            raise ValueError(f"params must have W1 (D, H), b1 (H,), W2 (H, C) and b2 (C,), got {got}")
    (D, H), (_, C) = np.shape(params["W1"]), np.shape(params["W2"])
    for name, shape in zip(SHAPES, ((D, H), (H,), (H, C), (C,)), strict=True):
        value = params[name]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.dtype.itemsize < 4:
            got = getattr(value, "dtype", type(value).__name__)
            raise TypeError(f"params[{name!r}] must be float32 or a wider floating-point type, got {got}")
        if value.shape != shape:
            raise ValueError(f"params[{name!r}] must have shape {shape}, got {value.shape}")
    return D, H, C


def check_loss(returned, params):
    """Check and return what `loss` returns: a number, and a gradient for each parameter of a net."""
    if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict)):
        raise TypeError(f"loss must return a number and a dict of gradients, got {_got(returned)}")
    loss, grads = returned
    if np.ndim(loss) != 0 or not isinstance(loss, (int, float, np.integer, np.floating, np.ndarray)):
        raise TypeError(f"loss must return a number and a dict of gradients, got {_got(loss)} as the number")
    for name in (*SHAPES, *grads):
        if name not in grads or name not in params:
            owner, other = ("grads", "params") if name not in grads else ("params", "grads")
            raise ValueError(f"{owner} must have the keys of {other}, {name} is missing")
        if not isinstance(grads[name], np.ndarray) or grads[name].shape != params[name].shape:
            got = grads[name].shape if isinstance(grads[name], np.ndarray) else _got(grads[name])
            raise ValueError(f"grads[{name!r}] must be an array of shape {params[name].shape}, got {got}")
    return float(loss), grads


def check_writable(arrays):
    """Check that the arrays in a dict can be changed in place."""
    for name, array in arrays.items():
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            raise ValueError(f"{name} must be writable, got a read-only array. Use a copy of it")


def check_calls(**arguments):
    """Check that each argument is None or can be called."""
    for name, value in arguments.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be None or a function, got {_got(value)}")


def check_dtype(dtype, smallest=np.float16):
    """Check that an argument names a floating-point type of NumPy, not below `smallest`. Return the type."""
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = None
    if checked is None or checked.kind != "f" or checked.itemsize < np.dtype(smallest).itemsize:
        raise TypeError(f"dtype must be a floating-point type such as float32, got {_got(dtype)}")
    return checked
