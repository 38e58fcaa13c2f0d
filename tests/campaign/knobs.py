"""How large the campaign is: each size is a variable of the environment, its default the long form."""

from __future__ import annotations

import os


def _size(name: str, long_form: int) -> int:
    return int(os.environ.get(f"CAMPAIGN_{name}", str(long_form)))


#: Seed of every choice that is left to chance.
SEED = _size("SEED", 2)
#: Daemons, workers and brokers that are killed at random moments.
KILLS = _size("KILLS", 1000)
#: Small jobs on one daemon, and after how many of them its memory is the measure for the end.
JOBS = _size("JOBS", 10_000)
WARM_UP = _size("WARM_UP", 100)
#: Requests that the fuzzer makes up: straight into the intake, and through a broker.
REQUESTS = _size("REQUESTS", 1_000_000)
BROKER_REQUESTS = _size("BROKER_REQUESTS", 3000)
#: Keys of which each makes one signature that is then changed in 24 ways.
SIGNING_KEYS = _size("SIGNING_KEYS", 400)
#: Streams of random or changed bytes that are unpacked; of odd text commands a tenth.
STREAMS = _size("STREAMS", 100_000)
#: Updates of a firmware that lose power several times, at random operations on flash.
POWER_CUTS = _size("POWER_CUTS", 500)
#: Streams of damaged frames that a firmware under sanitizers is sent.
FRAMES = _size("FRAMES", 100_000)
