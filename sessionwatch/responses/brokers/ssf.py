"""Receivers of the Shared Signals Framework: told by signed CAEP events, pushed or fetched, on which they act."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field

from models.actions import Action, Outcome, Verb
from sessionwatch.errors import BrokerError, StateError, UnansweredError
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.event_spool import EventSpool
from sessionwatch.responses.exchange import Exchange, Reply, outcome_of, unanswered
from sessionwatch.responses.security_events import (
    CAEP,
    MEDIA_TYPE,
    REFUSALS,
    SSF,
    SecurityEvent,
    Signer,
    published_key,
    signing_key,
)

_ACCEPTED: Final = 202
_BAD_REQUEST: Final = 400
_NEW_KEY: Final = "invalid_key"
"""The one that passes: a receiver looks at our keys anew after a while."""


class SsfSettings(BrokerSettings):
    """How a receiver is set up. The secret is the private key that signs, in PEM.

    `base` is where the receiver takes events; with `delivery: poll` it is where it finds us, and `spool` the file in
    which events wait to be fetched. `issuer` and `audience` are the `iss` and `aud` of the events, `stream` the id of a
    stream that is pushed. `subject` is the form in which the receiver knows users; `iss_sub` needs `user_issuer`, who
    gave their ids. `sessions`: the receiver ends the one session that an event names. `step_up`: it asks a user of
    medium risk for a factor; both must be agreed with it. `other_keys` are published and sign nothing: the next key,
    and the last. `authorization_file` or `authorization_variable` hold the header `Authorization`, whole, which the
    receiver asks for, or gives when it fetches.
    """

    base: Annotated[str, Field(description="where the receiver takes events, or finds us; the whole address")]
    issuer: Annotated[str, Field(pattern=r"^https://\S+$", description="who we are to the receiver")]
    audience: Annotated[tuple[str, ...], Field(min_length=1, description="who the receiver is")]
    subject: Annotated[
        Literal["opaque", "email", "iss_sub"], Field(description="the form in which the receiver knows users")
    ]
    delivery: Literal["push", "poll"] = "push"
    spool: Path | None = None
    stream: Annotated[str, Field(min_length=1)] = "sessionwatch"
    user_issuer: str = ""
    sessions: bool = False
    step_up: bool = False
    other_keys: tuple[Path, ...] = ()
    authorization_variable: Annotated[str | None, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = None
    authorization_file: Path | None = None


class Delivery(ABC):
    """A way by which events reach a receiver."""

    signer: Signer

    @abstractmethod
    async def send(self, event: SecurityEvent, until: datetime) -> Outcome:
        """What came of the event, which is worth nothing after `until`; `accepted` where it is on its way."""

    @abstractmethod
    async def check(self) -> list[str]:
        """See `Broker.check`."""

    @abstractmethod
    async def close(self) -> None:
        """See `Broker.close`."""


class Push(Delivery):
    """Events sent as RFC 8935 says."""

    def __init__(self, exchange: Exchange, signer: Signer, authorization: Secret | None, stream: str) -> None:
        """Push through `exchange` what `signer` signs; `stream` is what a verification event is about."""
        self._exchange = exchange
        self.signer = signer
        self._authorization = authorization
        self._stream = stream

    async def send(self, event: SecurityEvent, until: datetime) -> Outcome:
        """See `Delivery`."""
        try:
            reply = await self._pushed(event)
        except UnansweredError as error:
            return unanswered(error)
        return Outcome(result="accepted", status=reply.status) if reply.status == _ACCEPTED else _not_taken(reply)

    async def check(self) -> list[str]:
        """See `Broker.check`. A verification event is sent, for which nothing is to be done."""
        subject = {"format": "opaque", "id": self._stream}
        event = SecurityEvent(secrets.token_hex(16), f"{SSF}/verification", subject, {})
        try:
            reply = await self._pushed(event)
        except UnansweredError as error:
            raise BrokerError(f"{self._exchange.base} gives no answer ({error.reason}); is it up?") from error
        if reply.status == _ACCEPTED:
            return []
        why = _refusal(reply) or "no word of its own"
        hint = "check its address, issuer, audience, and that it has our keys"
        return [f"{self._exchange.base} does not take events (status {reply.status}, {why}); {hint}"]

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._exchange.close()

    async def _pushed(self, event: SecurityEvent) -> Reply:
        headers = {"content-type": MEDIA_TYPE, "accept": "application/json"}
        if self._authorization is not None:
            headers["authorization"] = self._authorization.reveal()
        return await self._exchange.ask("POST", "", headers=headers, content=self.signer.token(event))


class Poll(Delivery):
    """Events kept in a spool, from which `sessionwatch broker transmit` hands them out as RFC 8936 says."""

    def __init__(self, spool: EventSpool, signer: Signer) -> None:
        """Keep in `spool` what `signer` signs."""
        self.spool = spool
        self.signer = signer

    async def send(self, event: SecurityEvent, until: datetime) -> Outcome:
        """See `Delivery`. Accepted once it is on the disk."""
        try:
            put = self.spool.put(event.id, event.type, self.signer.token(event), until.timestamp())
        except StateError:
            return Outcome(result="retryable", detail="spool_failed")
        if put in {"kept", "known"}:
            return Outcome(result="accepted")
        return Outcome(result="rejected" if put == "not_requested" else "retryable", detail=put)

    async def check(self) -> list[str]:
        """See `Broker.check`. Whether there is a stream, and what of before was not taken."""
        where, stream = str(self.spool.path), self.spool.stream()
        if stream is None:
            return [f"{where}: no receiver has asked for a stream; `sessionwatch broker transmit` serves it"]
        lines = [] if stream.status == "enabled" else [f"{where}: the receiver has the stream {stream.status}"]
        counts = self.spool.counts()
        bad = ((came, count) for came, count in counts.items() if came not in {"waiting", "fetched", "dropped"})
        return lines + [f"{where}: {count} events were {came}; look at the receiver" for came, count in bad]

    async def close(self) -> None:
        """See `Broker.close`."""
        self.spool.close()


class SsfBroker(Broker):
    """Each action is one event with the action's id as its own, by which a receiver knows it again.

    That it was taken is all that a receiver tells: an action is `accepted`, also where there was nothing left to do.
    """

    name: ClassVar[str] = "ssf"
    Settings: ClassVar[type[BrokerSettings]] = SsfSettings

    def __init__(self, delivery: Delivery, settings: SsfSettings) -> None:
        """Tell by `delivery`."""
        self.delivery = delivery
        self.said = settings
        verbs: set[Verb] = {"kill_user"}
        verbs |= {"kill_session"} if settings.sessions else set()
        verbs |= {"step_up", "clear_step_up"} if settings.step_up else set()
        self.capabilities = Capabilities(frozenset(verbs), token_lifetime=settings.token_lifetime)

    @classmethod
    def of(cls, settings: SsfSettings) -> Self:
        """See `Broker.of`."""
        if settings.subject == "iss_sub" and not settings.user_issuer:
            raise BrokerError("subject: iss_sub needs user_issuer, who gave the users their ids")
        key = signing_key(secret_of(settings.secret_variable, settings.secret_file, "the private key in PEM"))
        others = tuple(published_key(path) for path in settings.other_keys)
        signer = Signer(settings.issuer, settings.audience, key, others)
        authorization = authorization_of(settings)
        if settings.delivery == "push":
            timeout_s = settings.timeout.total_seconds()
            exchange = Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s)
            return cls(Push(exchange, signer, authorization, settings.stream), settings)
        if settings.spool is None or authorization is None:
            raise BrokerError("delivery: poll needs spool, and authorization_file or authorization_variable")
        return cls(Poll(EventSpool(settings.spool), signer), settings)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of event that a receiver may be told."""
        return (f"{CAEP}/session-revoked", *((f"{CAEP}/risk-level-change",) if self.said.step_up else ()))

    async def kill_session(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._told(action, f"{CAEP}/session-revoked", {})

    async def kill_user(self, action: Action) -> Outcome:
        """See `Broker`. An event about a user without a session is about all of them."""
        return await self._told(action, f"{CAEP}/session-revoked", {})

    async def step_up(self, action: Action) -> Outcome:
        """See `Broker`. CAEP has no word for it: the user is of medium risk, and the receiver knows what to ask."""
        return await self._told(action, f"{CAEP}/risk-level-change", _risk(action, "MEDIUM"))

    async def clear_step_up(self, action: Action) -> Outcome:
        """See `Broker`. The user is of low risk again."""
        return await self._told(
            action, f"{CAEP}/risk-level-change", {**_risk(action, "LOW"), "previous_level": "MEDIUM"}
        )

    async def session_alive(self, user: str, session: str) -> bool | None:
        """See `Broker`. A receiver is told things and not asked: None."""
        return None

    async def check(self) -> list[str]:
        """See `Broker`."""
        return await self.delivery.check()

    async def close(self) -> None:
        """See `Broker`."""
        await self.delivery.close()

    async def _told(self, action: Action, type_: str, said: dict[str, Any]) -> Outcome:
        subject = self._subject(action)
        if subject is None:
            return Outcome(result="rejected", detail="no_id")
        common = {
            "event_timestamp": int(action.at.timestamp()),
            "initiating_entity": "admin" if action.origin == "person" else "policy",
            "reason_admin": {"en": reason_of(action)},
        }
        event = SecurityEvent(action.id, type_, subject, {**common, **said}, action.chain)
        outcome = await self.delivery.send(event, action.expires_at)
        lifetime = self.capabilities.token_lifetime
        if not outcome.done or lifetime is None or not action.destructive:
            return outcome
        # What is fetched may be fetched at the last moment.
        begins = datetime.now(UTC) if self.said.delivery == "push" else action.expires_at
        return outcome.model_copy(update={"worst_case_effective_at": begins + lifetime})

    def _subject(self, action: Action) -> dict[str, Any] | None:
        """Whom the event is about, in the receiver's form; None where the user has no such id."""
        user = _user(self.said, action.user)
        if action.verb != "kill_session" or user is None:
            return user
        if not action.target:
            return None
        return {"format": "complex", "user": user, "session": {"format": "opaque", "id": action.target}}


def authorization_of(settings: SsfSettings) -> Secret | None:
    """The header `Authorization`, whole; None where the settings name none.

    Raises:
        UsageError: it is not where the settings say.
    """
    variable, file = settings.authorization_variable, settings.authorization_file
    if variable is None and file is None:
        return None
    return secret_of(variable or "", file, "the header Authorization between us and the receiver")


def reason_of(action: Action) -> str:
    """What an administrator reads: rule and alert by their ids, and nothing of a record."""
    rule = f"{action.rule.id} {action.rule.version}" if action.rule.id else "decided by a person"
    return f"{rule} (alert {action.alert})" if action.alert else rule


def _user(said: SsfSettings, user: str) -> dict[str, Any] | None:
    if not user:
        return None
    match said.subject:
        case "opaque":
            return {"format": "opaque", "id": user}
        case "email":
            return {"format": "email", "email": user} if "@" in user else None
        case "iss_sub":
            return {"format": "iss_sub", "iss": said.user_issuer, "sub": user}


def _risk(action: Action, level: str) -> dict[str, Any]:
    return {"principal": "USER", "current_level": level, "risk_reason": action.rule.id or "decided by a person"}


def _refusal(reply: Reply) -> str:
    """The receiver's word for why it did not take an event, where it is one of those that there are."""
    word = reply.field("err") if reply.status == _BAD_REQUEST else None
    return word if isinstance(word, str) and word in REFUSALS else ""


def _not_taken(reply: Reply) -> Outcome:
    """202 is the one word for success; a page of somebody between us with 200 is none."""
    if reply.ok:
        return Outcome(result="retryable", status=reply.status, detail="nonsense")
    outcome, word = outcome_of(reply), _refusal(reply)
    if not word:
        return outcome
    result = "retryable" if word == _NEW_KEY else outcome.result
    return outcome.model_copy(update={"result": result, "detail": word})
