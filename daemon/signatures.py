"""Signatures of acquisition objects: HMAC-SHA256 with a key of the project, Edge Impulse's HS256.

The signature is over the object's bytes as they were received, binary values behind it included, with the
64 characters of the signature itself replaced by zeros. So nothing is encoded anew to check it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Literal

from daemon.config import Data, read_secret
from daemon.errors import ConfigError, InvalidMember, SignatureInvalid, SignatureMissing, Unavailable
from daemon.wire.edge_impulse import Acquisition

_HEX = re.compile(r"[0-9a-fA-F]{64}")


def check(
    settings: Data, project_id: int, acquisition: Acquisition, received: bytes, *, needed: bool
) -> Literal["valid", "unchecked"] | None:
    """Check the signature of an acquisition object.

    Parameters
    ----------
    settings : Data
        Says where the project's key is.
    project_id : int
        The project.
    acquisition : Acquisition
        The object.
    received : bytes
        The object as it was received.
    needed : bool
        Whether an unsigned object is refused where the project has a key.

    Returns
    -------
    str or None
        ``valid``, or ``unchecked`` where the project has no key; None for an unsigned object.

    Raises
    ------
    SignatureMissing
        The object must be signed and is not.
    SignatureInvalid
        It was signed with another key, or is not what was signed.
    InvalidMember
        It says that it is signed, and has no signature.
    Unavailable
        The key cannot be read.
    """
    key_file = settings.of_project(project_id).key_file
    if acquisition.protected is None or acquisition.protected.alg == "none":
        if key_file is not None and needed:
            raise SignatureMissing(
                f"recordings of project {project_id} must be signed: protected.alg is HS256, and signature "
                "the HMAC-SHA256 of the object with the project's key"
            )
        return None
    signature = acquisition.signature
    if signature is None or not _HEX.fullmatch(signature):
        raise InvalidMember("signature", "is not 64 hexadecimal digits, as protected.alg HS256 has them")
    if key_file is None:
        return "unchecked"
    try:
        key = read_secret(key_file)
    except ConfigError as error:
        raise Unavailable(f"the key of project {project_id} cannot be read: {error.message}") from error
    if not key:
        raise Unavailable(f"the key of project {project_id} cannot be read: {key_file} is empty")
    place = signature.encode()
    if received.count(place) != 1:
        raise SignatureInvalid("signature: its 64 characters do not stand in the body exactly once")
    zeroed = received.replace(place, b"0" * 64)
    expected = hmac.new(key.encode(), zeroed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature.lower()):
        raise SignatureInvalid(
            f"signature: is not the HMAC-SHA256 of this object with the key of project {project_id}; "
            "it is over the bytes as they are sent, with 64 zeros in the signature's place"
        )
    return "valid"
