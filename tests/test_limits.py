"""Tests of process limits: the first thread sets them, and the last one restores the old values."""

import copy
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from sweep_helpers import count_blas_threads
from threadpoolctl import threadpool_limits

from classifiers.sweep.limits import SharedLimits, limits_of_sweep, limits_of_trial


@pytest.fixture
def two_threads():
    """BLAS has two threads."""
    with threadpool_limits(2):
        if count_blas_threads() != {2}:
            pytest.skip("BLAS has no second thread here, or threadpoolctl does not know it")
        yield


def is_limited():
    """Return whether both limits are set. It is an error if only one is set."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    ignored, one_thread = not caught, count_blas_threads() == {1}
    assert ignored == one_thread
    return one_thread


@pytest.mark.filterwarnings("always")
def test_last_thread_restores_what_the_first_has_set(two_threads):
    """The first thread still runs. threadpoolctl 3.8 normally gives it sole control."""
    limits, filters = SharedLimits(), list(warnings.filters)
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        for _ in range(2):
            first.submit(limits.__enter__).result()
            second.submit(limits.__enter__).result()
            assert is_limited()
            first.submit(limits.__exit__).result()
            assert is_limited()
            second.submit(limits.__exit__).result()
            assert not is_limited() and warnings.filters == filters


@pytest.mark.filterwarnings("always")
def test_limits_if_another_thread_has_control():
    """Trials have one BLAS thread, even if another running thread has set a different number."""
    limits = SharedLimits()
    with ThreadPoolExecutor(1) as other:
        before = other.submit(threadpool_limits, 2).result()
        if count_blas_threads() != {2}:
            pytest.skip("BLAS has no second thread here, or threadpoolctl does not know it")
        with limits:
            assert is_limited()
        assert not is_limited()
        other.submit(before.restore_original_limits).result()


@pytest.mark.filterwarnings("always")
def test_trial_that_ends_after_its_sweep(two_threads):
    """The end of the sweep restores everything. The end of the trial changes nothing."""
    with limits_of_sweep():
        trial = limits_of_trial()
        trial.__enter__()
        assert is_limited()
    assert not is_limited()
    trial.__exit__(None, None, None)
    assert not is_limited()
    with limits_of_trial():
        assert is_limited()
    assert not is_limited()


@pytest.mark.filterwarnings("always")
def test_forked_process_sets_limits_of_its_own(two_threads, monkeypatch):
    """A fork copies the number of users, but not necessarily the limits of the parent."""
    limits = SharedLimits()
    with limits:
        child = copy.copy(limits)
        with threadpool_limits(2), warnings.catch_warnings(), monkeypatch.context() as patch:
            warnings.simplefilter("always")
            process = os.getpid() + 1
            patch.setattr(os, "getpid", lambda: process)
            assert not child.active
            with child:
                assert child.active and is_limited()
            assert not is_limited()
