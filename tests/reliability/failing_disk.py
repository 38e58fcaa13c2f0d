"""A real file system that turns read-only while it is in use, as that of a worn-out card does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class FailingDisk:
    """An ext4 of its own, in a file.

    Parameters
    ----------
    image : Path
        The file.
    place : Path
        Where it is mounted.
    """

    image: Path
    place: Path

    def mount(self) -> None:
        """Mount it, as most gateways do: an error makes it read-only."""
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.place))

    def flush(self) -> None:
        """Write everything that was copied into it: a copy waits for that in memory, a database does not."""
        _run("sync", "--file-system", str(self.place))

    def fail(self) -> None:
        """Let the kernel meet an error in it: every write is refused, to files that are open too."""
        Path(f"/sys/fs/ext4/{self._device()}/trigger_fs_error").write_text("1")

    def written(self) -> int:
        """Bytes that have gone to it since it was mounted, whoever wrote them, its own journal included."""
        self.flush()
        return 512 * int(Path(f"/sys/block/{self._device()}/stat").read_text().split()[6])

    def repair(self) -> None:
        """Take it away, mend it and mount it again, as a restart of the machine does."""
        self.unmount()
        subprocess.run(["e2fsck", "-fy", str(self.image)], capture_output=True, check=False)
        self.mount()

    def unmount(self) -> None:
        """Take it away."""
        _run("umount", str(self.place))

    def _device(self) -> str:
        return _run("findmnt", "-no", "SOURCE", str(self.place)).strip().rpartition("/")[2]


@contextmanager
def failing_disk(directory: Path, place: Path) -> Iterator[FailingDisk | None]:
    """Such a disk, empty and mounted; None where this user may not mount, or the kernel has no such files."""
    disk = FailingDisk(directory / "disk.img", place)
    with disk.image.open("wb") as file:
        file.truncate(64 * 2**20)
    place.mkdir(parents=True, exist_ok=True)
    try:
        _run("mkfs.ext4", "-q", str(disk.image))
        disk.mount()
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield disk
    finally:
        disk.unmount()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
