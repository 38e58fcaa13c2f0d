"""A deployment in the worker process: what each target gets, and how; the ports process does the rest."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Protocol

import msgspec

from daemon.deploy.board_line import Hear
from daemon.deploy.boards import Board, load_boards
from daemon.deploy.build import Firmware, build_firmware, check_budget
from daemon.deploy.flashers.table import flasher, read_options
from daemon.deploy.ports_client import PortsClient
from daemon.deploy.targets import chosen_flasher
from daemon.deploy.update import check_fits
from daemon.errors import (
    ArchitectureMismatch,
    BoardRefused,
    BoardUnreachable,
    DeployError,
    ExportError,
    JobCanceled,
    ModelTooLarge,
)
from daemon.quantize.anomaly import load
from daemon.quantize.vectors import typical_rows, vectors
from daemon.wire import deploy as said
from daemon.wire.deploy import Deploy, DeploySpec
from daemon.wire.targets import Target
from daemon.wire.worker import Log, Progress
from firmware_export.errors import FirmwareExportError
from firmware_export.firmware_model import FirmwareModel, anomaly_model, network_model
from firmware_export.read_anomaly import read

#: How files of anomaly models end; every other file is taken for a network.
_ANOMALY_SUFFIX = ".npz"


class Emitter(Protocol):
    """Where a deployment says how far it is; raises JobCanceled where it is to stop."""

    def tell(self, progress: Progress) -> None:
        """Say where the job is."""

    def log(self, level: str, text: str) -> None:
        """Say something for the job's log."""

    def check(self) -> None:
        """Say nothing."""


def run(spec: DeploySpec, emit: Emitter) -> dict[str, Any]:
    """Deploy a version to targets, one after another.

    Parameters
    ----------
    spec : DeploySpec
        The job.
    emit : Emitter
        Hears of stages; a cancellation counts between two steps, and never while a board is flashed.

    Returns
    -------
    dict
        ``version``, and ``targets``: for each what `Deploy` gave, and its name as ``target``.

    Raises
    ------
    DeployError
        One target at least does not have it; the others were tried all the same. The details have
        ``targets`` too, those that failed with ``error`` (code and message).
    ExportError
        The model cannot become a part of firmware.
    """
    emit.tell(Progress("build", 0.0, target=(0, len(spec.targets))))
    work = _Deployment(spec, emit)
    results: list[dict[str, Any]] = []
    failure: DeployError | None = None
    for number, (name, target) in enumerate(spec.targets.items()):
        try:
            results.append({"target": name, **work.deploy(number, name, target)})
        except DeployError as error:
            failure = failure or error
            emit.log("error", f"{name}: {error.message}")
            told = {"code": error.code, "message": error.message}
            results.append({"target": name, **(error.details or {}), "error": told})
    if failure is not None:
        raise _of_all(failure, spec.version, results)
    return {"version": spec.version, "targets": results}


def _of_all(first: DeployError, version: int, results: list[dict[str, Any]]) -> DeployError:
    """The error of the whole job: that of the first target that failed."""
    failed = [each["target"] for each in results if "error" in each]
    where = f"{failed[0]}: " if len(results) > 1 else ""
    others = f"; {', '.join(failed[1:])} failed, too" if failed[1:] else ""
    return type(first)(
        f"{where}{first.message}{others}",
        stage=first.stage,
        retryable=first.retryable,
        details={"version": version, "targets": results},
    )


class _Deployment:
    """One version on its way to boards.

    Parameters
    ----------
    spec : DeploySpec
    emit : Emitter
    """

    def __init__(self, spec: DeploySpec, emit: Emitter) -> None:
        self._spec = spec
        self._emit = emit
        self._ports = PortsClient(Path(spec.socket), emit.check)
        self._model = firmware_model(Path(spec.model_file), spec.name, tuple(spec.labels))
        self._blob = self._model.blob(spec.project_id, spec.learn_id, spec.version)
        self._boards: dict[str, Board] | None = None
        self._built: dict[tuple[Any, ...], Firmware] = {}

    def deploy(self, number: int, name: str, target: Target) -> dict[str, Any]:
        """Deploy to one target, the `number`-th."""

        def hear(event: Progress | Log) -> None:
            if isinstance(event, Log):
                self._emit.log(event.level, f"{name}: {event.text}")
            else:
                self._emit.tell(msgspec.structs.replace(event, target=(number, len(self._spec.targets))))

        hear(Progress("build", 0.0))
        if target.method == "firmware":
            return self._flash(name, target, hear)
        try:
            self._check_slot(self._ports.ask(name))
            order = Deploy(target=name, job_id=self._spec.job_id, blob=self._blob.message())
            return self._ports.deploy(order, hear)
        except (ArchitectureMismatch, BoardRefused, BoardUnreachable, ModelTooLarge) as error:
            if target.method == "slot" or not self._can_flash(target):
                raise
            hear(Log("warn", f"no slot takes the model: {error.message}; firmware is flashed"))
            refused = error
        try:
            return self._flash(name, target, hear)
        except DeployError as error:
            error.message = f"{error.message}; its slot: {refused.message}"
            raise

    def _check_slot(self, told: said.Board) -> None:
        """Refuse what a slot cannot take, before anything is sent."""
        if told.info is None:
            raise BoardUnreachable(told.reason or "the board does not answer", stage="build", retryable=True)
        check_fits(told.info, self._blob)

    def _can_flash(self, target: Target) -> bool:
        """Whether something is known that writes the firmware of a target."""
        board = self._board(target)
        name = chosen_flasher(target, board)
        if name is None:
            return False
        try:
            read_options(name, board.flashers.get(name, {}), target.flasher_options or {})
        except DeployError:
            return False
        return True

    def _board(self, target: Target) -> Board:
        if self._boards is None:
            folder = self._spec.boards_dir
            self._boards = load_boards(None if folder is None else Path(folder))
        if target.board not in self._boards:
            raise DeployError(f"there is no board {target.board!r} any more", stage="build")
        return self._boards[target.board]

    def _flash(self, name: str, target: Target, hear: Hear) -> dict[str, Any]:
        """Build firmware and have it written."""
        images = self._images(target, hear)
        hear(Progress("build", 1.0))

        def hear_to_the_end(event: Progress | Log) -> None:
            # Whoever canceled waits until the board is whole.
            with contextlib.suppress(JobCanceled):
                hear(event)

        order = Deploy(target=name, job_id=self._spec.job_id, blob=self._blob.message(), images=images)
        return self._ports.deploy(order, hear_to_the_end)

    def _images(self, target: Target, hear: Hear) -> dict[str, bytes]:
        """Firmware of the target's kind, built once, in the formats that its flasher asks for."""
        board = self._board(target)
        name = chosen_flasher(target, board)
        if name is None:
            raise DeployError(
                f"nothing that flashes {board.name} is known: add it to its facts", stage="build"
            )
        kind = (board.name, target.application, target.build, target.result)
        if kind not in self._built:
            check_budget(board, self._model.figures)
            folder = Path(self._spec.staging_dir) / f"firmware-{len(self._built)}"
            folder.mkdir()
            spec = self._spec
            self._built[kind] = build_firmware(
                board,
                self._model,
                folder,
                identity=(spec.project_id, spec.learn_id, spec.version),
                public_key=self._ports.public_key(),
                hear=hear,
                check=self._emit.check,
                application=None if target.application is None else Path(target.application),
                command=target.build or (),
                result=target.result,
            )
        built = self._built[kind].images
        wanted = next((form for form in flasher(name).formats if form in built), None)
        # The size of a binary image tells whether there is room for it.
        return {form: path.read_bytes() for form, path in built.items() if form in (wanted, "bin")}


def firmware_model(path: Path, name: str, labels: tuple[str, ...]) -> FirmwareModel:
    """The model as a part of firmware, with test vectors.

    Raises
    ------
    ExportError
        It cannot be one.
    """
    try:
        if path.suffix != _ANOMALY_SUFFIX:
            return network_model(path.read_bytes(), name, labels)
        integer = load(path)
        return anomaly_model(read(path), name, vectors(integer, typical_rows(integer)))
    except FirmwareExportError as error:
        raise ExportError(error.message, stage="build") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path} cannot be read as an int8 model: {error}", stage="build") from error
