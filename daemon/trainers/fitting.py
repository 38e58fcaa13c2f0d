"""The surroundings of a scikit-learn fit: threads, and warnings that must not get lost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

#: scikit-learn's K-means adds up the parts of its threads in the order in which they finish. The sum of
#: two parts is the same either way round; that of more is not, and then one seed gives several models.
_REPRODUCIBLE_THREADS = 2

#: The matrices of a mixture are so small that a second thread in BLAS makes a fit slower, not faster.
_BLAS_THREADS = 1


@contextmanager
def reproducible_fit() -> Iterator[list[str]]:
    """Fit inside: with so few threads that the same seed gives the same bytes.

    Yields
    ------
    list of str
        Complete after the block: what scikit-learn warned of, in its own words.
    """
    said: list[str] = []
    controller = ThreadpoolController()
    # Never more than the operator allows.
    allowed = [pool["num_threads"] for pool in controller.info() if pool["user_api"] == "openmp"]
    limits = {"openmp": min([_REPRODUCIBLE_THREADS, *allowed]), "blas": _BLAS_THREADS}
    with controller.limit(limits=limits), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield said
    said += [str(warning.message) for warning in caught]
