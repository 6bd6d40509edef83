"""What Okta's adapter promises beyond the contract of every broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.actions import Outcome
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.brokers.okta import OktaBroker
from tests.contract.brokers.far_side import SECRET, order
from tests.contract.brokers.okta_side import OktaSide

Told = Callable[[OktaSide, OktaBroker], Awaitable[None]]


def on(told: Told, **settings: object) -> None:
    """Run `told` over a far side and the adapter for it."""

    async def run() -> None:
        side = OktaSide()
        await side.start()
        broker = side.with_settings(**settings)  # type: ignore[arg-type]  # whatever the settings take
        try:
            await told(side, broker)
        finally:
            await broker.close()
            await side.close()

    asyncio.run(run())


def test_a_single_session_is_ended_only_where_a_site_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids of Okta's log need not be those of its sessions, and a factor it can demand of nobody."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", SECRET)
    file = tmp_path / "okta.yaml"
    for line, verbs in (("", {"kill_user"}), ("kill_sessions: true\n", {"kill_user", "kill_session"})):
        file.write_text(f"broker: okta\nbase: https://clinic.okta.com\n{line}")
        broker = broker_of(str(file))
        assert broker.capabilities.verbs == verbs
        asyncio.run(broker.close())


@pytest.mark.parametrize("user", ["an", "me", "00uan", "a/../bo", "..", ""])
def test_a_user_who_is_not_named_whole_is_nobody(user: str) -> None:
    """Okta takes the beginning of a login for it, and `me` for the token's owner: neither is signed out."""

    async def told(side: OktaSide, broker: OktaBroker) -> None:
        sessions = [side.sign_in(one) for one in ("ann", "bo", "admin")]
        outcome = await broker.do(order("kill_user", user))
        assert outcome.result == "rejected"
        assert outcome.detail in {"another_user", "no_such_user", "no_id"}
        assert all(side.alive(one) for one in sessions)

    on(told)


def test_tokens_and_remembered_factors_go_with_the_sessions() -> None:
    """Unless a site says that they stay; a user may be named by id or login, in any case."""

    async def told(side: OktaSide, broker: OktaBroker) -> None:
        session = side.sign_in("ann")
        assert (await broker.do(order("kill_user", "ANN"))).done
        assert not side.alive(session)
        assert side.asked[-1] == "DELETE /api/v1/users/00uann/sessions?oauthTokens=true&forgetDevices=true"
        keeps = side.with_settings(oauth_tokens=False, forget_devices=False)
        assert (await keeps.do(order("kill_user", "00uann"))).done
        assert side.asked[-1] == "DELETE /api/v1/users/00uann/sessions?oauthTokens=false&forgetDevices=false"
        await keeps.close()

    on(told)


def test_a_session_of_another_user_goes_on() -> None:
    """An id that the log gives to somebody else is not believed."""

    async def told(side: OktaSide, broker: OktaBroker) -> None:
        session = side.sign_in("bo")
        told_of = await broker.do(order("kill_session", "ann", session))
        assert told_of == Outcome(result="rejected", status=200, detail="session_of_another_user")
        assert side.alive(session)

    on(told)


def test_too_many_are_asked_again_when_okta_says() -> None:
    """`X-Rate-Limit-Reset` is a time of Okta's clock, in seconds since 1970."""

    async def told(side: OktaSide, broker: OktaBroker) -> None:
        side.limited_s = 40.0
        outcome = await broker.do(order("kill_user", "ann"))
        assert (outcome.result, outcome.status) == ("retryable", 429)
        assert outcome.retry_after_s is not None
        assert 30.0 <= outcome.retry_after_s <= 41.0
        side.limited_s = 1e9
        assert (await broker.do(order("kill_user", "ann"))).retry_after_s == 3_600.0

    on(told)


def test_until_when_a_token_is_taken_is_told() -> None:
    """Where its lifetime is known; else nothing is said of it."""

    async def told(side: OktaSide, broker: OktaBroker) -> None:
        before = datetime.now(UTC)
        until = (await broker.do(order("kill_user", "ann"))).worst_case_effective_at
        assert until is not None
        assert before + timedelta(minutes=5) <= until <= datetime.now(UTC) + timedelta(minutes=5)
        plain = side.with_settings()
        assert (await plain.do(order("kill_user", "ann"))).worst_case_effective_at is None
        await plain.close()

    on(told, token_lifetime="5m")  # noqa: S106 - a span of time, no secret
