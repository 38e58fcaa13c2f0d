"""GMM against scikit-learn, and the published form against Edge Impulse's formula on raw features."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from daemon.errors import TrainingError
from daemon.models.anomaly import GmmModel
from daemon.models.metadata import anomaly_metadata
from daemon.trainers.table import TRAINERS
from tests.trainers.rows import Rows, blobs
from tests.trainers.test_contract import fit


def gmm(scaling: str = "standard") -> tuple[Rows, GmmModel]:
    rows = blobs(400, 4)
    model = fit(TRAINERS["anomaly-gmm"], rows, 4, scaling=scaling).model
    assert isinstance(model, GmmModel)
    return rows, model


def test_the_fit_is_scikit_learns_on_standardised_axes() -> None:
    rows, model = gmm()
    scaled = StandardScaler().fit_transform(rows.astype(float))
    plain = GaussianMixture(4, reg_covar=1e-3, random_state=3).fit(scaled)
    assert model.means == pytest.approx(plain.means_, abs=1e-9)
    assert model.covariances == pytest.approx(plain.covariances_, abs=1e-9)
    shift = np.log(model.scale).sum()
    assert model.log_likelihood(rows) == pytest.approx(plain.score_samples(scaled) - shift)


def test_the_published_mixture_gives_the_score_by_edge_impulses_formula() -> None:
    """``|score_samples(raw) - mean| / std``, with a scikit-learn mixture rebuilt from the metadata."""
    rows, model = gmm()
    published = anomaly_metadata(model, suggested=1.0)
    rebuilt = GaussianMixture(4, covariance_type="full")
    rebuilt.weights_ = np.array(published["gmm"]["weights"])
    rebuilt.means_ = np.array(published["gmm"]["means"])
    rebuilt.covariances_ = np.array(published["gmm"]["covariances"])
    precision = np.linalg.inv(rebuilt.covariances_)
    # Upper triangular U with U U' = precision, which scikit-learn keeps: Cholesky of the flipped matrix.
    flipped = np.linalg.cholesky(precision[:, ::-1, ::-1])
    rebuilt.precisions_cholesky_ = flipped[:, ::-1, ::-1]
    tried = np.concatenate([rows, rows[:50] * np.float32(1.5)]).astype(float)
    likelihood = rebuilt.score_samples(tried)
    (mean,), (scale,) = published["anomaly"]["mean"], published["anomaly"]["scale"]
    assert model.score(tried) == pytest.approx(
        np.minimum(np.abs((likelihood - mean) / scale), 1000), rel=1e-6
    )


def test_the_likelihood_is_standardised_by_the_training_rows() -> None:
    rows, model = gmm()
    likelihood = model.log_likelihood(rows)
    assert model.ll_mean == pytest.approx(likelihood.mean())
    assert model.ll_std == pytest.approx(likelihood.std())


def test_scaling_none_fits_raw_axes() -> None:
    rows, model = gmm(scaling="none")
    plain = GaussianMixture(4, random_state=3).fit(rows.astype(float))
    assert model.mean.tolist() == [0.0] * 4
    assert model.scale.tolist() == [1.0] * 4
    assert model.means == pytest.approx(plain.means_)


def test_what_scikit_learn_warns_of_is_passed_on() -> None:
    rows = blobs(60, 2, seed=5)
    rows[:, 1] = rows[:, 0] * 3
    fitted = fit(TRAINERS["anomaly-gmm"], np.repeat(rows, 3, axis=0), 30)
    converged = fitted.metrics["converged"]
    assert bool(fitted.warnings) is not bool(converged)


def test_a_fit_that_breaks_down_names_the_remedy() -> None:
    rows = blobs(30, 2) * np.float32(1e8)
    rows[:, 1] = rows[:, 0] * 3
    with pytest.raises(TrainingError, match="smaller clusterCount"):
        fit(TRAINERS["anomaly-gmm"], rows, 8, scaling="none")
