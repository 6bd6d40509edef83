"""A webhook: any program that takes our orders by signed POST and says what it did."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field

from models.actions import Action, Outcome, Verb
from sessionwatch.errors import BrokerError, UnansweredError, UsageError
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.brokers.reference import order_of
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange, Reply, outcome_of, unanswered

ENCODED: Final = "whsec_"
"""A secret that begins so is the key in base64; any other is the key itself."""
_DONE: Final = ("applied", "accepted", "already_applied")  # no set: a list cannot be looked for in one


class WebhookSettings(BrokerSettings):
    """How a webhook is set up; `base` is its whole address. `verbs` are the actions that it knows."""

    verbs: Annotated[tuple[Verb, ...], Field(min_length=1)] = ("step_up", "clear_step_up", "kill_session", "kill_user")


class WebhookBroker(Broker):
    """Each order is one POST, signed as Standard Webhooks say, with the action's id as `webhook-id`.

    Whoever takes it does nothing for an id that it has done, and answers 200 with `id` and `result`: only an answer
    that names the order is one, since a proxy's page may have 200 as well.
    """

    name: ClassVar[str] = "webhook"
    Settings: ClassVar[type[BrokerSettings]] = WebhookSettings

    def __init__(self, exchange: Exchange, secret: Secret, settings: WebhookSettings) -> None:
        """Speak through `exchange`; `secret` signs."""
        self._exchange = exchange
        self._secret = secret
        verbs = frozenset(settings.verbs) - {"notify"}
        self.capabilities = Capabilities(verbs, token_lifetime=settings.token_lifetime)

    @classmethod
    def of(cls, settings: WebhookSettings) -> Self:
        """See `Broker.of`."""
        secret = secret_of(settings.secret_variable, settings.secret_file, "the key that signs")
        key_of(secret)
        timeout_s = settings.timeout.total_seconds()
        return cls(Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s), secret, settings)

    async def kill_session(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._post(action)

    async def kill_user(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._post(action)

    async def step_up(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._post(action)

    async def clear_step_up(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._post(action)

    async def session_alive(self, user: str, session: str) -> bool | None:
        """See `Broker`. A webhook is told things and not asked: None."""
        return None

    async def check(self) -> list[str]:
        """See `Broker`. An order with the verb `check` is sent, for which nothing is to be done."""
        id_ = uuid.uuid4().hex
        try:
            reply = await self._sent(id_, {"verb": "check"})
        except UnansweredError as error:
            raise BrokerError(f"{self._exchange.base} gives no answer ({error.reason}); is it up?") from error
        if not reply.ok:
            return [f"{self._exchange.base} answers {reply.status}; check its address and the key"]
        if reply.field("id") != id_ or reply.field("result") not in _DONE:
            return [f"{self._exchange.base} does not answer with the id and the result of an order"]
        return []

    async def close(self) -> None:
        """See `Broker`."""
        await self._exchange.close()

    async def _sent(self, id_: str, order: dict[str, Any]) -> Reply:
        body = json.dumps({"id": id_, **order}).encode()
        at_s = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(key_of(self._secret), id_, at_s, body),
        }
        return await self._exchange.ask("POST", "", headers=headers, content=body)

    async def _post(self, action: Action) -> Outcome:
        try:
            reply = await self._sent(action.id, order_of(action))
        except UnansweredError as error:
            return unanswered(error)
        if not reply.ok:
            return outcome_of(reply)
        result = reply.field("result")
        if reply.field("id") != action.id or result not in _DONE:
            return Outcome(result="retryable", status=reply.status, detail="nonsense")
        lifetime = self.capabilities.token_lifetime
        until = datetime.now(UTC) + lifetime if lifetime is not None and action.destructive else None
        return Outcome(result=result, status=reply.status, worst_case_effective_at=until)


def signature(key: bytes, id_: str, at_s: int, body: bytes) -> str:
    """The header `webhook-signature`: HMAC-SHA256 of id, seconds since 1970 and body, with dots between.

    >>> signature(b"key", "1f", 1772442000, b"{}")
    'v1,c4upLkT8wMgVIZyeRdfsw8jNJZdZ3NI8isvGhZx4uTs='
    """
    signed = hmac.digest(key, f"{id_}.{at_s}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def key_of(secret: Secret) -> bytes:
    """The key that `secret` is.

    Raises:
        UsageError: it says that it is in base64, and is not.
    """
    text = secret.reveal()
    if not text.startswith(ENCODED):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(ENCODED), validate=True)
    except binascii.Error as error:
        raise UsageError(
            f"the key that signs begins with {ENCODED} and is not base64 after it; copy it anew"
        ) from error
