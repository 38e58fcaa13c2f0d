"""Integer models of real data keep to what users are promised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.anomaly_sets import AnomalySet, anomaly_sets
from daemon.evaluation import suggest_threshold
from daemon.models.anomaly import GmmModel
from daemon.quantize.agreement import roc_auc
from daemon.quantize.gate import choose
from daemon.trainers.base import AnomalyTask, load_trainer
from daemon.trainers.table import TRAINERS


@pytest.mark.parametrize("data", list(anomaly_sets()), ids=lambda data: data.name)
@pytest.mark.parametrize(("kind", "clusters"), [("anomaly", 8), ("anomaly", 20), ("anomaly-gmm", 4)])
def test_the_integer_model_decides_and_ranks_as_the_float_model(
    data: AnomalySet, kind: str, clusters: int
) -> None:
    entry = TRAINERS[kind]
    options = {name: values[0] for name, values in entry.options.items()}
    axes = np.arange(data.train.shape[1], dtype=np.uint16)
    train = data.train[:1500]
    model = load_trainer(entry).fit(AnomalyTask(axes, train, clusters, options, 3)).model
    model = replace(model, threshold=suggest_threshold(model.score(train)))
    integer, report = choose(model, train)
    assert report.passed

    wanted, got = model.score(data.test), integer.score(data.test)
    labels = data.labels == 1
    assert abs(roc_auc(got, labels) - roc_auc(wanted, labels)) <= 0.005
    assert np.mean(integer.is_anomaly(data.test) == (wanted >= model.threshold)) >= 0.99
    assert np.mean(integer.is_anomaly(train)) <= 0.02
    if isinstance(model, GmmModel):
        error = np.median(np.abs(integer.score(train) - model.score(train))) * model.ll_std
        assert error <= 0.3
