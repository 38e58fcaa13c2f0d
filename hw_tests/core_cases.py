"""Cases for the firmware's signatures and unpacking on a board: the header that ``core.c`` includes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from firmware_export.cprint import braced

CORE = Path(__file__).parents[1] / "firmware_export" / "firmware" / "core"
SOURCES = tuple(CORE / name for name in ("ed25519.c", "sha512.c", "unpack.c"))

_HEADER = """\
#include "ed25519.h"
#include "unpack.h"

struct signature_case {
  const uint8_t *signature, *key, *message;
  size_t length;
  int right;
};
struct stream_case {
  const uint8_t *packed, *bytes;
  uint32_t packed_length, length;
};
"""


def write_cases(
    folder: Path,
    signatures: Sequence[tuple[bytes, bytes, bytes, bool]],
    streams: Sequence[tuple[bytes, bytes]],
) -> None:
    """Write ``core_cases.h`` into a folder.

    Parameters
    ----------
    folder : Path
    signatures : sequence of tuple
        Signature, key, message, and whether it is right.
    streams : sequence of tuple
        A packed stream without its header, and what it unpacks to.
    """
    arrays, rows = [], []
    for number, (*parts, right) in enumerate(signatures):
        names = [f"{what}_{number}" for what in ("signature", "key", "message")]
        arrays += [_array(name, data) for name, data in zip(names, parts, strict=True)]
        rows.append(braced([*names, str(len(parts[2])), str(int(right))]))
    tables = [_table("signature_case", "signature_cases", rows)]
    rows = []
    for number, (packed, data) in enumerate(streams):
        arrays += [_array(f"packed_{number}", packed), _array(f"bytes_{number}", data)]
        rows.append(braced([f"packed_{number}", f"bytes_{number}", str(len(packed)), str(len(data))]))
    tables.append(_table("stream_case", "stream_cases", rows))
    (folder / "core_cases.h").write_text("\n".join([_HEADER, *arrays, *tables]))


def _array(name: str, data: bytes) -> str:
    # One byte more, for an array cannot be empty.
    numbers = ", ".join(map(str, data + b"\0"))
    return f"static const uint8_t {name}[] = {{\n{textwrap.fill(numbers, 110)}}};\n"


def _table(kind: str, name: str, rows: Iterable[str]) -> str:
    return f"static const struct {kind} {name}[] = {braced(rows)};\n"
