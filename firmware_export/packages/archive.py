"""Files as one zip file, the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can tell: no file of a package has one of its own."""


def archive(files: Mapping[str, bytes]) -> bytes:
    """Pack files.

    Parameters
    ----------
    files : mapping of str to bytes
        By their relative names.
    """
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, date_time=_FIRST_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content)
    return memory.getvalue()
