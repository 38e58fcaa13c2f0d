"""The one table of trainers: what there is, what it takes, and whether this machine can run it.

Importing it needs neither numpy nor scikit-learn; implementations are imported on use by
`daemon.trainers.base.load_trainer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec

from daemon.memory import total_memory

#: Bytes of memory without which a machine thrashes as soon as TensorFlow is loaded, libraries included.
NETWORK_BYTES = 690 * 2**20


@dataclass(frozen=True, kw_only=True)
class LearnerEntry:
    """What is known of anything that can be trained without importing it.

    Parameters
    ----------
    name : str
        What people and manifests call it.
    learn_block_type : str
        The type of learn block that it trains.
    needs : dict of str to str
        Packages that must be importable, and what to install that brings them.
    options : dict of str to tuple of str
        Options of the learn block and their values, the default first.
    """

    name: str
    learn_block_type: str
    needs: dict[str, str]
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def missing(self) -> str | None:
        """Why this machine cannot run the trainer, with the remedy; None where it can."""
        for package, distribution in self.needs.items():
            # Asking for metadata instead would cost the daemon a megabyte.
            if find_spec(package) is None:
                return f"{distribution} is not installed: pip install {distribution}"
        return None


@dataclass(frozen=True, kw_only=True)
class TrainerEntry(LearnerEntry):
    """What is known of an anomaly trainer without importing it.

    Parameters
    ----------
    module : str
        Module that implements it, with a class ``Trainer``.
    default_clusters : int
        ``clusterCount`` where a request leaves it out; fewer where the rows do not allow so many.
    max_clusters : int
        Largest ``clusterCount`` whatever the rows; the rows usually allow fewer.
    takes_rating : bool
        Whether the deprecated ``minimumConfidenceRating`` sets the threshold.
    """

    module: str
    default_clusters: int
    max_clusters: int
    takes_rating: bool


@dataclass(frozen=True, kw_only=True)
class NetworkEntry(LearnerEntry):
    """What is known of a kind of network without importing TensorFlow.

    Parameters
    ----------
    classifies : bool
        Whether its answer is one of the labels; else it is a number.
    transfer : bool
        Whether it begins with a network that was trained before.
    default_epochs : int
        ``trainingCycles`` where nobody says.
    """

    classifies: bool = True
    transfer: bool = False
    default_epochs: int = 30

    def missing(self) -> str | None:
        """Why this machine cannot train a network, with the remedy; None where it can."""
        if (total := total_memory()) < NETWORK_BYTES:
            return (
                f"TensorFlow needs {NETWORK_BYTES // 2**20} MiB of memory, there are {total // 2**20}: train "
                "K-means or a GMM here, which fit"
            )
        return super().missing()


_TABLE = (
    TrainerEntry(
        name="kmeans",
        learn_block_type="anomaly",
        module="daemon.trainers.kmeans",
        needs={"numpy": "numpy", "sklearn": "scikit-learn"},
        default_clusters=32,
        max_clusters=65535,
        options={"score": ("edge", "distance")},
        takes_rating=True,
    ),
    TrainerEntry(
        name="gmm",
        learn_block_type="anomaly-gmm",
        module="daemon.trainers.gmm",
        needs={"numpy": "numpy", "sklearn": "scikit-learn"},
        default_clusters=32,
        max_clusters=65535,
        options={"scaling": ("standard", "none")},
        # 0.3, the value in Edge Impulse's documents, would flag most normal rows on the GMM's |z| scale.
        takes_rating=False,
    ),
)

TRAINERS = {entry.learn_block_type: entry for entry in _TABLE}

_KERAS = "'trainerd[keras]'"
_KERAS_NEEDS = {"tensorflow": _KERAS, "tf_keras": _KERAS}
_NETWORKS = (
    NetworkEntry(name="keras", learn_block_type="keras", needs=_KERAS_NEEDS),
    NetworkEntry(
        name="keras-regression", learn_block_type="keras-regression", needs=_KERAS_NEEDS, classifies=False
    ),
    NetworkEntry(
        name="keras-transfer-image",
        learn_block_type="keras-transfer-image",
        needs=_KERAS_NEEDS,
        transfer=True,
        default_epochs=20,
    ),
)

NETWORKS = {entry.learn_block_type: entry for entry in _NETWORKS}

#: Everything that a learn block of an impulse can be.
LEARNERS: dict[str, LearnerEntry] = {**TRAINERS, **NETWORKS}

_ATK_TABLE = (
    TrainerEntry(
        name="atk-gmm",
        learn_block_type="model:gmm",
        module="daemon.trainers.atk_gmm",
        needs={"numpy": "numpy"},
        default_clusters=2,
        max_clusters=65535,
        options={},
        takes_rating=False,
    ),
    TrainerEntry(
        name="atk-k_means",
        learn_block_type="model:k_means",
        module="daemon.trainers.atk_kmeans",
        needs={"numpy": "numpy"},
        default_clusters=2,
        max_clusters=65535,
        options={},
        takes_rating=False,
    ),
)

#: By the type of ATK's model; no learn block of an impulse can have it.
ATK_TRAINERS = {entry.learn_block_type: entry for entry in _ATK_TABLE}
