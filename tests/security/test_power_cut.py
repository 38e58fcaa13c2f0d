"""A signed request whose daemon dies over it: it is served once, and not taken for its own replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness import Broker, Daemon, wait_until
from tests.scenario import TRAIN, properties, train_path, user_properties
from tests.security.conftest import OPS, guard, set_up_signed


@pytest.mark.parametrize(
    ("point", "marks"),
    [
        ("intake.before_commit", {}),
        ("intake.after_commit", {}),
        ("intake.after_commit", {"CorrelationData": b"an id"}),
    ],
)
def test_a_redelivered_request_is_no_replay(
    broker: Broker, tmp_path: Path, point: str, marks: dict[str, bytes]
) -> None:
    daemon = Daemon(
        tmp_path, broker.port, device=f"dies-{len(marks)}-{point[7:]}", config=guard(tmp_path, OPS)
    )
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_signed(client)
            assert daemon.stop() == 0
            daemon.start(environment={"TRAINERD_FAULT": f"{point}:kill"})
            topic = f"{client.reply_topic}/the-one"
            client.publish(
                f"{client.root}/post/{train_path()}",
                json.dumps(OPS.sign(train_path(), TRAIN, device=daemon.device)),
                properties=properties(ResponseTopic=topic, **marks),
            )
            assert daemon.process is not None
            wait_until("the daemon to die", lambda: daemon.process and daemon.process.poll() is not None)
            daemon.start()
            client.wait_for("the reply", lambda message: message.topic == topic)
            # Whatever else would be said of that request is said before this is answered.
            assert client.request("get", "status").status == 200
            replies = [message for message in client.seen if message.topic == topic]
            assert {user_properties(message)["status"] for message in replies} == {"200"}
            ids = {json.loads(message.payload)["id"] for message in replies}
            jobs = [
                job["id"]
                for page in ("jobs", "jobs/history")
                for job in client.request("get", f"api/1/{page}").body["jobs"]
            ]
            assert [*ids] == jobs
    finally:
        daemon.stop()
