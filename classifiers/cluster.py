"""Everything that a sweep knows of joblib's backends and of Dask: how data get to the workers, and results back."""

from pathlib import Path

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend


def returns_generator():
    """Whether the active joblib backend can return results one by one, as they end."""
    backend, _ = get_active_backend()
    return getattr(backend, "supports_return_generator", False) or getattr(backend, "supports_sharedmem", False)


def copy_odd_maps(arrays, n_jobs):
    """Copy the memory-mapped arrays that workers would not see as this process does.

    joblib sends the name of the mapped file and the place in it. Workers get wrong rows, or crash, if the array is a
    transposed, strided or reversed view of the file. They miss changes in memory, and need the file's name.

    Parameters
    ----------
    arrays : list of ndarray
    n_jobs : int
        If nothing is sent to another process, nothing is copied.

    Returns
    -------
    list of ndarray
    """
    backend, _ = get_active_backend()
    if getattr(backend, "supports_sharedmem", False) or effective_n_jobs(n_jobs) == 1:
        return arrays
    return [array if _find_map(array) is None or _is_plain_map(array) else np.array(array) for array in arrays]


def _find_map(array):
    """Return the `numpy.memmap` of the whole file behind a view, or None."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and not isinstance(array.base, np.ndarray):
            return array
        array = array.base
    return None


def _is_plain_map(array):
    """Whether workers see a view of a mapped file as this process does."""
    whole = _find_map(array)
    in_order = array.flags.c_contiguous and (whole.ndim == 1 or not whole.flags.f_contiguous)
    on_disk = isinstance(whole.filename, (str, Path)) and Path(whole.filename).exists()
    return in_order and on_disk and whole.mode != "c"  # "c": changes stay in the memory of this process


def send_data(arrays, function):
    """Send the data to each worker of the active Dask cluster, once for the whole sweep.

    Parameters
    ----------
    arrays : list of ndarray
        The data.
    function : callable
        The function that the workers are going to call with the data.

    Returns
    -------
    list of distributed.Future
        One for each array. Without Dask: `arrays`, because joblib's own processes map them from
        shared memory.

    Raises
    ------
    ImportError
        If the cluster cannot import `function`. joblib would wait for its results without end.
    TimeoutError
        If the cluster has no worker, and none joins in joblib's ``wait_for_workers_timeout`` seconds.
    """
    backend, _ = get_active_backend()
    if type(backend).__name__ != "DaskDistributedBackend":
        return arrays
    backend.effective_n_jobs(-1)  # waits for a worker, with a time limit; Dask itself would wait without end
    try:  # the cluster imports the function's module in order to unpickle the function
        backend.client.submit(callable, function, pure=False).result()
    except Exception as error:
        raise ImportError(
            "Dask's scheduler and workers must be able to import the lab: start them with its folder on PYTHONPATH"
        ) from error
    # Each worker gets a copy, which survives the death of the others. A hash would cost half a second for 250 MB.
    return backend.client.scatter(arrays, broadcast=True, hash=False)


def receive_data(arrays):
    """Return the arrays behind what `send_data` returned, on the worker that calls this."""
    # Dask replaces Futures by their data on the way. joblib leaves a cluster of one core unused and passes Futures on.
    return [array.result() if hasattr(array, "result") else array for array in arrays]
