"""``trainerd jobs``, ``watch`` and ``cancel``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from daemon.cli.connection import Daemon, connect
from daemon.cli.ends import CallWrong, WorkFailed
from daemon.cli.options import ID, config_option, json_option, print_json, print_table, short_time
from daemon.cli.progress import Display, Job

#: States that a job does not leave.
TERMINAL = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED"})
#: Seconds between two looks at a job.
_PERIOD_S = 0.25


@click.command()
@click.option("--project", type=click.IntRange(min=0), metavar="PROJECT", help="Only jobs of this project.")
@click.option("--open", "only_open", is_flag=True, help="Only jobs that have not ended.")
@config_option
@json_option
def jobs(project: int | None, only_open: bool, config_path: Path | None, as_json: bool) -> None:
    """List jobs, newest first."""
    found = [
        job
        for job in connect(config_path, offline=True).get("jobs")["jobs"]
        if project in (None, job["projectId"]) and not (only_open and job["state"] in TERMINAL)
    ]
    if as_json:
        print_json(found)
        return
    print_table(
        ("job", "project", "learn", "kind", "state", "stage", "progress", "created (UTC)", "error"),
        [
            (
                job["id"],
                job["projectId"],
                job["learnId"],
                job["key"],
                job["state"],
                job["stage"],
                f"{job['progress']:.0%}",
                short_time(job["created"]),
                (job["error"] or {}).get("code"),
            )
            for job in found
        ],
    )


@click.command()
@click.argument("job", type=ID)
@config_option
@json_option
def watch(job: int, config_path: Path | None, as_json: bool) -> None:
    """Show the progress and the log of JOB until it ends.

    Exit status 1 where the job does not succeed.
    """
    daemon = connect(config_path)
    follow(daemon, _project_of(daemon, job), job, as_json=as_json)


@click.command()
@click.argument("job", type=ID)
@config_option
def cancel(job: int, config_path: Path | None) -> None:
    """Stop JOB, whether it waits or runs."""
    daemon = connect(config_path)
    daemon.post(f"api/{_project_of(daemon, job)}/jobs/{job}/cancel", {})
    click.echo(f"job {job} is being stopped")


def follow(daemon: Daemon, project: int, job_id: int, *, as_json: bool) -> None:
    """Watch a job to its end, print what came of it, and end the command with 1 where it did not succeed."""
    ended = watch_to_end(daemon, project, job_id)
    if as_json:
        print_json(ended)
    else:
        click.echo(f"job {job_id} {ended['state']}")
        if ended["error"] is not None:
            click.echo(f"{ended['error']['code']} in {ended['error']['stage']}: {ended['error']['message']}")
        _print_result(ended["result"] or {})
    if ended["state"] != "SUCCEEDED":
        raise WorkFailed


def tell_started(daemon: Daemon, project: int, job_id: int, *, watch: bool, as_json: bool) -> None:
    """Follow a job that has been started, or say how to."""
    if watch:
        if not as_json:
            click.echo(f"job {job_id}")
        follow(daemon, project, job_id, as_json=as_json)
    elif as_json:
        print_json({"id": job_id})
    else:
        click.echo(f"job {job_id}; follow it with: trainerd watch {job_id}")


def watch_to_end(daemon: Daemon, project: int, job_id: int, title: str = "") -> Job:
    """Show a job's progress and log until it has ended; the job as it ended."""
    display = Display(title)
    shown = 0
    try:
        while True:
            answer = daemon.get(f"api/{project}/jobs/{job_id}/status")
            log = daemon.get(f"api/{project}/jobs/{job_id}/stdout")
            # Only the last lines of a long log are given back.
            for line in log["stdout"][-(log["totalCount"] - shown) or len(log["stdout"]) :]:
                display.log(line["data"])
            shown = log["totalCount"]
            job: Job = answer["job"]
            if job["state"] in TERMINAL:
                display.end(job["state"])
                return job
            display.show({**job, **(answer.get("progress") or {})})
            time.sleep(_PERIOD_S)
    finally:
        display.close()


def _project_of(daemon: Daemon, job_id: int) -> int:
    for job in daemon.get("jobs")["jobs"]:
        if job["id"] == job_id:
            return int(job["projectId"])
    raise CallWrong(f"job {job_id} is not known; `trainerd jobs` lists those that are")


def _print_result(result: dict[str, Any]) -> None:
    plain = {name: value for name, value in result.items() if isinstance(value, (str, int, float))}
    width = max(map(len, plain), default=0)
    for name, value in plain.items():
        click.echo(f"  {name:<{width}}  {value}")
