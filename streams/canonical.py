"""What is done to the events of every format alike: one key for a person, one spelling for an address, times in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Final

from msgspec.structs import force_setattr

from models.events import OF_TARGET, PLACEHOLDERS, SessionEvent, user_key
from sessionwatch.errors import BadRecordError
from streams.accounting import Accounting
from streams.adapters.addresses import ReadAddress, read_address

REMEMBERED_MAX: Final = 250_000
"""Users, and addresses, whose canonical form is remembered; when there are more, all are forgotten. About 50 MB."""


class Canonical:
    """Makes events canonical, in place: only for events that nobody else holds yet.

    `tenant` is set where the event has none. `aliases` maps other names to the one that a person's events are kept
    under, also where the person is the target of a change; both are case-folded here. A name that only says that
    nobody is known becomes an empty user, and stays as the label. An address that cannot be read becomes empty, and
    stays as `attributes.address`.
    """

    def __init__(self, tenant: str, aliases: Mapping[str, str], accounting: Accounting) -> None:
        """Hold the settings, and the sums to count in."""
        self._tenant = tenant
        self._aliases = {user_key(name): user_key(known) for name, known in aliases.items()}
        self._accounting = accounting
        self._users: dict[str, str] = {}
        self._addresses: dict[str, ReadAddress] = {}
        self._plain_users = {""}
        self._plain_addresses = {""}

    def make_all(self, events: Iterable[SessionEvent], source: str) -> list[tuple[int, BadRecordError]]:
        """Make each of `events` canonical, quickly where most are already; those that cannot be, by index and fault."""
        users, addresses, bad = self._plain_users, self._plain_addresses, []
        for index, event in enumerate(events):
            if (
                event.user in users
                and event.ip in addresses
                and event.at.tzinfo is UTC
                and event.tenant
                and event.source
                and event.received_at is None
                and not (self._aliases and event.target)
            ):
                continue
            try:
                self.make(event, source)
            except BadRecordError as fault:
                bad.append((index, fault))
        return bad

    def make(self, event: SessionEvent, source: str) -> None:
        """Make `event` canonical; `source` is the feed, where the event names none.

        Raises:
            BadRecordError: its time is outside what a calendar holds. Then nothing was counted.
        """
        if event.at.tzinfo is not UTC:
            _in_utc(event, "at")
        if event.received_at is not None and event.received_at.tzinfo is not UTC:
            _in_utc(event, "received_at")
        if not event.tenant:
            force_setattr(event, "tenant", self._tenant)
        if not event.source:
            force_setattr(event, "source", source)
        user = event.user
        if user:
            known = self._users.get(user)
            if known is None:
                known = self._user(user)
            if known != user:
                self._named(event, user, known)
        self._aimed(event)
        ip = event.ip
        if ip:
            read = self._addresses.get(ip) or self._address(ip)
            if read.ip != ip:
                self._addressed(event, ip, read)

    def key(self, written: str) -> str:
        """The key that a user's events are kept under; empty where `written` is a word for nobody."""
        known = user_key(written)
        known = self._aliases.get(known, known)
        return "" if known in PLACEHOLDERS else known

    def _user(self, user: str) -> str:
        if len(self._users) >= REMEMBERED_MAX:
            self._users.clear()
            self._plain_users = {""}
        known = self._users[user] = self.key(user)
        if known == user:
            self._plain_users.add(user)
        return known

    def _address(self, ip: str) -> ReadAddress:
        if len(self._addresses) >= REMEMBERED_MAX:
            self._addresses.clear()
            self._plain_addresses = {""}
        read = self._addresses[ip] = read_address(ip)
        if read.ip == ip:
            self._plain_addresses.add(ip)
        return read

    def _named(self, event: SessionEvent, user: str, known: str) -> None:
        force_setattr(event, "user", known)
        if not known:
            self._accounting.placeholder_users += 1
        if not event.user_label and known != user_key(user):
            force_setattr(event, "user_label", user)

    def _aimed(self, event: SessionEvent) -> None:
        """Name the person whom a change concerns as that person's own events do."""
        if self._aliases and event.target and event.kind in OF_TARGET:
            force_setattr(event, "target", self._aliases.get(user_key(event.target), event.target))

    def _addressed(self, event: SessionEvent, ip: str, read: ReadAddress) -> None:
        force_setattr(event, "ip", read.ip)
        if read.fault:
            self._accounting.addresses_unread[read.fault] += 1
            force_setattr(event, "attributes", {"address": ip, **event.attributes})


def _in_utc(event: SessionEvent, field: str) -> None:
    at = getattr(event, field)
    try:
        force_setattr(event, field, at.astimezone(UTC))
    except OverflowError as error:
        raise BadRecordError("bad_time", f"`{field}` is outside the years 1 to 9999 in UTC") from error
