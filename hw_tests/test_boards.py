"""What a board does with the models that it gets: the same on every board, emulated or real."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import update_slot, verify
from daemon.errors import ArchitectureMismatch, BoardRefused, ModelTooLarge
from firmware_export.blob import Blob
from hw_tests.hardware import LEARN, PROJECT, Hardware
from hw_tests.models import DEPLOYABLES, KEY, Deployable, dense, gmm, kmeans

ROWS = 60
PATIENCE_S = 30.0


def nothing(_: object) -> None:
    """Hear without a word."""


def sign(message: bytes) -> bytes:
    """Sign with the key that the boards trust."""
    return KEY.sign(message).signature


def blob(model: Deployable) -> Blob:
    """A model as it goes into a slot."""
    return model.firmware.blob(PROJECT, LEARN, model.version)


def need_slots(hardware: Hardware) -> None:
    """Leave a test out on boards without slots."""
    if not hardware.has_slots:
        pytest.skip(f"{hardware.name} has no slots: models come with the firmware")


def check(session: BoardSession, model: Deployable) -> None:
    """See that a model runs: by what the board says and by what it computes."""
    info = session.info()
    assert (info.project_id, info.learn_id, info.version) == (PROJECT, LEARN, model.version)
    assert info.confirmed
    inputs = model.rows(ROWS)
    assert session.run(inputs, info) == model.answer(inputs)


@pytest.mark.parametrize("kind", DEPLOYABLES)
def test_a_model_in_the_firmware_computes_what_the_oracle_does(hardware: Hardware, kind: str) -> None:
    model = DEPLOYABLES[kind](1)
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        assert verify(session, session.info(), blob(model)) == len(model.firmware.inputs)
        check(session, model)


@pytest.mark.parametrize("make", [kmeans, gmm, dense])
def test_update_reset_roll_back(hardware: Hardware, make: Callable[[int], Deployable]) -> None:
    need_slots(hardware)
    first, second, third = (make(version) for version in (1, 2, 3))
    with hardware.running(first) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        for model in (second, third, second):
            update_slot(session, blob(model), sign, nothing)
            check(session, model)
        session.reset()
        check(session, second)
        (factory,) = [image["hash"] for image in session.images() if image["slot"] == 2]
        session.confirm(factory)
        check(session, first)


def test_rows_of_the_sensor_come_once_each_with_their_scores(hardware: Hardware) -> None:
    if not hardware.has_sensor:
        pytest.skip(f"{hardware.name} has no sensor")
    model = kmeans()
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        session.sample_every(5)
        size = 4 * session.info().row_inputs
        features, outputs, following = b"", b"", 0
        deadline = time.monotonic() + PATIENCE_S
        while len(outputs) < 4 * ROWS and time.monotonic() < deadline:
            found = session.samples(following)
            assert found.first == following + found.dropped
            assert found.dropped == 0 or following > 0 or found.first > 0
            if found.dropped:
                features, outputs = b"", b""
            features, outputs = features + found.inputs, outputs + found.outputs
            following = found.first + len(found.inputs) // size
        session.sample_every(0)
        assert len(outputs) >= 4 * ROWS
        assert len(features) // size == len(outputs) // 4
        scores = {score for (score,) in struct.iter_unpack("<i", outputs)}
        assert len(scores) > 1


def test_a_model_of_another_shape_is_refused_before_it_is_sent(hardware: Hardware) -> None:
    model = kmeans()
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        with pytest.raises(ArchitectureMismatch, match="another shape"):
            update_slot(session, blob(gmm(2)), sign, nothing)
        check(session, model)


def test_a_board_without_slots_says_so(hardware: Hardware) -> None:
    if hardware.has_slots:
        pytest.skip(f"{hardware.name} has slots")
    model = kmeans()
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        with pytest.raises(BoardRefused, match="no slots"):
            update_slot(session, blob(kmeans(2)), sign, nothing)
        check(session, model)


def test_a_model_larger_than_a_slot_is_told_before_it_is_sent(hardware: Hardware) -> None:
    need_slots(hardware)
    model = kmeans()
    large = Blob(**{**vars(blob(kmeans(2))), "params": bytes(1 << 17)})
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        with pytest.raises(ModelTooLarge, match=r"takes \d+ bytes"):
            update_slot(session, large, sign, nothing)
        check(session, model)


def test_a_replayed_and_a_forged_model_are_refused(hardware: Hardware) -> None:
    need_slots(hardware)
    model = kmeans()
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        update_slot(session, blob(kmeans(2)), sign, nothing)
        replayed = blob(kmeans(3)).with_sequence(1)
        session.upload(replayed.signed(sign), nothing)
        with pytest.raises(BoardRefused, match="sequence"):
            session.test(replayed.digest())
        forged = blob(kmeans(3)).with_sequence(9)
        session.upload(forged.message() + bytes(64), nothing)
        with pytest.raises(BoardRefused, match="signature"):
            session.test(forged.digest())
        check(session, kmeans(2))
