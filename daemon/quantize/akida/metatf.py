"""Whether MetaTF is installed, and in versions that are known: nothing is imported to find out."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from daemon.errors import AkidaUnavailable


@dataclass(frozen=True)
class Package:
    """A part of MetaTF.

    Parameters
    ----------
    name : str
        Module and distribution.
    major : str
        The major version whose interface is known.
    """

    name: str
    major: str


PACKAGES = (Package("akida", "2"), Package("cnn2snn", "2"), Package("quantizeml", "1"))

#: What brings all of them, and under which terms.
EXTRA = "pip install 'trainerd[akida]' (akida is proprietary: BrainChip's licence, its EULA, applies)"


def missing() -> str | None:
    """Why no Akida variant can be made here, in one sentence with the remedy; None where one can."""
    for package in PACKAGES:
        # Distributions are only looked through where there may be one.
        if find_spec(package.name) is None:
            return f"MetaTF is not installed here ({package.name} is not): {EXTRA}"
        found = version(package)
        if found is None or found.partition(".")[0] != package.major:
            return (
                f"{package.name} {found or 'of no version'} is not known here, {package.major}.x is: {EXTRA}"
            )
    return None


def version(package: Package) -> str | None:
    """The version that is installed; None where none is told."""
    from importlib import metadata

    try:
        return metadata.version(package.name)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """What is installed, by name; empty where something is missing."""
    if missing() is not None:
        return {}
    return {package.name: version(package) or "" for package in PACKAGES}


def load_akida() -> Any:
    """Import the package that runs and teaches models, without TensorFlow.

    Raises
    ------
    AkidaUnavailable
        It is not there, or of a version that is not known.
    """
    if (why := missing()) is not None:
        raise AkidaUnavailable(why, stage="quantize")
    import akida

    return akida
