"""What cannot be done with the memory and in the time that there is, is refused with the figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.errors import JobTimedOut
from daemon.networks import progress
from daemon.networks.progress import EpochTeller
from daemon.trainers.keras.fit import Epoch
from tests.harness import Broker, Client, Daemon
from tests.keras_api.project import DIGITS, digits, send, set_up, train_path
from tests.networks.plant import Heard


@pytest.fixture(scope="module")
def client(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a daemon whose workers may use 300 MiB."""
    directory = tmp_path_factory.mktemp("limits")
    daemon = Daemon(directory, broker.port, device="limits", config="[worker]\nmemory_mb = 300\n")
    try:
        with daemon.start().client() as connected:
            set_up(connected, DIGITS, digits(100))
            yield connected
    finally:
        daemon.stop()


def test_a_network_that_is_too_large_is_refused_when_it_is_asked_for(client: Client) -> None:
    wide = {"visualLayers": [{"type": "dense", "neurons": 2000}, {"type": "dense", "neurons": 2000}]}
    reply = client.request("post", train_path(), wide)
    assert (reply.status, reply.body["code"]) == (409, "conflict")
    assert reply.body["error"].startswith("the training needs about 866 MiB (TensorFlow 270, weights 594, ")
    assert "a worker may use 300 MiB" in reply.body["error"] and "worker.memory_mb" in reply.body["error"]
    assert client.request("get", f"api/{DIGITS}/jobs").body["jobs"] == []
    stored = client.request("get", f"api/{DIGITS}/training/keras/9").body
    assert stored["visualLayers"] != wide["visualLayers"]


def test_a_network_that_fits_is_taken(client: Client) -> None:
    job_id = send(client, train_path(), {"trainingCycles": 100_000})["id"]
    send(client, f"api/{DIGITS}/jobs/{job_id}/cancel", {})


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def epoch(number: int, eta_s: float) -> Epoch:
    return Epoch(number, 1000, {"loss": 0.5, "val_loss": 0.4}, number, eta_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_a_fit_that_cannot_be_done_in_time_ends_early(clock: Clock) -> None:
    heard = Heard()
    tell = EpochTeller(heard, seconds=60, _began=clock.now)
    # In the first seconds nothing is certain.
    clock.now += 5
    tell(epoch(1, 900))
    clock.now += 6
    with pytest.raises(JobTimedOut) as ended:
        tell(epoch(2, 900))
    assert str(ended.value) == (
        "trainingCycles: after 2 of 1000, all of them would take about 911 s; jobs.timeout_s leaves 60: "
        "use fewer, or raise it"
    )
    assert [(step.epoch, step.epochs, step.eta_s) for step in heard.told] == [(1, 1000, 900), (2, 1000, 900)]


@pytest.mark.parametrize("seconds", [60.0, None])
def test_a_fit_that_may_be_done_in_time_goes_on(clock: Clock, seconds: float | None) -> None:
    """A fifth over the time may be the noise of a busy machine; the worker's end is the last word."""
    tell = EpochTeller(Heard(), seconds=seconds, _began=clock.now)
    clock.now += 20
    tell(epoch(300, 51))
