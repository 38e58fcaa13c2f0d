"""The configuration: frozen, every key with a default but the two that matter.

`daemon.config_file` reads it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.errors import ConfigError
from daemon.memory import total_memory
from daemon.wire.akida import AkidaTerms
from daemon.wire.logs import LogLevel
from daemon.wire.signed import Role
from daemon.wire.targets import Target
from daemon.wire.worker import GateBounds

_Positive = Annotated[int, Meta(ge=1)]
_Port = Annotated[int, Meta(ge=1, le=65535)]
_Level = Annotated[str, Meta(pattern=r"^[^#+/\x00]{1,64}$")]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Device(_Section, frozen=True):
    """``[device]``: who this is.

    Parameters
    ----------
    id : str
        Name of the device in all topics: 1 to 64 letters, digits, ``_`` or ``-``. Required.
    groups : list of str
        Groups whose requests the device takes.
    """

    id: str
    groups: tuple[_Level, ...] = ()


class Tls(_Section, frozen=True):
    """``mqtt.tls``: an encrypted connection.

    Parameters
    ----------
    ca_file : str or None
        Certificates that the broker's one must lead to; the system's where left out.
    cert_file, key_file : str or None
        The device's own certificate and key.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class Mqtt(_Section, frozen=True):
    """``[mqtt]``: the broker.

    Parameters
    ----------
    host : str
        Name or address of the broker. Required.
    port : int
        Its port.
    version : int
        5 for MQTT 5, 3 for MQTT 3.1.1.
    base_topic : str
        First levels of all topics.
    username : str or None
        User name at the broker.
    password_file : str or None
        File that holds the password, and nothing else.
    tls : Tls or None
        An encrypted connection.
    keepalive_s : int
        Longest silence in seconds before the connection is probed.
    session_expiry_s : int
        How long in seconds the broker keeps requests for a device that is away (MQTT 5).
    max_body_bytes : int
        Largest body of a request; published in ``capabilities``.
    """

    host: str
    port: _Port = 1883
    version: Literal[3, 5] = 5
    base_topic: Annotated[str, Meta(pattern=r"^[^#+/\x00$][^#+\x00]*$", max_length=128)] = "trainerd"
    username: str | None = None
    password_file: str | None = None
    tls: Tls | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    session_expiry_s: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 30 * 24 * 3600
    max_body_bytes: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 256 * 1024


class Jobs(_Section, frozen=True):
    """``[jobs]``: the queue.

    Parameters
    ----------
    concurrent : int
        Jobs that run at the same time.
    max_queued : int
        Jobs that may wait; more are refused with ``queue_full``.
    timeout_s : int
        Longest run of a job in seconds.
    cancel_grace_s : float
        Seconds that a cancelled job has for each step: to stop by itself, then to end after SIGTERM.
    keep : int
        Ended jobs that are remembered.
    """

    concurrent: _Positive = 1
    max_queued: _Positive = 100
    timeout_s: _Positive = 3600
    cancel_grace_s: Annotated[float, Meta(gt=0)] = 2.0
    keep: _Positive = 100


class Worker(_Section, frozen=True):
    """``[worker]``: what a training may use.

    Parameters
    ----------
    memory_mb : int or None
        Most memory that it may use, in MiB; three quarters of the machine's where left out.
    nice : int
        Added to the priority of the process.
    threads : int or None
        Threads of numeric libraries; the number of processors where left out.
    warm : bool
        Whether a worker waits with TensorFlow loaded, so that the training of a network begins at once.
    """

    memory_mb: Annotated[int, Meta(ge=64)] | None = None
    nice: Annotated[int, Meta(ge=0, le=19)] = 10
    threads: _Positive | None = None
    warm: bool = False

    @property
    def memory_bytes(self) -> int:
        """Bytes that a training may use."""
        return total_memory() // 4 * 3 if self.memory_mb is None else self.memory_mb * 2**20


class Models(_Section, frozen=True):
    """``[models]``: versions on disk.

    Parameters
    ----------
    keep_versions : int
        Versions of each learn block that are kept; the current one always is.
    """

    keep_versions: _Positive = 10


class Disk(_Section, frozen=True):
    """``[disk]``: the state directory's file system.

    Parameters
    ----------
    low_mb : int
        Room in MiB below which the event ``disk-low`` is sent.
    """

    low_mb: Annotated[int, Meta(ge=0)] = 100


class ProjectData(_Section, frozen=True):
    """``[data.projects.N]``: what is different for project N.

    Parameters
    ----------
    max_mb : int or None
        Most MiB of recordings.
    when_full : str or None
        As in ``[data]``.
    key_file : str or None
        File that holds the key with which acquisition objects are signed (HS256), and nothing else.
    """

    max_mb: _Positive | None = None
    when_full: Literal["refuse", "drop-oldest"] | None = None
    key_file: str | None = None


class Data(_Section, frozen=True):
    """``[data]``: what may be stored.

    Parameters
    ----------
    max_mb : int
        Most MiB of recordings of all projects together.
    max_project_mb : int or None
        Most MiB of recordings of one project.
    when_full : str
        ``refuse`` a recording that finds no room, or ``drop-oldest`` of its project and category.
    max_projects : int
        Most projects.
    max_frames : int
        Most of ATK's frames.
    max_frames_mb : int
        Most MiB of the rows of all frames together.
    projects : dict or None
        What is different for single projects, by id.
    """

    max_mb: _Positive = 1024
    max_project_mb: _Positive | None = None
    when_full: Literal["refuse", "drop-oldest"] = "refuse"
    max_projects: _Positive = 1000
    max_frames: _Positive = 1000
    max_frames_mb: _Positive = 256
    projects: dict[str, ProjectData] | None = None

    def of_project(self, project_id: int) -> ProjectData:
        """What holds for one project."""
        own = (self.projects or {}).get(str(project_id), ProjectData())
        return ProjectData(own.max_mb or self.max_project_mb, own.when_full or self.when_full, own.key_file)


class Auth(_Section, frozen=True):
    """``[auth]``: signed requests.

    Parameters
    ----------
    keys_file : str or None
        TOML file of the public keys and their roles; only root may write it.
    required : list of str
        Roles whose posts must be signed when they come over MQTT; ``all`` for every one. Those of the role
        ``expert`` always must.
    group_roles : list of str
        Roles whose posts are taken from a group of devices.
    """

    keys_file: str | None = None
    required: tuple[Role | Literal["all"], ...] = ()
    group_roles: tuple[Role, ...] = ("train", "data")

    def requires(self, role: Role) -> bool:
        """Whether posts of a role must be signed."""
        return role == "expert" or role in self.required or "all" in self.required


class Expert(_Section, frozen=True):
    """``[keras.expert]``: scripts that train networks, behind walls.

    Parameters
    ----------
    enabled : bool
        Whether scripts are taken at all; each must be signed by a key of the role ``expert`` all the same.
    timeout_s : int
        Longest run of a script in seconds.
    memory_mb : int
        Most memory that it may use beside its libraries, in MiB.
    scratch_mb : int
        Most that it may write into files, in MiB.
    socket : str
        Where systemd listens for ``trainerd-expert@.service``; other walls are used where it does not.
    """

    enabled: bool = False
    timeout_s: _Positive = 3600
    memory_mb: Annotated[int, Meta(ge=64)] = 1024
    scratch_mb: Annotated[int, Meta(ge=1)] = 256
    socket: str = "/run/trainerd-expert.sock"


class Keras(_Section, frozen=True):
    """``[keras]``: what networks are trained with.

    Parameters
    ----------
    weights_dir : str or None
        Where weights of pretrained networks lie, beside ``SHA256SUMS``.
    expert : Expert or None
        Scripts.
    akida : AkidaTerms or None
        Akida variants.
    """

    weights_dir: str | None = None
    expert: Expert | None = None
    akida: AkidaTerms | None = None

    @property
    def scripts(self) -> Expert | None:
        """How scripts are run; None where they are not."""
        return self.expert if self.expert is not None and self.expert.enabled else None


class Deploy(_Section, frozen=True):
    """``[deploy]``: the process that holds the serial ports.

    Parameters
    ----------
    socket : str or None
        Where it listens, if something else starts it; the daemon starts it where left out.
    state_dir : str or None
        Where it keeps its key, and what it can put back onto boards.
    key_file : str or None
        The key that signs models for boards; made where it is not there.
    boards_dir : str or None
        Where facts about further boards lie.
    unsigned : bool
        Whether firmware is built that takes models without a signature.
    """

    socket: str | None = None
    state_dir: str | None = None
    key_file: str | None = None
    boards_dir: str | None = None
    unsigned: bool = False


class Log(_Section, frozen=True):
    """``[log]``: what is logged.

    Parameters
    ----------
    level : str
        debug, info, warning or error.
    """

    level: LogLevel = "info"


class Config(_Section, frozen=True):
    """The whole file.

    Parameters
    ----------
    state_dir : str
        Where everything that must survive is kept.
    runtime_dir : str
        Where the local socket lies.
    device, mqtt, auth, jobs, worker, models, disk, data, keras, deploy, gate, log
        The sections.
    targets : dict or None
        Boards that models can be deployed to, by name.
    """

    device: Device
    mqtt: Mqtt
    state_dir: str = "/var/lib/trainerd"
    runtime_dir: str = "/run/trainerd"
    auth: Auth = Auth()
    jobs: Jobs = Jobs()
    worker: Worker = Worker()
    models: Models = Models()
    disk: Disk = Disk()
    data: Data = Data()
    keras: Keras = Keras()
    deploy: Deploy = Deploy()
    targets: dict[str, Target] | None = None
    gate: GateBounds = GateBounds()
    log: Log = Log()

    @property
    def state_path(self) -> Path:
        """The state directory."""
        return Path(self.state_dir)

    @property
    def socket_path(self) -> Path:
        """The local socket."""
        return Path(self.runtime_dir) / "trainerd.sock"

    @property
    def ports_socket_path(self) -> Path:
        """Where the process listens that holds the serial ports."""
        return Path(self.deploy.socket or Path(self.runtime_dir) / "ports.sock")

    @property
    def ports_state_path(self) -> Path:
        """Where that process keeps what must survive."""
        return Path(self.deploy.state_dir or self.state_path / "ports")

    @property
    def deploy_key_path(self) -> Path:
        """Its key."""
        return Path(self.deploy.key_file or self.ports_state_path / "deploy.key")


def default_path() -> Path:
    """The file that is read where none is named: the user's own, then the system's."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
    own = home / "trainerd" / "trainerd.toml"
    return own if own.exists() else Path("/etc/trainerd/trainerd.toml")


def read_secret(path: str) -> str:
    """Content of a file that holds one secret, without the line's end.

    Raises
    ------
    ConfigError
        The file cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, None, f"the secret cannot be read: {error}") from error


def documented_sections() -> dict[str, Any]:
    """Section name to its type, for the documentation's test."""
    return {
        "": Config,
        "device": Device,
        "mqtt": Mqtt,
        "mqtt.tls": Tls,
        "auth": Auth,
        "jobs": Jobs,
        "worker": Worker,
        "models": Models,
        "disk": Disk,
        "data": Data,
        "data.projects.1": ProjectData,
        "keras": Keras,
        "keras.expert": Expert,
        "keras.akida": AkidaTerms,
        "deploy": Deploy,
        "targets.press": Target,
        "gate": GateBounds,
        "log": Log,
    }
