"""Gaussian mixture with full covariances; the score is |z| of the log-likelihood, as Edge Impulse's is.

Unlike Edge Impulse's it is fitted on standardised axes: regularising with one number makes sense only
where all axes have the same spread, and int8 needs it (`scaling: none` gives the raw fit).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from daemon.errors import TrainingError
from daemon.models.anomaly import GmmModel
from daemon.trainers.base import AnomalyTask, AnomalyTrainer, Fitted
from daemon.trainers.fitting import reproducible_fit

#: Added to the diagonal of each covariance, in units of the (standardised) axes' variance.
REG_COVAR = 1e-3

#: The same for raw axes: scikit-learn's default, which Edge Impulse uses.
RAW_REG_COVAR = 1e-6

#: Log-likelihoods that deviate by less, in nats, are all alike, as those of rows that each have a component
#: of their own; they are standardised with 1 then, as a constant feature is.
LEAST_DEVIATION = 1e-6


class Trainer(AnomalyTrainer):
    """scikit-learn's Gaussian mixture, started by K-means."""

    def fit(self, task: AnomalyTask) -> Fitted:
        """Fit components, then the mean and deviation of the training rows' log-likelihood."""
        standard = task.options["scaling"] == "standard"
        scaler = StandardScaler(with_mean=standard, with_std=standard).fit(task.rows)
        algorithm = GaussianMixture(
            n_components=task.cluster_count,
            covariance_type="full",
            reg_covar=REG_COVAR if standard else RAW_REG_COVAR,
            random_state=task.seed,
        )
        with reproducible_fit() as warnings:
            try:
                algorithm.fit(scaler.transform(task.rows))
            except ValueError as error:
                raise TrainingError(
                    f"the mixture of {task.cluster_count} components cannot be fitted ({error}): "
                    "choose a smaller clusterCount, other axes, or scaling 'standard'"
                ) from error
        width = task.rows.shape[1]
        model = GmmModel(
            axes=task.axes,
            mean=scaler.mean_ if standard else np.zeros(width),
            scale=scaler.scale_ if standard else np.ones(width),
            weights=algorithm.weights_,
            means=algorithm.means_,
            covariances=algorithm.covariances_,
            ll_mean=0.0,
            ll_std=1.0,
            threshold=0.0,
        )
        likelihood = model.log_likelihood(task.rows)
        deviation = float(likelihood.std())
        return Fitted(
            model=replace(
                model,
                ll_mean=float(likelihood.mean()),
                ll_std=deviation if deviation > LEAST_DEVIATION else 1.0,
            ),
            metrics={
                "logLikelihood": float(likelihood.mean()),
                "iterations": float(algorithm.n_iter_),
                "converged": float(algorithm.converged_),
            },
            warnings=warnings,
        )
