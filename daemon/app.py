"""The composition root: builds the objects, wires them, starts and stops them.

Constructors elsewhere do nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import __version__, config, journal, keys, service_manager
from daemon.authority import Authority
from daemon.boards import Boards
from daemon.capabilities import capabilities
from daemon.config import Config
from daemon.config_file import load
from daemon.data.atk_models import AtkModels
from daemon.data.frames import Frames
from daemon.data.index import DataIndex
from daemon.data.projects import Projects
from daemon.data.quota import Quota
from daemon.data.samples import Samples
from daemon.database import Database
from daemon.errors import ConfigError, DatabaseDamaged, DiskUnwritable, SchemaTooNew, TrainerdError
from daemon.handlers.services import Services
from daemon.intake import Intake
from daemon.jobs.job import (
    AKIDA_LEARN,
    ATK_PREDICT,
    ATK_TRAIN,
    BUILD,
    DEPLOY,
    SET_THRESHOLDS,
    TRAIN_ANOMALY,
    TRAIN_KERAS,
)
from daemon.jobs.logs import JobLogs
from daemon.jobs.messages import JobMessages
from daemon.jobs.outbox import Outbox
from daemon.jobs.queue import JobQueue, Runner
from daemon.jobs.requests import RequestStore
from daemon.jobs.store import JobStore
from daemon.local_api import LocalApi
from daemon.models.registry import Registry
from daemon.mqtt_api import MqttApi
from daemon.presence import Presence
from daemon.publisher import Publisher
from daemon.state.disk import DiskWatch
from daemon.state.housekeeping import keep_house
from daemon.state.last_good import LastGood
from daemon.state.lock import locked
from daemon.state.opening import open_database
from daemon.state.repair import loss_told, untold_loss
from daemon.state.reserve import Reserve
from daemon.tidying import Tidying
from daemon.topics import Topics
from daemon.worker.build import BuildRunner
from daemon.worker.prediction import PredictionRunner
from daemon.worker.runner import RunnerByCategory, remove_leftovers, worker_limits
from daemon.worker.spare import SpareWorker
from daemon.worker.training import TrainingRunner

if TYPE_CHECKING:
    from daemon.boards_service import BoardsService

_log = logging.getLogger("daemon")


@dataclass(frozen=True)
class Core:
    """Everything but the transports."""

    services: Services
    intake: Intake
    last_good: LastGood
    spare: SpareWorker | None


@contextmanager
def open_core(settings: Config) -> Iterator[Core]:
    """Open the state directory, with a lock on it, and build what works on it.

    Parameters
    ----------
    settings : Config
        The configuration.

    Raises
    ------
    StateError
        Another process uses the state directory, or a newer version wrote it.
    DiskUnwritable
        Nothing can be written there.
    """
    state = settings.state_path
    state.mkdir(mode=0o750, parents=True, exist_ok=True)
    with locked(state):
        reserve, last_good = Reserve(state / "reserve"), LastGood(state)
        database = open_database(state, reserve, last_good)
        reserve.fill()
        try:
            limits, samples = settings.data, Samples(database)
            registry, jobs = Registry(state), JobStore(database)
            projects = Projects(database, limits.max_projects)
            registry.remove_strays()
            tidying = Tidying(database, projects, registry)
            tidying.remove_deleted()
            frames = Frames(database, max_frames=limits.max_frames, max_mb=limits.max_frames_mb)
            atk_models = AtkModels(database)
            spare = SpareWorker(worker_limits(settings)) if settings.worker.warm else None
            training = TrainingRunner(settings, database, projects, atk_models, registry, spare)
            prediction = PredictionRunner(settings, database, frames, registry)
            queue = JobQueue(
                database,
                jobs,
                RunnerByCategory(
                    {
                        TRAIN_ANOMALY: training,
                        TRAIN_KERAS: training,
                        BUILD: BuildRunner(settings, database, registry),
                        SET_THRESHOLDS: training,
                        AKIDA_LEARN: training,
                        ATK_TRAIN: training,
                        ATK_PREDICT: prediction,
                    },
                    late={DEPLOY: lambda: _deploy_runner(settings, database, registry)},
                ),
                concurrent=settings.jobs.concurrent,
                max_queued=settings.jobs.max_queued,
                keep=settings.jobs.keep,
                reserve=reserve,
            )
            logs = JobLogs(state)
            queue.observers.append(logs)
            services = Services(
                config=settings,
                database=database,
                data=DataIndex(database),
                samples=samples,
                quota=Quota(limits, samples),
                frames=frames,
                projects=projects,
                atk_models=atk_models,
                registry=registry,
                jobs=jobs,
                logs=logs,
                queue=queue,
                presence=Presence(secrets.token_hex(8)),
                boards=Boards(),
                capabilities=capabilities(settings),
            )
            authority = Authority(settings.auth, database)
            intake = Intake(services, RequestStore(database), authority, tidying)
            yield Core(services, intake, last_good, spare)
        finally:
            database.close()


async def serve(settings: Config, config_file: Path) -> None:
    """Run the daemon until it is told to stop.

    Parameters
    ----------
    settings : Config
        The configuration.
    config_file : Path
        Where that is written.

    Raises
    ------
    DatabaseDamaged
        The database has shown damage; the next start repairs it.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with open_core(settings) as core:
        services = core.services
        services.database.on_damage = stop.set
        topics = Topics(settings.mqtt.base_topic, settings.device.id, settings.device.groups)
        publisher = Publisher(services, Outbox(services.database), topics)
        services.queue.observers += [publisher, JobMessages(services.jobs)]
        services.registry.watchers.append(publisher.model_changed)
        services.registry.forgetters.append(publisher.model_forgotten)
        services.boards.watchers.append(publisher.board_changed)
        boards = _boards_service(services, publisher, config_file)
        mqtt = MqttApi(settings, topics, services.database, core.intake, publisher, services.presence)
        local = LocalApi(settings.socket_path, core.intake)
        remove_leftovers(settings.state_path / "work", {job.id for job in services.jobs.open()})
        _tell_of_loss(services.database, publisher)
        services.queue.recover()
        await local.start()
        mqtt.start()
        _log.info("trainerd %s serves %s", __version__, settings.device.id)
        service_manager.notify("READY=1")
        if core.spare is not None:
            await core.spare.get_ready()
        if boards is not None:
            await boards.start()
        disk = DiskWatch(settings.state_path, settings.disk.low_mb, partial(publisher.event, "disk-low"))
        tasks = [
            loop.create_task(service_manager.beat(mqtt.is_alive)),
            loop.create_task(keep_house(services.database, core.last_good, disk)),
        ]
        await stop.wait()
        service_manager.notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        await local.stop()
        await services.queue.stop()
        if boards is not None:
            await boards.stop()
        if core.spare is not None:
            await core.spare.stop()
        await mqtt.stop()
        if services.database.is_suspect:
            raise DatabaseDamaged(f"{services.database.path} is damaged: the next start repairs it")
        core.last_good.keep(services.database)


def _check_targets(path: Path, settings: Config) -> None:
    """Refuse targets that no board can be, where there are any: its facts cost memory."""
    if settings.targets:
        from daemon.deploy.targets import check_targets

        check_targets(path, settings)


def _deploy_runner(settings: Config, database: Database, registry: Registry) -> Runner:
    """What brings models onto boards, at the first job that does: it costs memory."""
    from daemon.worker.deploy import DeployRunner

    return DeployRunner(settings, database, registry)


def _boards_service(services: Services, publisher: Publisher, config_file: Path) -> BoardsService | None:
    """What hears the boards, where there are any: it costs memory."""
    if not services.config.targets:
        return None
    from daemon.boards_service import BoardsService

    return BoardsService(services, publisher, config_file)


def _tell_of_loss(database: Database, publisher: Publisher) -> None:
    """Put what was lost at an opening where it will reach an operator."""
    loss = untold_loss(database)
    if loss is None:
        return
    # Where there is no room, the next start tells.
    with contextlib.suppress(DiskUnwritable), database.transaction():
        publisher.put_event("database-damaged", loss)
        loss_told(database)


def main() -> int:
    """Entry of ``python -m daemon.app``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="trainerd run", description="The training daemon.")
    parser.add_argument("--config", type=Path, default=config.default_path())
    try:
        config_file: Path = parser.parse_args().config
        settings = load(config_file)
        keys.read_keys(settings.auth)
        _check_targets(config_file, settings)
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    logging.basicConfig(level=settings.log.level.upper(), handlers=[journal.log_handler()])
    os.umask(0o027)
    try:
        asyncio.run(serve(settings, config_file))
    except TrainerdError as error:
        _log.critical("%s", error.message)
        # An older version is not made newer by starting it again.
        return 2 if isinstance(error, SchemaTooNew) else 1
    except OSError as error:
        # A directory that may not be written, most likely: the error names it.
        _log.critical("the daemon cannot run: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
