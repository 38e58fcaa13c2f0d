"""A broker that goes, stops, forgets and refuses."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from daemon.local_api import LocalClient
from tests.harness import Broker, wait_until
from tests.reliability.scenes import REQUEST_ID, MakeDaemon, retained
from tests.scenario import KMEANS, TRAIN, carried, properties, train, train_path, wait_for_end

pytestmark = pytest.mark.misfortune


@pytest.mark.parametrize(
    ("persistence", "end"),
    [(False, "kill"), (True, "kill"), (True, "stop")],
    ids=["forgetful-kill", "persistent-kill", "persistent-stop"],
)
def test_the_broker_goes_during_a_job(
    make_daemon: MakeDaemon, tmp_path: Path, persistence: bool, end: str
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    kept = ("persistence true", f"persistence_location {folder}/") if persistence else ()
    broker = Broker(folder, settings=(f"user {getpass.getuser()}", *kept)).start()
    daemon = make_daemon(broker.port)
    try:
        daemon.start()
        with daemon.client() as client:
            job_id = train(client, request_id=REQUEST_ID)
        getattr(broker, end)()
        # The job goes on and ends while nobody can hear of it.
        local = LocalClient(daemon.socket)
        local.open()
        wait_until(
            "its end", lambda: local.request("get", f"api/1/jobs/{job_id}/status")[1]["job"]["finished"]
        )
        local.close()
        broker.start()
        with daemon.client() as client:
            client.subscribe(f"{client.root}/#")
            job = wait_for_end(client, job_id)
            assert job["state"] == "SUCCEEDED"
            client.wait_for("online", lambda m: m.topic.endswith("/state") and b"online" in m.payload)
            wait_until("a model", lambda: f"projects/1/models/{KMEANS}" in retained(daemon))
            assert retained(daemon)[f"jobs/{job_id}/status"] == job
            assert [found["id"] for found in client.request("get", "jobs").body["jobs"]] == [job_id]
    finally:
        daemon.stop()
        broker.stop()


def test_a_daemon_starts_without_its_broker_and_finds_it_later(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    folder = tmp_path / "late"
    folder.mkdir()
    broker = Broker(folder).start()
    broker.stop()
    daemon = make_daemon(broker.port)
    daemon.start(wait=False)
    try:
        wait_until("the local socket", daemon.socket.exists)
        local = LocalClient(daemon.socket)
        local.open()
        status, body = local.request("post", train_path(), TRAIN)
        assert status == 200
        wait_until(
            "its end", lambda: local.request("get", f"api/1/jobs/{body['id']}/status")[1]["job"]["finished"]
        )
        local.close()
        broker.start()
        daemon.wait_online()
        assert retained(daemon)[f"jobs/{body['id']}/status"]["state"] == "SUCCEEDED"
    finally:
        daemon.stop()
        broker.stop()


def test_a_flood_of_requests_is_answered_in_order_each_once(make_daemon: MakeDaemon) -> None:
    """Many more than the broker may send at once, and than the device may have in flight."""
    daemon = make_daemon()
    daemon.start()
    count = 300
    with daemon.client() as client:
        topic = f"{client.reply_topic}/flood"
        for number in range(count):
            client.paho.publish(
                f"{client.root}/post/api/1/training/anomaly/{KMEANS}",
                json.dumps({"clusterCount": number + 1}),
                1,
                properties=properties(ResponseTopic=topic, CorrelationData=str(number).encode()),
            )

        def answers() -> list[int]:
            return [int(carried(m).CorrelationData) for m in list(client.seen) if m.topic == topic]

        wait_until("all answers", lambda: len(answers()) >= count)
        assert answers() == list(range(count))
        settings = client.request("get", f"api/1/training/anomaly/{KMEANS}").body
        assert settings["clusterCount"] == count


def test_a_reply_that_the_broker_refuses_holds_nothing_up(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    folder.mkdir()
    rules = folder / "acl"
    rules.write_text("topic readwrite trainerd/#\ntopic deny trainerd/reply/forbidden/#\n")
    # Without a limit, Mosquitto 2.0.11 ends the connection of whom it refuses a publication.
    settings = (f"user {getpass.getuser()}", f"acl_file {rules}", "max_queued_messages 1000")
    broker = Broker(folder, settings=settings).start()
    daemon = make_daemon(broker.port)
    try:
        daemon.start()
        with daemon.client() as client:
            for number in range(30):
                client.publish(
                    f"{client.root}/post/api/1/training/anomaly/{KMEANS}",
                    json.dumps({"clusterCount": 5}),
                    properties=properties(
                        ResponseTopic="trainerd/reply/forbidden/x", CorrelationData=str(number).encode()
                    ),
                )
            assert client.request("get", "status").status == 200
            assert (
                client.request("post", f"api/1/training/anomaly/{KMEANS}", {"clusterCount": 6}).status == 200
            )
        # Nothing waits for the next connection either.
        assert daemon.stop() == 0
        daemon.start()
        assert "Traceback" not in daemon.log()
    finally:
        daemon.stop()
        broker.stop()
