"""Security event tokens (RFC 8417): one signed statement about one subject, and the keys that it is checked with."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sessionwatch.errors import BrokerError, UsageError
from sessionwatch.responses.credentials import SECRET_BYTES_MAX, Secret

if TYPE_CHECKING:  # the extra may be missing, and then only this broker is
    from joserfc.jwk import RSAKey

ALGORITHM: Final = "RS256"
"""What CAEP's interoperability profile asks every receiver to check."""
KEY_BITS: Final = 2_048
"""Bits of a key at least."""
CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type"
SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type"
MEDIA_TYPE: Final = "application/secevent+jwt"
REFUSALS: Final = (
    "invalid_request",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
    "authentication_failed",
    "access_denied",
    "invalid_state",
)
"""A receiver's words for why it does not take an event; no set, since a list cannot be looked for in one."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One event: its id, its type, whom it is about, what is said, and the id of what caused it."""

    id: str
    type: str
    subject: dict[str, Any]
    said: dict[str, Any]
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs in the name of `issuer` for `audience`; a receiver checks it with the keys of `document`.

    `others` are the public keys of before and after: known to receivers, and signing nothing.
    """

    issuer: str
    audience: tuple[str, ...]
    key: RSAKey = field(repr=False)
    others: tuple[RSAKey, ...] = field(default=(), repr=False)

    def token(self, event: SecurityEvent, at_s: int | None = None) -> bytes:
        """The event as a signed token in its compact form, issued now or at `at_s`, in seconds since 1970.

        It has no `sub` and no `exp`, lest anybody take it for a token that lets somebody in.
        """
        from joserfc import jws

        claims: dict[str, Any] = {
            "iss": self.issuer,
            "jti": event.id,
            "iat": int(time.time()) if at_s is None else at_s,
            "aud": self.audience[0] if len(self.audience) == 1 else list(self.audience),
            "sub_id": event.subject,
            "events": {event.type: event.said},
        }
        if event.cause:
            claims["txn"] = event.cause
        head = {"alg": ALGORITHM, "typ": "secevent+jwt", "kid": self.key.thumbprint()}
        return jws.serialize_compact(head, json.dumps(claims).encode(), self.key).encode()

    def document(self) -> dict[str, Any]:
        """The public keys as a JWKS document, the one that signs first; nothing of a private key is in it."""
        keys: dict[str, dict[str, Any]] = {}
        for one in (self.key, *self.others):
            public = one.as_dict(private=False)
            named = {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": one.thumbprint()}
            keys.setdefault(one.thumbprint(), {**named, "n": public["n"], "e": public["e"]})
        return {"keys": list(keys.values())}


def signing_key(pem: Secret) -> RSAKey:
    """The private key that `pem` is.

    Raises:
        BrokerError: it is no RSA key in PEM, too short, public, or under a password.
        UsageError: the extra `ssf` is not installed.
    """
    key = _key(pem.reveal().encode(), "the key that signs")
    if not key.is_private:
        raise BrokerError("the key that signs is a public one; give the private key in PEM")
    return key


def published_key(path: Path) -> RSAKey:
    """The public half of the key in the file at `path`, which may be a private one.

    Raises:
        BrokerError: it cannot be read, or is no RSA key in PEM.
        UsageError: the extra `ssf` is not installed.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(SECRET_BYTES_MAX)
    except OSError as error:
        raise BrokerError(f"{path} cannot be read: {error.strerror}; name a file with a key in PEM") from error
    return _key(raw, str(path))


def _key(pem: bytes, what: str) -> RSAKey:
    try:
        from joserfc.errors import JoseError, SecurityWarning
        from joserfc.jwk import RSAKey
    except ImportError as error:
        raise UsageError('the broker ssf needs the extra "ssf"; install it: pip install "sessionwatch[ssf]"') from error
    if not pem.lstrip().startswith(b"-----BEGIN "):
        raise BrokerError(f"{what} is not in PEM; make one: openssl genrsa 3072")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of a short key; told below
            key = RSAKey.import_key(pem)
    except (JoseError, ValueError, TypeError):  # its own words might quote the key
        raise BrokerError(f"{what} is no RSA key in PEM without a password; make one: openssl genrsa 3072") from None
    if key.public_key.key_size < KEY_BITS:
        raise BrokerError(f"{what} has fewer than {KEY_BITS} bits; make one: openssl genrsa 3072")
    return key
