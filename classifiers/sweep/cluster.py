"""Workers of a sweep: their code and their data, for joblib's backends and Dask."""

from pathlib import Path

import numpy as np
from joblib import effective_n_jobs
from joblib.externals.loky import get_reusable_executor
from joblib.parallel import get_active_backend


def runs_here(n_jobs):
    """Return whether all trials run in this process."""
    backend, _ = get_active_backend()
    return getattr(backend, "supports_sharedmem", False) or effective_n_jobs(n_jobs) == 1


def restart_workers(code):
    """Stop joblib's worker processes if they have loaded other code than this. New ones load the files again."""
    if _loaded.setdefault("code", code) != code:
        get_reusable_executor().shutdown(wait=True)
        _loaded["code"] = code


_loaded = {}  # the hash of the code that joblib's worker processes have loaded


def copy_odd_maps(arrays, n_jobs):
    """Copy the memory-mapped arrays that workers would read wrongly from the file.

    joblib sends the name of the mapped file and the position in it. A worker then maps the file
    again. It gets wrong rows, or crashes, if the array is a transposed, strided or reversed view of
    the file. It does not see changes that are only in memory. It cannot map a file without a name.

    Parameters
    ----------
    arrays : list of ndarray
    n_jobs : int
        See `classifiers.sweep.sweep`. If all trials run in this process, nothing is copied.

    Returns
    -------
    list of ndarray
    """
    if runs_here(n_jobs):
        return arrays
    return [np.array(array) if _is_odd_map(array) else array for array in arrays]


def _is_odd_map(array):
    """Return whether an array is a view of a mapped file, and a worker that maps it gets another array."""
    whole = array
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    if not isinstance(whole, np.memmap):
        return False
    in_order = array.flags.c_contiguous and (whole.ndim == 1 or not whole.flags.f_contiguous)
    on_disk = isinstance(whole.filename, (str, Path)) and Path(whole.filename).exists()
    return not (in_order and on_disk and whole.mode != "c")  # "c": changes stay in the memory of this process


def send_data(arrays, function):
    """Send the data to each worker of the active Dask cluster, once for the whole sweep.

    Parameters
    ----------
    arrays : list of ndarray
        The data.
    function : callable
        The function that the workers will call with the data.

    Returns
    -------
    list of distributed.Future
        One for each array. Without Dask, the result is `arrays`: joblib's own processes map them
        from shared memory.

    Raises
    ------
    ImportError
        If the cluster cannot import `function`. Without this check, joblib would wait forever.
    TimeoutError
        If the cluster has no worker, and no worker joins it within joblib's
        ``wait_for_workers_timeout`` seconds.
    """
    backend, _ = get_active_backend()
    if type(backend).__name__ != "DaskDistributedBackend":
        return arrays
    backend.effective_n_jobs(-1)  # waits for a worker, with a time limit that Dask itself does not have
    try:  # to unpickle the function, the cluster must import its module
        backend.client.submit(callable, function, pure=False).result()
    except Exception as error:
        raise ImportError(
            "Dask's scheduler and workers must be able to import the lab: start them with its folder on PYTHONPATH"
        ) from error
    # Each worker gets its own copy, so the data are not lost if other workers die. There is no hash
    # of the data, because that takes half a second for 250 MB.
    return backend.client.scatter(arrays, broadcast=True, hash=False)
