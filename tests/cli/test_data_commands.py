"""``trainerd projects``, ``samples`` and ``delete`` against a running daemon, and without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import result_of, trainerd, write_table
from tests.harness import Broker, Daemon


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    config = "[data.projects.2]\nmax_mb = 7\n"
    daemon = Daemon(tmp_path_factory.mktemp("data-cli"), broker.port, device="data-cli", config=config)
    try:
        daemon.start()
        for project, name in (("1", "idle.monday.csv"), ("2", "plain.csv")):
            table = write_table(daemon.directory / name, rows=20)
            assert trainerd("import", project, table, config=daemon.config_file).returncode == 0
        yield daemon
    finally:
        daemon.stop()


def listed(served: Daemon, *arguments: str | Path) -> Any:
    return result_of(trainerd(*arguments, "--json", config=served.config_file))


def test_what_is_stored_is_listed(served: Daemon) -> None:
    found = listed(served, "projects")
    assert [(project["id"], project["dataSummary"]["training"]["rows"]) for project in found] == [
        (1, 20),
        (2, 20),
    ]
    table = trainerd("projects", config=served.config_file).stdout.splitlines()
    assert table[0].split()[:3] == ["project", "training", "rows"] and table[2].split()[:5] == [
        "2",
        "20",
        "0",
        "0",
        "0.0",
    ]
    assert table[2].split()[5] == "7"
    samples = listed(served, "samples", "1", "--limit", "3", "--offset", "2")
    assert [(sample["label"], sample["valuesCount"]) for sample in samples] == [("idle", 1)] * 3
    shown = trainerd("samples", "1", "--limit", "3", config=served.config_file)
    assert len(shown.stdout.splitlines()) == 4 and "17 more: --offset 3" in shown.stderr
    unknown = trainerd("samples", "9", config=served.config_file)
    assert unknown.returncode == 2 and "project 9 is not known" in unknown.stderr


def test_samples_categories_and_projects_are_deleted(served: Daemon) -> None:
    first = [sample["id"] for sample in listed(served, "samples", "1")]
    done = trainerd("delete", "1", str(first[3]), str(first[5]), config=served.config_file)
    assert done.returncode == 0 and f"sample {first[3]} is deleted" in done.stdout
    left = [sample["id"] for sample in listed(served, "samples", "1")]
    assert left == [sample for sample in first if sample not in (first[3], first[5])]
    again = trainerd("delete", "1", str(first[3]), config=served.config_file)
    assert again.returncode == 2 and f"no sample {first[3]}" in again.stderr
    assert trainerd("delete", "1", "--category", "training", config=served.config_file).returncode == 0
    assert listed(served, "samples", "1") == []
    assert trainerd("delete", "1", "--everything", config=served.config_file).returncode == 0
    assert [project["id"] for project in listed(served, "projects")] == [2]


@pytest.mark.parametrize("arguments", [(), ("5", "--everything"), ("--everything", "--category", "testing")])
def test_what_is_to_be_deleted_is_said_once(served: Daemon, arguments: tuple[str, ...]) -> None:
    refused = trainerd("delete", "2", *arguments, config=served.config_file)
    assert refused.returncode == 2 and "one of them" in refused.stderr


def test_without_a_daemon_it_lists_and_deletes_nothing(served: Daemon) -> None:
    served.stop()
    try:
        assert [project["id"] for project in listed(served, "projects")] == [2]
        refused = trainerd("delete", "2", "--everything", config=served.config_file)
        assert refused.returncode == 1 and "no daemon answers" in refused.stderr
    finally:
        served.start()
