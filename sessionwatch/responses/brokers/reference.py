"""The reference broker: any that keeps our own HTTP contract, published as OpenAPI 3.1 in `reference.openapi.json`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import quote

from models.actions import VERBS, Action, Outcome
from sessionwatch.errors import BrokerError, UnansweredError
from sessionwatch.responses.broker import Broker, BrokerSettings, Capabilities
from sessionwatch.responses.credentials import Secret, secret_of
from sessionwatch.responses.exchange import Exchange, Reply, outcome_of, unanswered

CONTRACT: str = "1"
"""The version of the contract that is spoken here."""
_NOT_FOUND = 404
_CONFLICT = 409
_UNKNOWN = {"kill_session": "no_such_session", "kill_user": "no_such_user", "clear_step_up": "no_such_user"}
"""What a 404 must say for there to be nothing left to do."""


class ReferenceBroker(Broker):
    """`PUT /v1/actions/{id}` with what is to be done; asked twice, the broker answers as before and does nothing."""

    name: ClassVar[str] = "reference"

    def __init__(self, exchange: Exchange, token: Secret, token_lifetime: timedelta | None = None) -> None:
        """Speak through `exchange`; `token` is sent as a bearer's."""
        self._exchange = exchange
        self._token = token
        verbs = frozenset(VERBS) - {"notify"}
        self.capabilities = Capabilities(verbs, sees_sessions=True, token_lifetime=token_lifetime)

    @classmethod
    def of(cls, settings: BrokerSettings) -> Self:
        """See `Broker.of`."""
        timeout_s = settings.timeout.total_seconds()
        exchange = Exchange(settings.base, authority=settings.authority, timeout_s=timeout_s)
        token = secret_of(settings.secret_variable, settings.secret_file, "the broker's token")
        return cls(exchange, token, settings.token_lifetime)

    async def kill_session(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._put(action)

    async def kill_user(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._put(action)

    async def step_up(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._put(action)

    async def clear_step_up(self, action: Action) -> Outcome:
        """See `Broker`."""
        return await self._put(action)

    async def session_alive(self, user: str, session: str) -> bool | None:
        """See `Broker`."""
        try:
            reply = await self._ask("GET", f"/v1/sessions/{quote(session, safe='')}")
        except UnansweredError:
            return None
        if reply.status == _NOT_FOUND and reply.field("error") == "no_such_session":
            return False
        alive = reply.field("alive") if reply.ok else None
        return alive if isinstance(alive, bool) else None

    async def session_count(self) -> int | None:
        """See `Broker`."""
        try:
            reply = await self._ask("GET", "/v1/counts")
        except UnansweredError:
            return None
        count = reply.field("sessions_alive") if reply.ok else None
        return count if type(count) is int and count >= 0 else None

    async def check(self) -> list[str]:
        """See `Broker`."""
        try:
            reply = await self._ask("GET", "/v1/health")
        except UnansweredError as error:
            raise BrokerError(f"{self._exchange.base} gives no answer ({error.reason}); is it up?") from error
        if not reply.ok:
            return [f"{self._exchange.base} answers {reply.status}; check its address and the token"]
        if reply.field("contract") != CONTRACT:
            return [f"{self._exchange.base} does not speak version {CONTRACT} of the reference contract"]
        return []

    async def close(self) -> None:
        """See `Broker`."""
        await self._exchange.close()

    async def _ask(self, method: str, path: str, data: Any = None) -> Reply:
        headers = {"authorization": f"Bearer {self._token.reveal()}"}
        return await self._exchange.ask(method, path, headers=headers, data=data)

    async def _put(self, action: Action) -> Outcome:
        try:
            reply = await self._ask("PUT", f"/v1/actions/{quote(action.id, safe='')}", order_of(action))
        except UnansweredError as error:
            return unanswered(error)
        if reply.ok:
            return self._answered(action, reply)
        if reply.status == _NOT_FOUND and reply.field("error") == _UNKNOWN.get(action.verb, ""):
            return Outcome(result="already_applied", status=reply.status, detail=_UNKNOWN[action.verb])
        if reply.status == _CONFLICT:
            return Outcome(result="rejected", status=reply.status, detail="id_of_another_action")
        return outcome_of(reply)

    def _answered(self, action: Action, reply: Reply) -> Outcome:
        """A 2xx that names our action and says what came of it; any other is no answer."""
        result, lifetime = reply.field("result"), self.capabilities.token_lifetime
        # A tuple, since an answer may hold a list there, which no set can be asked for.
        if reply.field("id") != action.id or result not in ("applied", "accepted", "already_applied"):
            return Outcome(result="retryable", status=reply.status, detail="nonsense")
        until = datetime.now(UTC) + lifetime if lifetime is not None and action.destructive else None
        return Outcome(result=result, status=reply.status, worst_case_effective_at=until)


def order_of(action: Action) -> dict[str, Any]:
    """What leaves us for an action, and nothing else: a list of what is allowed, not of what is left out."""
    order = {
        "verb": action.verb,
        "tenant": action.tenant,
        "user": action.user,
        "session": action.target if action.verb == "kill_session" else "",
        "alert": action.alert,
        "rule": action.rule.id,
        "why": action.why,
        "undoes": action.undoes,
    }
    return {name: value for name, value in order.items() if value}
