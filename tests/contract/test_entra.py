"""What Entra's adapter promises beyond the contract of every broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from models.actions import Outcome
from sessionwatch.errors import UsageError, WrittenError
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.brokers.entra import EntraBroker
from tests.contract.brokers.entra_side import EntraSide
from tests.contract.brokers.far_side import SECRET, order

Told = Callable[[EntraSide, EntraBroker], Awaitable[None]]


def on(told: Told, **settings: object) -> None:
    """Run `told` over a far side and the adapter for it."""

    async def run() -> None:
        side = EntraSide()
        await side.start()
        broker = side.with_settings(**settings)  # type: ignore[arg-type]  # whatever the settings take
        try:
            await told(side, broker)
        finally:
            await broker.close()
            await side.close()

    asyncio.run(run())


def test_a_user_is_all_that_it_can_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a session nor a factor; the addresses of the world's Entra need not be said, tenant and client must."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", SECRET)
    file = tmp_path / "entra.yaml"
    file.write_text("broker: entra\ntenant: clinic.example\nclient: 6e1c7a52\n")
    broker = broker_of(str(file))
    assert broker.capabilities.verbs == {"kill_user"}
    asyncio.run(broker.close())
    file.write_text("broker: entra\ntenant: ../common\n")
    with pytest.raises(WrittenError) as error:
        broker_of(str(file))
    assert {fault.line for fault in error.value.faults} == {1, 2}
    monkeypatch.delenv("SESSIONWATCH_BROKER_TOKEN")
    file.write_text("broker: entra\ntenant: clinic.example\nclient: 6e1c7a52\n")
    with pytest.raises(UsageError, match="SESSIONWATCH_BROKER_TOKEN"):
        broker_of(str(file))


@pytest.mark.parametrize(
    ("settings", "minutes"),
    [({}, 90), ({"token_lifetime": "1h"}, 60), ({"continuous_access": True}, 15), ({"token_lifetime": None}, None)],
)
def test_a_revocation_is_accepted_and_holds_later(settings: dict[str, object], minutes: int | None) -> None:
    """Until when a token of before may be taken is told: its lifetime, or what continuous evaluation takes."""

    async def told(side: EntraSide, broker: EntraBroker) -> None:
        before = datetime.now(UTC)
        outcome = await broker.do(order("kill_user", "ann"))
        assert (outcome.result, outcome.status) == ("accepted", 200)
        until = outcome.worst_case_effective_at
        if minutes is None or until is None:
            assert until is minutes
            return
        span = timedelta(minutes=minutes)
        assert before + span <= until <= datetime.now(UTC) + span

    on(told, **settings)


def test_a_refused_token_is_asked_for_anew_once() -> None:
    """One token for many actions; one that is refused before its time is no refusal of the action."""

    async def told(side: EntraSide, broker: EntraBroker) -> None:
        for user in ("ann", "bo"):
            assert (await broker.do(order("kill_user", user))).done
        assert side.given == 1
        side.tokens.clear()
        assert (await broker.do(order("kill_user", "ann"))).done
        assert side.given == 2
        assert set(side.bodies) == {b""}

    on(told)


def test_a_user_who_is_not_there_is_told_from_a_missing_right() -> None:
    """Both need a person, each another; a user who names another path is none."""

    async def told(side: EntraSide, broker: EntraBroker) -> None:
        nobody = Outcome(result="rejected", status=404, detail="no_such_user")
        assert await broker.do(order("kill_user", "eve")) == nobody
        assert await broker.do(order("kill_user", "ann/x")) == Outcome(result="rejected", detail="no_id")
        side.permitted = False
        denied = Outcome(result="rejected", status=403, detail="status_403")
        assert await broker.do(order("kill_user", "ann")) == denied
        (line,) = await broker.check()
        assert "User.RevokeSessions.All" in line

    on(told)


def test_its_check_signs_nobody_out() -> None:
    """The right is tried on an id that nobody has."""

    async def told(side: EntraSide, broker: EntraBroker) -> None:
        session = side.sign_in("ann")
        assert await broker.check() == []
        assert side.alive(session)
        assert side.effects() == 0

    on(told)


@pytest.mark.parametrize("body", [{"value": False}, {"value": "true"}, {}, []])
def test_what_does_not_say_that_it_was_done_is_asked_again(body: object) -> None:
    """A page of somebody between us may have 200 as well."""

    async def told(side: EntraSide, broker: EntraBroker) -> None:
        side.answer = web.json_response(body)
        expected = Outcome(result="retryable", status=200, detail="nonsense")
        assert await broker.do(order("kill_user", "ann")) == expected

    on(told)
