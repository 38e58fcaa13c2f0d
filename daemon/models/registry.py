"""Versions of models on disk: complete before they are seen, one of them current. Without numpy.

``projects/<projectId>/models/<learnId>/<version>/``, with the link ``current`` beside the versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from daemon.durable import sync
from daemon.errors import Conflict, NotFound

MANIFEST = "manifest.json"
METADATA = "metadata.json"

#: The int8 model of a version, from which all C is made: of a network, of K-means and GMM.
INT8_NETWORK = "model_int8.tflite"
INT8_ANOMALY = "model_int8.npz"

#: Where packages of versions lie, beside the versions, and what their names as files of a version begin with.
BUILDS = "builds"


def int8_model(manifest: dict[str, Any]) -> str | None:
    """Name of the file of a version that holds its int8 model; None where it has none."""
    return next((name for name in (INT8_NETWORK, INT8_ANOMALY) if name in manifest["files"]), None)


class FilePart(NamedTuple):
    """A part of a file, with the size and digest of the whole."""

    size: int
    sha256: str
    offset: int
    data: bytes


class Registry:
    """The versions under one state directory.

    Parameters
    ----------
    state_path : Path
        The state directory.

    Attributes
    ----------
    watchers : list of callable
        Called with project and learn block when another version comes into use.
    forgetters : list of callable
        Called with project and learn block when a project is deleted, inside that transaction.
    """

    def __init__(self, state_path: Path) -> None:
        self._projects = state_path / "projects"
        self.watchers: list[Callable[[int, int], None]] = []
        self.forgetters: list[Callable[[int, int], None]] = []

    def versions(self, project_id: int, learn_id: int) -> list[int]:
        """Versions that are there, oldest first."""
        directory = self._block(project_id, learn_id)
        if not directory.is_dir():
            return []
        return sorted(int(entry.name) for entry in directory.iterdir() if entry.name.isdigit())

    def current(self, project_id: int, learn_id: int) -> int | None:
        """The version in use, or None."""
        try:
            return int(str((self._block(project_id, learn_id) / "current").readlink()))
        except OSError:
            return None

    def currents(self) -> list[tuple[int, int, int]]:
        """Project, learn block and version of every model in use."""
        found = []
        for link in sorted(self._projects.glob("*/models/*/current")):
            project_id, learn_id = int(link.parts[-4]), int(link.parts[-2])
            version = self.current(project_id, learn_id)
            if version is not None:
                found.append((project_id, learn_id, version))
        return found

    def next_version(self, project_id: int, learn_id: int) -> int:
        """Number of the version that the next training makes; that of a dropped one never."""
        return max([*self.versions(project_id, learn_id), 0]) + 1

    def manifest(self, project_id: int, learn_id: int, version: int) -> dict[str, Any]:
        """The manifest of a version.

        Raises
        ------
        NotFound
            There is no such version, or the disk has damaged it.
        """
        path = self._block(project_id, learn_id) / str(version) / MANIFEST
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"model {learn_id} of project {project_id} has no version {version}") from None
        except ValueError:
            raise NotFound(f"{path} is damaged: use another version, or train again") from None
        return manifest

    def manifests(self, project_id: int, learn_id: int) -> list[dict[str, Any]]:
        """The manifests of all versions that are there and not damaged, oldest first."""
        found = []
        for version in self.versions(project_id, learn_id):
            with contextlib.suppress(NotFound):
                found.append(self.manifest(project_id, learn_id, version))
        return found

    def current_manifest(self, project_id: int, learn_id: int) -> dict[str, Any]:
        """The manifest of the version in use.

        Raises
        ------
        NotFound
            Nothing has been trained yet.
        """
        return self.manifest(project_id, learn_id, self._in_use(project_id, learn_id))

    def read(
        self, project_id: int, learn_id: int, version: int, name: str, offset: int, length: int
    ) -> FilePart:
        """A part of a file of a version.

        Raises
        ------
        NotFound
            The version has no file of that name.
        """
        files = self.manifest(project_id, learn_id, version)["files"]
        if name == MANIFEST:
            return _part(self.content(project_id, learn_id, version, name), offset, length)
        builds = self.builds(project_id, learn_id, version)
        if name in builds:
            content = (
                self._builds(project_id, learn_id, version) / name.removeprefix(f"{BUILDS}/")
            ).read_bytes()
            return _part(content, offset, length)
        if name not in files:
            known = ", ".join(sorted([MANIFEST, *files, *builds]))
            raise NotFound(f"version {version} has no file {name}; it has {known}")
        with (self._block(project_id, learn_id) / str(version) / name).open("rb") as file:
            # File systems know places beyond which nothing can be.
            file.seek(min(offset, files[name]["size"]))
            return FilePart(files[name]["size"], files[name]["sha256"], offset, file.read(length))

    def builds(self, project_id: int, learn_id: int, version: int) -> list[str]:
        """Names of the packages of a version, as files of it."""
        directory = self._builds(project_id, learn_id, version)
        if not directory.is_dir():
            return []
        return sorted(
            f"{BUILDS}/{path.name}" for path in directory.iterdir() if not path.name.startswith(".")
        )

    def keep_build(self, made: Path, project_id: int, learn_id: int, version: int) -> None:
        """Let a package appear, in the place of an earlier one of its name.

        Parameters
        ----------
        made : Path
            The file, on the same file system, its content already on disk.
        """
        directory = self._builds(project_id, learn_id, version)
        directory.mkdir(parents=True, exist_ok=True)
        made.replace(directory / made.name)
        for changed in (directory, directory.parent, directory.parent.parent):
            sync(changed)

    def content(self, project_id: int, learn_id: int, version: int, name: str) -> bytes:
        """All of a small file of a version."""
        return (self._block(project_id, learn_id) / str(version) / name).read_bytes()

    def path(self, project_id: int, learn_id: int, version: int) -> Path:
        """The directory of a version."""
        return self._block(project_id, learn_id) / str(version)

    def promote(self, staging: Path, project_id: int, learn_id: int, version: int) -> None:
        """Let a complete directory appear as a version, and make it the current one.

        Parameters
        ----------
        staging : Path
            The directory, on the same file system, its content already on disk.
        """
        directory = self._block(project_id, learn_id)
        if not directory.is_dir():
            directory.mkdir(parents=True)
            # A new directory is on disk when its parent is.
            for parent in directory.parents[: len(directory.relative_to(self._projects.parent).parts)]:
                sync(parent)
        staging.rename(directory / str(version))
        sync(directory)
        self._point(project_id, learn_id, version)

    def adopt(self, project_id: int, learn_id: int, job_id: int) -> int | None:
        """The version that a job made before it was cut off, made current again; None where it made none."""
        for manifest in reversed(self.manifests(project_id, learn_id)):
            if manifest.get("jobId") == job_id:
                version = int(manifest["version"])
                self._point(project_id, learn_id, version)
                return version
        return None

    def kept(self, project_id: int, learn_id: int, version: int | None) -> int:
        """A version that is there: the one that is named, else the current one.

        Raises
        ------
        NotFound
            It is not kept, or nothing has been trained yet.
        """
        present, current = self.versions(project_id, learn_id), self._in_use(project_id, learn_id)
        wanted = current if version is None else version
        if wanted not in present:
            raise NotFound(
                f"version {wanted} is not kept; kept are {', '.join(str(number) for number in present)}"
            )
        return wanted

    def kept_before(self, project_id: int, learn_id: int) -> int:
        """The version before the current one.

        Raises
        ------
        NotFound
            Nothing has been trained yet.
        Conflict
            There is no version before the current one.
        """
        current = self._in_use(project_id, learn_id)
        earlier = [number for number in self.versions(project_id, learn_id) if number < current]
        if not earlier:
            raise Conflict(f"version {current} is the oldest that is kept: there is nothing to go back to")
        return earlier[-1]

    def use(self, project_id: int, learn_id: int, version: int) -> None:
        """Make a version the current one.

        Raises
        ------
        NotFound
            It is not kept.
        """
        self._point(project_id, learn_id, self.kept(project_id, learn_id, version))

    def prune(self, project_id: int, learn_id: int, keep: int) -> None:
        """Drop the oldest versions but `keep` and the current one."""
        current = self.current(project_id, learn_id)
        directory = self._block(project_id, learn_id)
        for version in self.versions(project_id, learn_id)[:-keep]:
            if version != current:
                # Out of sight first: a version that is half deleted must not be seen.
                shutil.rmtree(self._builds(project_id, learn_id, version), ignore_errors=True)
                hidden = directory / f".{version}.removed"
                (directory / str(version)).rename(hidden)
                shutil.rmtree(hidden)

    def forget(self, project_id: int) -> None:
        """Tell that the models of a project are not in use any more."""
        for project, learn_id, _ in self.currents():
            if project == project_id:
                for forgetter in self.forgetters:
                    forgetter(project_id, learn_id)

    def remove_project(self, project_id: int) -> None:
        """Remove all versions of a project, if there are any."""
        directory = self._projects / str(project_id)
        # Out of sight first: a project that is half deleted must not be seen.
        hidden = self._projects.parent / "removed" / str(project_id)
        if hidden.is_dir():
            shutil.rmtree(hidden)
        if directory.is_dir():
            hidden.parent.mkdir(exist_ok=True)
            directory.rename(hidden)
            shutil.rmtree(hidden)

    def remove_strays(self) -> None:
        """Delete what an interrupted step left behind."""
        # All that is hidden; a pattern without a star would not find a link that leads nowhere.
        for path in self._projects.glob("*/models/*/.*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _in_use(self, project_id: int, learn_id: int) -> int:
        version = self.current(project_id, learn_id)
        if version is None:
            raise NotFound(f"learn block {learn_id} of project {project_id} has not been trained yet")
        return version

    def _block(self, project_id: int, learn_id: int) -> Path:
        return self._projects / str(project_id) / "models" / str(learn_id)

    def _builds(self, project_id: int, learn_id: int, version: int) -> Path:
        return self._block(project_id, learn_id) / BUILDS / str(version)

    def _point(self, project_id: int, learn_id: int, version: int) -> None:
        directory = self._block(project_id, learn_id)
        new = directory / ".current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(str(version))
        new.replace(directory / "current")
        sync(directory)
        for watcher in self.watchers:
            watcher(project_id, learn_id)


def _part(content: bytes, offset: int, length: int) -> FilePart:
    """A part of a file that is read as a whole."""
    return FilePart(
        len(content), hashlib.sha256(content).hexdigest(), offset, content[offset : offset + length]
    )
