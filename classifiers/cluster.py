"""Everything that a sweep knows of Dask: how the data get to the workers of a cluster."""

from joblib.parallel import get_active_backend


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
    """
    backend, _ = get_active_backend()
    if type(backend).__name__ != "DaskDistributedBackend":
        return arrays
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
