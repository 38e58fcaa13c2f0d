"""What this device can do, as it is published: trainers, variants, limits, facts about the machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from daemon import __version__
from daemon.config import Config, Expert
from daemon.quantize.akida import metatf
from daemon.trainers.table import ATK_TRAINERS, LEARNERS, NETWORKS
from daemon.wire.akida import AkidaTerms
from daemon.wire.bodies import CBOR, JSON
from daemon.wire.models import MAX_CHUNK


def capabilities(config: Config) -> dict[str, Any]:
    """Content of the retained topic ``capabilities``.

    Parameters
    ----------
    config : Config
        Limits and groups.
    """
    return {
        "version": __version__,
        "device": config.device.id,
        "groups": list(config.device.groups),
        "trainers": {
            entry.name: _availability({"learnBlockType": block_type}, entry.missing())
            for block_type, entry in LEARNERS.items()
        },
        "atkModels": {
            model_type: _availability({}, entry.missing()) for model_type, entry in ATK_TRAINERS.items()
        },
        "variants": {
            "int8": {"available": True},
            "float32": {"available": True},
            "akida": akida(config.keras.akida or AkidaTerms()),
        },
        "expert": expert(config.keras.scripts),
        "targets": _targets(config),
        "contentTypes": [JSON.content_type, CBOR.content_type],
        "auth": {"required": list(config.auth.required), "groupRoles": list(config.auth.group_roles)},
        "limits": {
            "maxBodyBytes": config.mqtt.max_body_bytes,
            "maxChunkBytes": MAX_CHUNK,
            "maxQueuedJobs": config.jobs.max_queued,
            "concurrentJobs": config.jobs.concurrent,
            "jobTimeoutS": config.jobs.timeout_s,
            "maxRecordingsBytes": config.data.max_mb * 2**20,
        },
        "machine": machine_facts(),
    }


def akida(terms: AkidaTerms) -> dict[str, Any]:
    """Whether networks get Akida variants here, for which chip, and by which versions of MetaTF.

    Parameters
    ----------
    terms : AkidaTerms
        What the configuration says of them.
    """
    why = NETWORKS["keras"].missing() or metatf.missing()
    facts = {"target": terms.target, "always": terms.always, "packages": metatf.versions()}
    return _availability(facts if why is None else {}, why)


def expert(settings: Expert | None) -> dict[str, Any]:
    """Whether scripts are run here, and which walls there may be; the log of a job says what they were.

    Parameters
    ----------
    settings : Expert or None
        How scripts are run; None where they are not.
    """
    if settings is None:
        return _availability({}, "keras.expert.enabled is false")
    # Two MiB that a daemon without scripts never needs.
    from daemon.sandbox.start import WALLS

    missing = {wall.name: wall.missing(Path(settings.socket)) for wall in WALLS}
    walls = [name for name, why in missing.items() if why is None]
    return _availability({"walls": walls}, None if walls else "; ".join(map(str, missing.values())))


def _targets(config: Config) -> list[dict[str, Any]]:
    if not config.targets:
        return []
    # Facts about boards, and the flashers: some MiB that a device without boards never needs.
    from daemon.deploy.targets import describe_targets

    return describe_targets(config)


def machine_facts() -> dict[str, Any]:
    """Facts about this machine that decide what it can train."""
    controllers = Path("/sys/fs/cgroup/cgroup.controllers")
    return {
        "arch": platform.machine(),
        "cores": os.cpu_count(),
        "memoryMb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        # Raspberry Pi OS leaves it off: limits of the service manager on memory then do nothing.
        "memoryCgroup": controllers.exists() and "memory" in controllers.read_text().split(),
    }


def _availability(facts: dict[str, Any], missing: str | None) -> dict[str, Any]:
    if missing is None:
        return {**facts, "available": True}
    return {**facts, "available": False, "reason": missing}
