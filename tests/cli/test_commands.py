"""Commands against a running daemon, over its local socket."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import IMPULSE, result_of, trainerd, write_table
from tests.harness import Broker, Daemon

REQUEST = {
    "axes": [0, 1, 2],
    "clusterCount": 3,
    "minimumConfidenceRating": 0.3,
    "skipEmbeddingsAndMemory": True,
}


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for the tests of this file; each uses a project of its own."""
    daemon = Daemon(tmp_path_factory.mktemp("cli"), broker.port, device="cli")
    try:
        yield daemon.start()
    finally:
        daemon.stop()


@pytest.fixture(scope="module")
def trained(served: Daemon) -> int:
    """Project 1 of `served`, with two versions of learn block 7; the id of the second job."""
    trainerd("import", "1", write_table(served.directory / "normal.csv"), config=served.config_file)
    define(served, 1)
    for _ in range(2):
        done = train(served, 1, "--watch", "--json")
        assert result_of(done)["state"] == "SUCCEEDED"
    return int(json.loads(done.stdout)["id"])


def define(daemon: Daemon, project: int) -> None:
    with daemon.client() as client:
        assert client.request("post", f"api/{project}/impulse", IMPULSE).status == 200


def train(
    daemon: Daemon, project: int, *options: str, body: object = None
) -> subprocess.CompletedProcess[str]:
    text = json.dumps(REQUEST if body is None else body)
    return trainerd(
        "train", "anomaly", str(project), "7", "--body", "-", *options, config=daemon.config_file, stdin=text
    )


def test_a_network_is_asked_for_with_what_is_stored_and_what_has_no_effect_is_said(served: Daemon) -> None:
    lines = [f"{row % 7},{row % 3},{'abc'[row % 3]}" for row in range(30)]
    table = served.directory / "kinds.csv"
    table.write_text("\n".join(["x,y,kind", *lines]) + "\n")
    trainerd("import", "9", table, "--label-column", "kind", config=served.config_file)
    blocks = [{"id": 7, "type": "keras", "name": "kinds", "dsp": [2]}]
    with served.client() as client:
        assert client.request("post", "api/9/impulse", {**IMPULSE, "learnBlocks": blocks}).status == 200

    def ask(body: dict[str, object]) -> subprocess.CompletedProcess[str]:
        text = json.dumps(body)
        return trainerd("train", "keras", "9", "7", "--body", "-", config=served.config_file, stdin=text)

    refused = ask({"trainingCycles": 0})
    assert refused.returncode == 2
    assert "trainingCycles: expected" in refused.stderr
    asked = ask({"trainingCycles": 5, "anomalyCapacity": "low"})
    assert "anomalyCapacity has no effect: only visual anomaly detection has it" in asked.stderr
    job = re.findall(r"^job (\d+); follow it with: trainerd watch", asked.stdout)[0]
    trainerd("cancel", job, config=served.config_file)
    with served.client() as client:
        assert client.request("get", "api/9/training/keras/7").body["trainingCycles"] == 5


def samples(daemon: Daemon, project: int, category: str = "training") -> int:
    with daemon.client() as client:
        reply = client.request("get", f"api/{project}/raw-data", {"category": category})
    return int(reply.body["totalCount"])


def test_importing_a_file_twice_adds_nothing(served: Daemon, tmp_path: Path) -> None:
    file = write_table(tmp_path / "normal.csv")
    first = result_of(trainerd("import", "2", file, "--json", config=served.config_file))
    again = result_of(trainerd("import", "2", file, "--json", config=served.config_file))
    assert again == [{**first[0], "rowsAdded": 0}]
    assert first[0]["rows"] == first[0]["rowsAdded"] == 300
    said = trainerd("import", "2", file, config=served.config_file)
    assert (said.returncode, said.stdout.splitlines()[-1]) == (
        0,
        f"{file} was imported already: nothing was added",
    )
    assert first[0]["columns"] == ["a", "b", "c"]
    assert samples(served, 2) == 300
    # Another category or another label is another import.
    trainerd("import", "2", file, "--category", "testing", config=served.config_file)
    labelled = trainerd("import", "2", file, "--label", "ok", config=served.config_file)
    assert "already" not in labelled.stdout
    assert samples(served, 2, "testing") == 300
    assert samples(served, 2) == 600


def test_nothing_is_imported_when_one_file_is_wrong(served: Daemon, tmp_path: Path) -> None:
    good, bad = write_table(tmp_path / "good.csv"), tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n3,inf\n")
    done = trainerd("import", "3", good, bad, config=served.config_file)
    assert done.returncode == 2
    assert f"nothing was imported: {bad}: line 3, column b: inf is not a number" in done.stderr
    assert samples(served, 3) == 0


def test_a_large_table_goes_in_parts_and_a_recording_stays_whole(served: Daemon, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "table.npz", X=rng.normal(size=(40_000, 30)), y=np.arange(40_000) % 3)
    np.savez(tmp_path / "wave.npz", X=rng.normal(size=(1, 400_000, 3)), interval_ms=2.5)
    (table,) = result_of(trainerd("import", "4", tmp_path / "table.npz", "--json", config=served.config_file))
    assert len(table["sampleIds"]) > 1
    assert table["rows"] == table["rowsAdded"] == 40_000
    (wave,) = result_of(trainerd("import", "5", tmp_path / "wave.npz", "--json", config=served.config_file))
    assert len(wave["sampleIds"]) == 1
    assert wave["kind"] == "time-series"


def test_label_and_label_column_exclude_each_other(served: Daemon, tmp_path: Path) -> None:
    file = write_table(tmp_path / "x.csv")
    done = trainerd("import", "2", file, "--label", "x", "--label-column", "a", config=served.config_file)
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_a_training_is_watched_to_its_end(served: Daemon, trained: int) -> None:
    done = trainerd("watch", str(trained), config=served.config_file)
    assert done.returncode == 0
    assert f"job {trained} SUCCEEDED" in done.stdout
    (job,) = [
        job
        for job in result_of(trainerd("jobs", "--project", "1", "--json", config=served.config_file))
        if job["id"] == trained
    ]
    assert job["state"] == "SUCCEEDED"
    listing = trainerd("jobs", config=served.config_file).stdout
    assert re.search(rf"^{trained} .*SUCCEEDED", listing, re.MULTILINE)
    assert result_of(trainerd("jobs", "--open", "--json", config=served.config_file)) == []


def test_progress_goes_to_standard_error_as_lines(served: Daemon, trained: int) -> None:
    done = train(served, 1, "--watch")
    assert done.returncode == 0
    assert "SUCCEEDED" in done.stdout
    assert "%" in done.stderr
    assert "%" not in done.stdout
    assert "\r" not in done.stderr


def test_progress_is_a_bar_on_a_terminal(served: Daemon, trained: int) -> None:
    body = served.directory / "request.json"
    body.write_text(json.dumps(REQUEST))
    command = ("train", "anomaly", "1", "7", "--config", str(served.config_file))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", *command, "--watch", "--body", str(body)],
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
    os.close(ours)
    assert process.stdout is not None
    assert b"SUCCEEDED" in process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    assert re.search(r"\r\x1b\[K\w+ +\[[█·]{28}\] +\d+%", shown.decode())
    assert re.search(r"\x1b\[K\[█{28}\] 100%  SUCCEEDED\r\n$", shown.decode())


def test_a_training_without_body_takes_the_stored_settings(served: Daemon, trained: int) -> None:
    done = trainerd("train", "anomaly", "1", "7", "--watch", "--json", config=served.config_file)
    assert result_of(done)["state"] == "SUCCEEDED"


def test_a_training_without_body_leaves_the_threshold_to_what_is_stored_or_suggested(
    served: Daemon, tmp_path: Path
) -> None:
    settings = "api/12/training/anomaly/8"
    trainerd("import", "12", write_table(tmp_path / "normal.csv"), config=served.config_file)
    define(served, 12)
    with served.client() as client:
        assert client.request("post", settings, {"clusterCount": 3}).status == 200
        for _ in range(2):  # the second must not take the first one's suggestion for a choice
            done = trainerd("train", "anomaly", "12", "8", "--watch", "--json", config=served.config_file)
            result = result_of(done)["result"]
            assert (result["thresholdSource"], result["clusterCount"]) == ("suggested", 3)
            assert max(metrics["trainingFlagged"] for metrics in result["metrics"].values()) <= 0.02
        chosen = {"thresholds": [{"key": "min_anomaly_score", "value": 4.0}]}
        assert client.request("post", settings, chosen).status == 200
    done = trainerd("train", "anomaly", "12", "8", "--watch", "--json", config=served.config_file)
    result = result_of(done)["result"]
    assert (result["thresholdSource"], result["threshold"]) == ("learn block", 4.0)


def test_a_job_that_fails_ends_with_1_and_says_why(served: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("a,b,c\n1,2,3\n1,2,3\n1,2,3\n1,2,3\n")
    trainerd("import", "6", file, config=served.config_file)
    define(served, 6)
    done = train(served, 6, "--watch")
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "clusterCount" in done.stdout


def test_a_refused_request_ends_with_2_and_the_daemons_words(served: Daemon, trained: int) -> None:
    done = train(served, 1, body={**REQUEST, "axis": [1]})
    assert done.returncode == 2
    assert "axis" in done.stderr
    assert "did you mean axes?" in done.stderr
    assert train(served, 999).returncode == 2
    broken = trainerd("train", "anomaly", "1", "7", "--body", "-", config=served.config_file, stdin="{")
    assert broken.returncode == 2


def test_models_are_listed_and_rolled_back(served: Daemon, trained: int) -> None:
    (current,) = result_of(trainerd("models", "1", "--json", config=served.config_file))
    versions = result_of(trainerd("models", "1", "7", "--json", config=served.config_file))
    assert current["version"] == versions[-1]["version"]
    assert current["name"] == "kmeans"
    back = trainerd("rollback", "1", "7", config=served.config_file)
    assert back.returncode == 0
    assert f"version {versions[-2]['version']} is in use" in back.stdout
    listing = trainerd("models", "1", "7", config=served.config_file).stdout
    assert re.search(rf"^ *7 +{versions[-2]['version']} +current +kmeans", listing, re.MULTILINE)
    forward = trainerd(
        "rollback", "1", "7", str(versions[-1]["version"]), "--json", config=served.config_file
    )
    assert result_of(forward)["version"] == versions[-1]["version"]
    assert trainerd("rollback", "1", "7", "99", config=served.config_file).returncode == 2


def test_a_waiting_job_can_be_cancelled(served: Daemon, trained: int) -> None:
    first = result_of(train(served, 1, "--json"))["id"]
    waiting = result_of(train(served, 1, "--json"))["id"]
    done = trainerd("cancel", str(waiting), config=served.config_file)
    assert done.returncode == 0, done.stderr
    watched = trainerd("watch", str(waiting), config=served.config_file)
    assert watched.returncode == 1
    assert f"job {waiting} CANCELED" in watched.stdout
    assert trainerd("watch", str(first), config=served.config_file).returncode == 0
    assert trainerd("cancel", str(waiting), config=served.config_file).returncode == 2


def test_an_unknown_project_has_no_models_to_list(served: Daemon, tmp_path: Path) -> None:
    done = trainerd("models", "77", config=served.config_file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "project 77 is not known" in done.stderr
    # One that is known and has none yet, and ATK's, which is always there.
    define(served, 8)
    trainerd("import", "9", write_table(tmp_path / "x.csv"), config=served.config_file)
    for known in ("8", "9", "0"):
        assert result_of(trainerd("models", known, "--json", config=served.config_file)) == []


def test_an_unknown_job_is_a_wrong_call(served: Daemon) -> None:
    done = trainerd("watch", "1", config=served.config_file)
    assert done.returncode == 2
    assert "job 1 is not known" in done.stderr
