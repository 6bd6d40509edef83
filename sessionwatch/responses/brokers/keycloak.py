"""Keycloak, through its admin interface: sessions and users ended, a further factor demanded by a user's attribute."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field

from models.actions import VERBS, Action, Outcome
from sessionwatch.errors import BrokerError, UnansweredError
from sessionwatch.responses.account import Account, ServiceAccount
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange, Reply, names_one, outcome_of, part, unanswered

WRITES_MAX: Final = 2
"""Times that a user's attribute is written in one try at an action; not kept after these, a person must look."""
_NO_CONTENT: Final = 204
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_GONE: Final = ("Sesssion not found", "Session not found")  # no set: a list cannot be looked for in one
"""What a 404 says of a session that has ended; the first is how Keycloak spells it."""
_NOT_FOUND_WORDS: Final = {
    "User not found": "no_such_user",
    "Realm not found.": "no_such_realm",
    "Realm does not exist": "no_such_realm",
}
_UNCHANGED: Final = ("enabled", "requiredActions")
"""What is not written back with a user, so that a change made by somebody else in that moment stays."""


class KeycloakSettings(BrokerSettings):
    """How Keycloak is set up; the secret is that of the client `client`, which has a service account.

    `attribute` is the user's attribute that the realm's flow reads. `factors` are the types of credential that the
    flow can ask for. `offline_clients` are the ids (not the names) of the clients that get offline tokens, `[]` where
    none does; without it a session that is not listed may still be an offline one, and is not said to have ended.
    """

    realm: Annotated[str, Field(pattern=r"^\w[\w. -]*$", description="the realm that owns the sessions")]
    client: Annotated[str, Field(min_length=1, description="the client with a service account")] = "sessionwatch"
    attribute: Annotated[str, Field(pattern=r"^[A-Za-z][\w.-]*$")] = "step_up_required"
    factors: Annotated[tuple[str, ...], Field(min_length=1)] = ("otp",)
    offline_clients: tuple[str, ...] | None = None


class KeycloakBroker(Broker):
    """Keycloak has no idempotency keys: what was done before is seen from what is there, and not done again.

    A user is named by the id that events have. A user's attribute is written by reading the user, changing it and
    writing the whole, since Keycloak takes away what is left out; one at a time for each user, and read again.
    """

    name: ClassVar[str] = "keycloak"
    Settings: ClassVar[type[BrokerSettings]] = KeycloakSettings

    def __init__(self, exchange: Exchange, secret: Secret, settings: KeycloakSettings) -> None:
        """Speak through `exchange`."""
        self._exchange = exchange
        realm = part(settings.realm)
        service = ServiceAccount(f"/realms/{realm}/protocol/openid-connect/token", settings.client, secret)
        self._account = Account(exchange, f"/admin/realms/{realm}", service, exchange)
        self._said = settings
        self._writing: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        verbs = frozenset(VERBS) - {"notify"}
        self.capabilities = Capabilities(verbs, sees_sessions=True, token_lifetime=settings.token_lifetime)

    @classmethod
    def of(cls, settings: KeycloakSettings) -> Self:
        """See `Broker.of`."""
        timeout_s = settings.timeout.total_seconds()
        exchange = Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s)
        secret = secret_of(
            settings.secret_variable, settings.secret_file, f"the secret of the client {settings.client}"
        )
        return cls(exchange, secret, settings)

    async def kill_session(self, action: Action) -> Outcome:
        """See `Broker`. The online session of that id, and the offline one: there may be both."""
        return await self._bounded(self._kill_session(action))

    async def kill_user(self, action: Action) -> Outcome:
        """See `Broker`. Offline tokens issued before are stale; those of `offline_clients` are ended as well."""
        return await self._bounded(self._kill_user(action))

    async def step_up(self, action: Action) -> Outcome:
        """See `Broker`. `rejected` for a user without a factor, whom Keycloak would offer to enrol one."""
        return await self._bounded(self._step_up(action.user))

    async def clear_step_up(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._bounded(self._mark(action.user, demanded=False))

    async def session_alive(self, user: str, session: str) -> bool | None:
        """See `Broker`. A session that is not listed has ended only where offline ones can be looked at."""
        if not names_one(user, session):
            return None
        offline = self._said.offline_clients
        try:
            async with asyncio.timeout(self._exchange.timeout_s):
                for path in ("sessions", *(f"offline-sessions/{part(client)}" for client in offline or ())):
                    listed = _ids(await self._account.ask("GET", f"/users/{part(user)}/{path}"))
                    if listed is None or session in listed:
                        return None if listed is None else True
        except (TimeoutError, UnansweredError):
            return None
        return None if offline is None else False

    async def check(self) -> list[str]:
        """See `Broker`."""
        try:
            async with asyncio.timeout(self._exchange.timeout_s):
                return await self._missing()
        except (TimeoutError, UnansweredError) as error:
            reason = error.reason if isinstance(error, UnansweredError) else "timed_out"
            raise BrokerError(f"{self._exchange.base} gives no answer ({reason}); is it up?") from error

    async def close(self) -> None:
        """See `Broker`."""
        await self._exchange.close()

    async def _bounded(self, doing: Coroutine[Any, Any, Outcome]) -> Outcome:
        """What comes of several requests, all within the time of one exchange."""
        try:
            async with asyncio.timeout(self._exchange.timeout_s):
                return await doing
        except TimeoutError:
            return Outcome(result="retryable", detail="timed_out")
        except UnansweredError as error:
            return unanswered(error)

    async def _kill_session(self, action: Action) -> Outcome:
        if not names_one(action.user, action.target):
            return Outcome(result="rejected", detail="no_id")
        ended = False
        for offline in ("false", "true"):
            reply = await self._account.ask("DELETE", f"/sessions/{part(action.target)}?isOffline={offline}")
            if reply.status == _NOT_FOUND and reply.field("error") in _GONE:
                continue
            outcome = _done(reply)
            if not outcome.done:
                return outcome
            ended = True
        if ended:
            return self._ended()
        # Another realm knows the session as little as this one, so the user must be of this one.
        user = await self._user(action.user)
        return user if isinstance(user, Outcome) else Outcome(result="already_applied", detail="no_such_session")

    async def _kill_user(self, action: Action) -> Outcome:
        if not names_one(action.user):
            return Outcome(result="rejected", detail="no_id")
        path = f"/users/{part(action.user)}"
        outcome = _done(await self._account.ask("POST", f"{path}/logout"))
        if not outcome.done:
            return outcome
        for client in self._said.offline_clients or ():
            reply = await self._account.ask("GET", f"{path}/offline-sessions/{part(client)}")
            listed = _ids(reply)
            if listed is None:
                return _nonsense(reply) if reply.ok else _refused(reply)
            for session in sorted(listed):
                reply = await self._account.ask("DELETE", f"/sessions/{part(session)}?isOffline=true")
                outcome = _done(reply)
                if not outcome.done and reply.field("error") not in _GONE:
                    return outcome
        return self._ended()

    async def _step_up(self, user: str) -> Outcome:
        if not names_one(user):
            return Outcome(result="rejected", detail="no_id")
        reply = await self._account.ask("GET", f"/users/{part(user)}/credentials")
        if not reply.ok:
            return _refused(reply)
        enrolled = reply.data()
        if not isinstance(enrolled, list):
            return _nonsense(reply)
        if not any(isinstance(one, dict) and one.get("type") in self._said.factors for one in enrolled):
            return Outcome(result="rejected", status=reply.status, detail="no_factor_enrolled")
        return await self._mark(user, demanded=True)

    async def _mark(self, user: str, *, demanded: bool) -> Outcome:
        """Write the attribute where it is not as it should be, until it is read so."""
        if not names_one(user):
            return Outcome(result="rejected", detail="no_id")
        lock = self._writing.setdefault(user, asyncio.Lock())
        async with lock:
            for writes in range(WRITES_MAX + 1):
                found = await self._user(user)
                if isinstance(found, Outcome):
                    return found
                attributes = found.get("attributes") or {}
                if (attributes.get(self._said.attribute) == ["true"]) is demanded:
                    return Outcome(result="applied" if writes else "already_applied", status=_NO_CONTENT)
                if writes == WRITES_MAX:
                    break
                kept = {name: value for name, value in attributes.items() if name != self._said.attribute}
                whole = {name: value for name, value in found.items() if name not in _UNCHANGED}
                whole["attributes"] = {**kept, self._said.attribute: ["true"]} if demanded else kept
                outcome = _done(await self._account.ask("PUT", f"/users/{part(user)}", whole))
                if not outcome.done:
                    return outcome
        return Outcome(result="rejected", detail="attribute_not_kept")

    async def _user(self, user: str) -> dict[str, Any] | Outcome:
        """The user as the realm has it, or what is to be said where it has none."""
        reply = await self._account.ask("GET", f"/users/{part(user)}")
        if not reply.ok:
            return _refused(reply)
        found = reply.data()
        if not isinstance(found, dict) or found.get("id") != user:
            return _nonsense(reply)
        return found if isinstance(found.get("attributes") or {}, dict) else _nonsense(reply)

    def _ended(self) -> Outcome:
        lifetime = self.capabilities.token_lifetime
        until = None if lifetime is None else datetime.now(UTC) + lifetime
        return Outcome(result="applied", status=_NO_CONTENT, worst_case_effective_at=until)

    async def _missing(self) -> list[str]:
        """What the realm lacks, one line each."""
        where, client = f"{self._exchange.base}, realm {self._said.realm}", self._said.client
        reply = await self._account.ask("GET", "/users?max=1")
        if reply.status == _UNAUTHORISED:
            return [f"{where}: the client {client} or its secret is refused; it needs a service account"]
        if reply.status == _FORBIDDEN:
            return [f"{where}: give the service account of {client} the role manage-users of realm-management"]
        users = reply.data() if reply.ok else None
        if not isinstance(users, list):
            return [f"{where}: answers {reply.status}, not as Keycloak does; check address and realm"]
        lines = []
        access = users[0].get("access") if users and isinstance(users[0], dict) else None
        if isinstance(access, dict) and access.get("manage") is False:
            lines.append(f"{where}: {client} may see users and not manage them; give it the role manage-users")
        lines += _of_profile(where, self._said.attribute, await self._account.ask("GET", "/users/profile"))
        return lines + _of_events(where, client, await self._account.ask("GET", "/events/config"))


def _of_profile(where: str, attribute: str, reply: Reply) -> list[str]:
    """Whether the attribute is kept when it is written, and out of the user's own hands."""
    told = reply.field("attributes") if reply.ok else None
    if not isinstance(told, list):
        return [f"{where}: the users' profile cannot be read (status {reply.status}); step-up may not work"]
    declared = [one for one in told if isinstance(one, dict) and one.get("name") == attribute]
    if declared:
        rights = declared[0].get("permissions")
        edit = rights.get("edit") if isinstance(rights, dict) else None
        own = isinstance(edit, list) and "user" in edit
        return [f"{where}: users may edit {attribute} themselves; let only admins edit it"] if own else []
    policy = reply.field("unmanagedAttributePolicy")
    if policy == "ADMIN_EDIT":
        return []
    if policy == "ENABLED":
        return [f"{where}: users may edit {attribute} themselves; declare it for admins only"]
    return [f"{where}: the users' profile has no {attribute}, so it is not kept; declare it for admins only"]


def _of_events(where: str, client: str, reply: Reply) -> list[str]:
    """Whether events are kept to be read: what is done here is seen to be answered only in them."""
    if reply.status == _FORBIDDEN:
        return [f"{where}: give the service account of {client} the role view-events of realm-management"]
    words = {"eventsEnabled": "user events", "adminEventsEnabled": "admin events"}
    return [f"{where}: {what} are not kept; switch them on" for key, what in words.items() if reply.field(key) is False]


def _ids(reply: Reply) -> set[str] | None:
    """The ids of the sessions in a list; None where it is no list of such."""
    data = reply.data() if reply.ok else None
    if not isinstance(data, list) or not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in data):
        return None
    return {one["id"] for one in data}


def _done(reply: Reply) -> Outcome:
    """Keycloak says of what it did nothing but 204; a page of somebody between us with 200 is no such word."""
    if reply.ok and reply.status != _NO_CONTENT:
        return _nonsense(reply)
    return Outcome(result="applied", status=reply.status) if reply.ok else _refused(reply)


def _nonsense(reply: Reply) -> Outcome:
    return Outcome(result="retryable", status=reply.status, detail="nonsense")


def _refused(reply: Reply) -> Outcome:
    word = reply.field("error") if reply.status == _NOT_FOUND else None
    detail = _NOT_FOUND_WORDS.get(word) if isinstance(word, str) else None
    return outcome_of(reply) if detail is None else Outcome(result="rejected", status=reply.status, detail=detail)
