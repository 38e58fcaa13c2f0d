"""All figures, one table after the other: ``python -m benchmarks``, which is `make bench`.

Every module of this package with a ``main`` prints a table of its own and can be run by itself; the
figures on microcontrollers are those of ``hw_tests.bench``.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import benchmarks


def main() -> None:
    """Print every table."""
    names = [f"benchmarks.{module.name}" for module in pkgutil.iter_modules(benchmarks.__path__)]
    names = [name for name in names if not name.endswith("__main__")]
    for name in [*names, "hw_tests.bench"]:
        module = import_module(name)
        if hasattr(module, "main"):
            # Each reads its own command line.
            sys.argv = [name]
            print(f"\n{(module.__doc__ or name).splitlines()[0]}\n", flush=True)
            module.main()


if __name__ == "__main__":
    main()
