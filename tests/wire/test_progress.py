"""How far a job is, out of what its worker says."""

from __future__ import annotations

import itertools

from daemon.wire.worker import DEPLOY_SPANS, STAGE_SPANS, Progress, overall


def test_a_package_fills_the_whole_of_its_job() -> None:
    assert [overall(Progress("build", fraction)) for fraction in (0.0, 0.5, 1.0)] == [0.0, 0.5, 1.0]


def test_a_training_rises_from_stage_to_stage() -> None:
    told = [overall(Progress(stage, fraction)) for stage in STAGE_SPANS for fraction in (0.0, 1.0)]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_a_deployment_rises_from_target_to_target() -> None:
    steps = itertools.product(range(3), DEPLOY_SPANS, (0.0, 0.3, 1.0))
    told = [overall(Progress(stage, fraction, target=(number, 3))) for number, stage, fraction in steps]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
