"""What the webhook's adapter promises beyond the contract of every broker."""

from __future__ import annotations

import asyncio
import base64

import pytest

from models.actions import Outcome
from sessionwatch.errors import UsageError
from sessionwatch.responses.brokers.webhook import key_of
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded import EmbeddedSessions
from tests.contract.brokers.far_side import SECRET, order
from tests.contract.brokers.webhook_side import WebhookSide


def test_who_takes_orders_can_tell_ours() -> None:
    """Another key's signature is refused, and nothing is done; the order holds what is allowed and no more."""

    async def run() -> None:
        side = WebhookSide()
        await side.start()
        right, wrong = side.keyed(SECRET), side.keyed("another")
        session = side.sign_in("ann")
        refused = Outcome(result="rejected", status=401, detail="status_401")
        assert await wrong.do(order("kill_session", "ann", session)) == refused
        assert await wrong.check()
        assert side.alive(session)
        action = order("kill_session", "ann", session)
        assert (await right.do(action)).result == "applied"
        (told,) = side.orders
        assert told["id"] == action.id
        assert set(told) == {"id", "verb", "tenant", "user", "session", "alert", "rule", "why"}
        for broker in (right, wrong):
            await broker.close()
        await side.close()

    asyncio.run(run())


def test_a_result_that_is_no_word_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that names the order and holds a list for its result is an outcome, and no exception."""

    async def run() -> None:
        side = WebhookSide()
        await side.start()
        monkeypatch.setattr(EmbeddedSessions, "order", lambda _self, _id, _said: ["applied"])
        broker = side.keyed(SECRET)
        told = await broker.do(order("kill_user", "ann"))
        assert told == Outcome(result="retryable", status=200, detail="nonsense")
        await broker.close()
        await side.close()

    asyncio.run(run())


def test_a_key_may_be_written_in_base64() -> None:
    """As other senders of webhooks hand them out; one that is broken is told at the start, and not shown."""
    assert key_of(Secret("plain")) == b"plain"
    assert key_of(Secret("whsec_" + base64.b64encode(b"\0key").decode())) == b"\0key"
    with pytest.raises(UsageError) as error:
        key_of(Secret("whsec_not base64"))
    assert "not base64" in str(error.value)
    assert "whsec_not" not in str(error.value)
