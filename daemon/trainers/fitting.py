"""The surroundings of a scikit-learn fit: threads, and warnings that must not get lost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

#: scikit-learn's K-means adds up the parts of its threads in the order in which they finish. The sum of
#: two parts is the same either way round; that of more is not, and then one seed gives several models.
REPRODUCIBLE_THREADS = 2


@contextmanager
def reproducible_fit() -> Iterator[list[str]]:
    """Fit inside: with so few threads that the same seed gives the same bytes.

    Yields
    ------
    list of str
        Complete after the block: what scikit-learn warned of, in its own words.
    """
    said: list[str] = []
    with threadpool_limits(REPRODUCIBLE_THREADS, "openmp"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield said
    said += [str(warning.message) for warning in caught]
