"""Bad links: half-open, slow, cut, with messages that come twice or in another order."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.harness import Broker, Client, wait_until
from tests.reliability.proxy import Mischief, Proxy, Shuffle, repeat
from tests.reliability.scenes import REQUEST_ID, MakeDaemon, check_single_end, retained
from tests.scenario import KMEANS, acquisition, properties, train, wait_for_end

pytestmark = pytest.mark.misfortune


@pytest.fixture
def link(broker: Broker) -> Iterator[Proxy]:
    """The device's link to the broker; its controllers have a good one of their own."""
    with Proxy(broker.port) as proxy:
        yield proxy


def client_of(device: str, broker: Broker) -> Client:
    return Client(broker.port, device)


def samples(client: Client, project: int) -> int:
    return int(client.request("get", f"api/{project}/raw-data", {"category": "training"}).body["totalCount"])


def test_a_half_open_connection_is_given_up_and_nothing_is_lost(
    make_daemon: MakeDaemon, broker: Broker, link: Proxy
) -> None:
    """Both ends believe in a connection that carries nothing: only the keep-alive can tell."""
    daemon = make_daemon(link.port, config="keepalive_s = 5\n")
    daemon.start()
    with client_of(daemon.device, broker) as client:
        client.subscribe(f"{client.root}/jobs/#")
        link.silent = True
        # The broker has it, and holds it for the device.
        reply_topic = f"{client.reply_topic}/fixed"
        body = json.dumps(acquisition([[1, 2, 3]]))
        client.publish(
            f"{client.root}/post/api/9/training/data",
            body,
            properties=properties(ResponseTopic=reply_topic, CorrelationData=b"held"),
        )
        wait_until("the loss to be noticed", lambda: "connection to the broker is lost" in daemon.log(), 60)
        link.silent = False
        client.wait_for("the reply", lambda message: message.topic == reply_topic)
        job = wait_for_end(client, train(client, request_id=REQUEST_ID))
        check_single_end(client, daemon, job)
        assert samples(client, 9) == 1


def test_a_slow_link_carries_a_job_to_its_end(make_daemon: MakeDaemon, broker: Broker, link: Proxy) -> None:
    """As slow as a bad radio link: 8 kB/s each way."""
    daemon = make_daemon(link.port)
    link.bytes_per_s = 8000
    daemon.start()
    with client_of(daemon.device, broker) as client:
        client.subscribe(f"{client.root}/jobs/#")
        rows = [[number, 2, 3] for number in range(2000)]
        assert client.request("post", "api/9/training/data", acquisition(rows)).status == 200
        job = wait_for_end(client, train(client, request_id=REQUEST_ID))
        assert job["state"] == "SUCCEEDED"
        check_single_end(client, daemon, job)
        assert samples(client, 9) == len(rows)


def test_a_link_that_is_cut_again_and_again_loses_and_repeats_nothing(
    make_daemon: MakeDaemon, broker: Broker, link: Proxy
) -> None:
    daemon = make_daemon(link.port)
    daemon.start()
    count = 30
    with client_of(daemon.device, broker) as client:
        for number in range(count):
            # Without an id: only the broker's own word tells a repetition from another request.
            client.publish(
                f"{client.root}/post/api/9/training/data", json.dumps(acquisition([[number, 2, 3]]))
            )
            if number % 10 == 5:
                link.cut()
        daemon.wait_online()
        wait_until("all to be served", lambda: samples(client, 9) >= count)
        assert samples(client, 9) == count
        wait_until("the state to be right", lambda: retained(daemon)["state"]["state"] == "online")


@pytest.mark.parametrize("mischief", [repeat, Shuffle()], ids=["repeated", "repeated and reordered"])
def test_what_is_delivered_twice_or_in_another_order_is_served_once(
    make_daemon: MakeDaemon, broker: Broker, link: Proxy, mischief: Mischief
) -> None:
    daemon = make_daemon(link.port)
    daemon.start()
    link.mischief = mischief
    count = 20
    with client_of(daemon.device, broker) as client:
        client.subscribe(f"{client.root}/jobs/#")
        for number in range(count):
            identity = {"CorrelationData": str(number).encode()} if number % 2 else {}
            client.publish(
                f"{client.root}/post/api/9/training/data",
                json.dumps(acquisition([[number, 2, 3]])),
                properties=properties(ResponseTopic=f"{client.reply_topic}/twice", **identity),
            )
        replies = f"{client.reply_topic}/twice"
        wait_until("a reply to each", lambda: sum(m.topic == replies for m in list(client.seen)) >= count)
        link.mischief = None
        assert samples(client, 9) == count
        job = wait_for_end(client, train(client, KMEANS, request_id=REQUEST_ID))
        check_single_end(client, daemon, job)
