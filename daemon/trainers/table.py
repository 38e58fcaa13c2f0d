"""The one table of trainers: what there is, what it takes, and whether this machine can run it.

Importing it needs neither numpy nor scikit-learn; implementations are imported on use by
`daemon.trainers.base.load_trainer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class TrainerEntry:
    """What is known of a trainer without importing it.

    Parameters
    ----------
    name : str
        What people and manifests call it.
    learn_block_type : str
        The type of learn block that it trains.
    module : str
        Module that implements it, with a class ``Trainer``.
    needs : dict of str to str
        Packages that must be importable, and the distributions that bring them.
    default_clusters : int
        ``clusterCount`` where a request leaves it out; fewer where the rows do not allow so many.
    max_clusters : int
        Largest ``clusterCount`` whatever the rows; the rows usually allow fewer.
    options : dict of str to tuple of str
        Options of the learn block and their values, the default first.
    takes_rating : bool
        Whether the deprecated ``minimumConfidenceRating`` sets the threshold.
    """

    name: str
    learn_block_type: str
    module: str
    needs: dict[str, str]
    default_clusters: int
    max_clusters: int
    options: dict[str, tuple[str, ...]]
    takes_rating: bool

    def missing(self) -> str | None:
        """Why this machine cannot run the trainer, with the remedy; None where it can."""
        for package, distribution in self.needs.items():
            # Asking for metadata instead would cost the daemon a megabyte.
            if find_spec(package) is None:
                return f"{distribution} is not installed: pip install {distribution}"
        return None


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
