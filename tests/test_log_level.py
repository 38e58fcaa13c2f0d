"""How much is logged, changed while the daemon runs."""

from __future__ import annotations

from daemon.routes import find
from tests.cli.command import trainerd
from tests.harness import Daemon, wait_until
from tests.scenario import set_up_project, train, wait_for_end


def test_the_level_is_set_over_mqtt_and_by_the_command_line(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        assert client.request("get", "log-level").body["level"] == "info"
        assert client.request("post", "log-level", {"level": "error"}).body["level"] == "error"
        wait_for_end(client, train(client))
        assert "is SUCCEEDED" not in daemon.log()
        said = trainerd("log-level", "debug", config=daemon.config_file)
        assert (said.returncode, said.stdout) == (0, "debug\n")
        wait_for_end(client, train(client))
        wait_until("the job's end in the log", lambda: "is SUCCEEDED" in daemon.log())
        refused = client.request("post", "log-level", {"level": "loud"})
        assert (refused.status, refused.body["code"]) == (400, "invalid_member")
    assert trainerd("log-level", config=daemon.config_file).stdout == "debug\n"
    assert trainerd("log-level", "loud", config=daemon.config_file).returncode == 2


def test_it_takes_an_administrator() -> None:
    assert find("post", "log-level")[0].role == "admin"
