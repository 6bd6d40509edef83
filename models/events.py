"""Session events: the one vocabulary that every log is mapped to.

`SessionEvent` is what adapters make and what travels on the wire; `PlacedEvent` is the same event once located,
with its instants in microseconds, as detectors see it.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from models.instants import instant, to_us
from models.places import Place

EventKind = Literal[
    "login",
    "login_failed",
    "mfa_challenge",
    "mfa_result",
    "refresh",
    "activity",
    "export",
    "logout",
    "timeout",
    "revoked",
    "lockout",
    "privilege_change",
    "impersonation",
    "device_enrolled",
    "credential_change",
    "account_change",
    "policy_change",
    "emergency_access",
    "verdict",
]
KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)

Outcome = Literal["success", "failure", "unknown"]

KIND_RANK: Final[dict[EventKind, int]] = {
    "login_failed": 0,
    "lockout": 1,
    "mfa_challenge": 2,
    "mfa_result": 3,
    "login": 4,
    "emergency_access": 5,
    "impersonation": 6,
    "device_enrolled": 7,
    "credential_change": 8,
    "account_change": 9,
    "privilege_change": 10,
    "policy_change": 11,
    "refresh": 12,
    "activity": 13,
    "export": 14,
    "verdict": 15,
    "logout": 16,
    "timeout": 17,
    "revoked": 18,
}
"""What comes first when two events bear the same time: failure before login before activity before logout."""

PLACEHOLDERS: Final = frozenset(
    {
        "",
        "-",
        "--",
        "unknown",
        "not available",
        "notavailable",
        "n/a",
        "na",
        "null",
        "none",
        "nil",
        "undefined",
        "anonymous",
        "not-found",
        "not found",
        "<redacted>",
        "00000000-0000-0000-0000-000000000000",
    }
)
"""Names that sources write where they know no user (compared case-folded). They are counted, and never a subject."""

OF_TARGET: Final = frozenset(
    {"privilege_change", "impersonation", "device_enrolled", "credential_change", "account_change"}
)
"""Kinds of event that concern the account of their target, where they name one, whoever did it."""

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

OrderKey = tuple[int, int, int, str]
"""(`at_us`, the source's own sequence, rank of the kind, `id`): a total order over events."""


class SessionEvent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that happened in or to a session. The wire form: JSON, absent fields mean "the source does not say".

    `id` and `at` (aware; UTC once adapted) identify it. `received_at` is when the source itself, or the transport,
    took it in. `tenant` is the customer's organisation; `source` the feed; `sequence` the source's own order among
    events of equal time (0: it has none). `user` is the canonical key, `user_label` what people call that person.
    `target` is who or what was changed, `user` who did it. `action` is the source's own verb. `count` objects and
    `bytes` are how much an export or activity moved. `interactive` is False for what ran without the person.
    `workstation` is the computer a device sits at, when that is known apart from `device`. `attributes` holds what
    else rules may read; strings only.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    at: AwareDatetime
    kind: EventKind
    source: str = ""
    received_at: AwareDatetime | None = None
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    tenant: str = ""
    user: str = ""
    user_label: str = ""
    session: str = ""
    action: str = ""
    target: str = ""
    outcome: Outcome = "unknown"
    ip: str = ""
    user_agent: str = ""
    device: str = ""
    app: str = ""
    role: str = ""
    auth_method: str = ""
    mfa: bool | None = None
    interactive: bool = True
    resource: str = ""
    count: Count = 1
    bytes: Count = 0
    workstation: str = ""
    reason: str = ""
    place: Place | None = None
    attributes: dict[str, str] = {}

    @property
    def order(self) -> OrderKey:
        """Where this event stands among all events."""
        return (to_us(self.at), self.sequence, KIND_RANK[self.kind], self.id)


class PlacedEvent(msgspec.Struct, frozen=True, array_like=True):
    """A `SessionEvent` with its place, as detectors see it: instants in integer microseconds, every field present.

    `network` is the key of the address: an IPv4 address as it is, an IPv6 address as its /64 prefix; empty where
    `ip` is no address. `place` is None where nobody knows anything about the address.
    """

    at_us: int
    sequence: int
    rank: int
    id: str
    kind: EventKind
    source: str = ""
    received_us: int | None = None
    tenant: str = ""
    user: str = ""
    user_label: str = ""
    session: str = ""
    action: str = ""
    target: str = ""
    outcome: Outcome = "unknown"
    ip: str = ""
    network: str = ""
    user_agent: str = ""
    device: str = ""
    app: str = ""
    role: str = ""
    auth_method: str = ""
    mfa: bool | None = None
    interactive: bool = True
    resource: str = ""
    count: int = 1
    bytes: int = 0
    workstation: str = ""
    reason: str = ""
    place: Place | None = None
    attributes: dict[str, str] = {}

    @property
    def order(self) -> OrderKey:
        """Where this event stands among all events."""
        return (self.at_us, self.sequence, self.rank, self.id)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What its copies share, together with their time: tenant, source and id."""
        return (self.tenant, self.source, self.id)


def user_key(written: str) -> str:
    """The key of a user: blanks around it removed, case folded, composed (NFC), so that `Ann` and `ann` are one.

    A name that somebody types is compared with events by this key. The key of a key is that key.

    >>> user_key(" Ann@Clinic.example ")
    'ann@clinic.example'
    """
    return unicodedata.normalize("NFC", written.strip().casefold())


def account_of(event: SessionEvent | PlacedEvent) -> str:
    """The account that an event concerns: its target where an account was changed, else its user; empty: none.

    >>> account_of(PlacedEvent(at_us=0, sequence=0, rank=8, id="1", kind="credential_change", user="ann", target="Bob"))
    'bob'
    """
    if event.kind in OF_TARGET and event.target:
        return user_key(event.target)
    return event.user


_DEFAULTS: Final = tuple(zip(PlacedEvent.__struct_fields__[5:], PlacedEvent.__struct_defaults__, strict=True))


def fullness(event: PlacedEvent) -> tuple[int, bytes]:
    """Which of two copies of one event says more: the number of fields that say something, then the greater bytes.

    >>> bare = PlacedEvent(at_us=0, sequence=0, rank=4, id="1", kind="login")
    >>> fullness(bare) < fullness(msgspec.structs.replace(bare, device="d1"))
    True
    """
    said = sum(getattr(event, name) != default for name, default in _DEFAULTS if name != "attributes")
    return (said + len(event.attributes), msgspec.msgpack.encode(event))


def text_bytes(event: PlacedEvent) -> int:
    """How many bytes the texts of `event` have together, at most: what a rule may remember of it grows with them."""
    texts = [
        event.id, event.source, event.user, event.user_label, event.session, event.action, event.target, event.ip,
        event.network, event.user_agent, event.device, event.app, event.role, event.auth_method, event.resource,
        event.workstation, event.reason,
    ]  # fmt: skip
    place = event.place
    if place is not None:
        texts += (place.country, place.region, place.city, place.organisation)
    if event.attributes:
        texts += event.attributes.values()
    text = "".join(texts)
    return len(text) if text.isascii() else 4 * len(text)


_latest: Final[list[Any]] = [None, None]
"""The event that a reference was last made to, and that reference."""


class EventRef(msgspec.Struct, frozen=True, array_like=True):
    """What an alert, or a detector's state, keeps of an event: enough to find and understand it, and no content."""

    id: str
    at_us: int
    source: str = ""
    kind: str = ""
    action: str = ""
    outcome: str = ""
    session: str = ""
    ip: str = ""
    device: str = ""
    place: str = ""
    count: int = 1
    bytes: int = 0

    @classmethod
    def of(cls, event: PlacedEvent) -> EventRef:
        """The reference to `event`: one object for all rules that ask for that of the same event in turn."""
        latest, known = _latest
        if latest is event and isinstance(known, cls):
            return known
        ref = cls(
            event.id,
            event.at_us,
            event.source,
            event.kind,
            event.action,
            event.outcome,
            event.session,
            event.ip,
            event.device,
            event.place.label if event.place is not None else "",
            event.count,
            event.bytes,
        )
        _latest[:] = event, ref
        return ref

    def public(self) -> dict[str, Any]:
        """As it stands in an alert's JSON: the instant in ISO 8601, empty fields left out."""
        said = {name: value for name in self.__struct_fields__ if name != "at_us" and (value := getattr(self, name))}
        if self.count == 1:
            del said["count"]
        return {"id": said.pop("id"), "at": msgspec.to_builtins(instant(self.at_us)), **said}
