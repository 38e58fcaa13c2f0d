"""Whether a request may be served: who signed it, for what, until when, and that it is no copy.

A request that is refused leaves no trace; the counter of one that is served is on disk with what it did.
"""

from __future__ import annotations

import hashlib
import logging
import time

import msgspec

from daemon.clock import EARLIEST
from daemon.config import Auth as Settings
from daemon.database import Database
from daemon.errors import (
    ConfigError,
    RequestExpired,
    RequestReplayed,
    RoleMissing,
    SignatureInvalid,
    SignatureMissing,
    Unavailable,
)
from daemon.keys import Key, read_keys
from daemon.wire.members import convert
from daemon.wire.signed import Auth, Envelope, Role, signed_text

_log = logging.getLogger(__name__)

#: Checked where the key is unknown, so that this takes as long: the first key of RFC 8032, section 7.1.
_NOBODY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


class _Signed(msgspec.Struct, frozen=True):
    auth: Auth


class Authority:
    """Admits requests.

    Parameters
    ----------
    settings : Auth
        What must be signed, and where the keys are.
    database : Database
        Keeps the counters, in the caller's transaction.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def admit(self, request: Envelope, given: object, role: Role | None, *, local: bool) -> None:
        """Let a request pass, or refuse it. A signature that is given is checked, needed or not.

        Parameters
        ----------
        request : Envelope
            The request.
        given : object
            Its body's member ``auth``; None where it has none.
        role : str or None
            What its route needs; None for a get, which changes nothing and so counts nothing.
        local : bool
            Whether it came over the local socket, whose users are known.

        Raises
        ------
        Forbidden
            It is not signed and must be, or the signature does not permit it.
        InvalidMember
            ``auth`` is mistyped.
        Unavailable
            The keys file is broken.
        """
        if given is None:
            # The local socket's users are known; but a script is foreign code, whoever hands it over.
            known = local and role != "expert"
            if role is not None and not known and self._settings.requires(role):
                raise SignatureMissing(
                    f"posts of the role {role} must be signed here: add the member auth to the body"
                )
            return
        auth = convert({"auth": given}, _Signed).auth
        key = self._key_that_signed(request, auth)
        if role is not None and role not in key.roles:
            raise RoleMissing(
                f"key {auth.key_id} may not sign for {request.path}: that needs the role {role}"
            )
        now = self._check_expiry(auth)
        if role is not None:
            self._count(auth, now)
            _log.info("%s %s: signed by %s", request.method, request.path, auth.key_id)

    def _key_that_signed(self, request: Envelope, auth: Auth) -> Key:
        try:
            keys = read_keys(self._settings)
        except ConfigError as error:
            _log.error("no signature can be checked: %s", error.message)
            raise Unavailable("this device's keys cannot be read: its log says why") from error
        key = keys.get(auth.key_id)
        public = _NOBODY if key is None else key.public_bytes
        good = verifies(public, signed_text(request, auth.counter, auth.expires), auth.signature_bytes())
        if key is None or not good:
            raise SignatureInvalid(
                f"no key {auth.key_id} of this device has signed this method, path, body, counter and expiry"
            )
        return key

    def _check_expiry(self, auth: Auth) -> int:
        now, known = int(time.time()), self._latest_time()
        if now < known:
            # The clock is behind what it said before, or was never set. The counter alone must do.
            _log.warning("the clock stands before %d: the expiry of a request cannot be checked", known)
        elif now > auth.expires:
            raise RequestExpired(
                f"the request expired at {_utc(auth.expires)}, this device's clock says {_utc(now)}"
            )
        return now

    def _count(self, auth: Auth, now: int) -> None:
        name = f"signer:{auth.key_id}"
        last = int(self._database.meta(name) or 0)
        if auth.counter <= last:
            raise RequestReplayed(
                f"counter {auth.counter} of key {auth.key_id} is not above {last}, the last one served"
            )
        self._database.set_meta(name, str(auth.counter))
        if now > self._latest_time():
            self._database.set_meta("latest_time", str(now))

    def _latest_time(self) -> int:
        """The latest that the clock is known to have been right about, in seconds since 1970."""
        return max(EARLIEST, int(self._database.meta("latest_time") or 0))


def admit_script(database: Database, script: str) -> str:
    """Remember that a script came with a signature that permits it; returns its digest."""
    digest = hashlib.sha256(script.encode()).hexdigest()
    if database.meta(f"script:{digest}") is None:
        database.set_meta(f"script:{digest}", str(int(time.time())))
    return digest


def admitted_script(database: Database, script: str) -> str | None:
    """Digest of a script that came with a signature that permits it; None where none like it ever did."""
    digest = hashlib.sha256(script.encode()).hexdigest()
    return digest if database.meta(f"script:{digest}") is not None else None


def verifies(public: bytes, text: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature of 64 bytes over a text was made with the private key to a public one."""
    # Imported with the first signed request: 1.2 MiB that most daemons never need.
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(public).verify(text, signature)
    except BadSignatureError:
        return False
    return True


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
