"""What Keycloak's adapter promises beyond the contract of every broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.actions import Outcome
from sessionwatch.errors import BrokerError, WrittenError
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.brokers.keycloak import KeycloakBroker
from tests.contract.brokers.far_side import SECRET, order
from tests.contract.brokers.keycloak_side import KeycloakSide

Told = Callable[[KeycloakSide, KeycloakBroker], Awaitable[None]]


def on(told: Told, realm: str = "clinic", **settings: object) -> None:
    """Run `told` over a far side and the adapter for one of its realms."""

    async def run() -> None:
        side = KeycloakSide()
        await side.start()
        broker = side.of_realm(realm, **settings)  # type: ignore[arg-type]  # whatever the settings take
        try:
            await told(side, broker)
        finally:
            await broker.close()
            await side.close()

    asyncio.run(run())


def test_both_kinds_of_a_session_are_ended() -> None:
    """An offline session of the id would go on renewing its tokens after the online one is gone."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        session = side.sign_in("ann")
        side.offline[session] = "ann"
        side.offline["only-offline"] = "ann"
        assert (await broker.do(order("kill_session", "ann", session))).result == "applied"
        assert not side.alive(session)
        assert await broker.session_alive("ann", "only-offline") is True
        assert (await broker.do(order("kill_session", "ann", "only-offline"))).result == "applied"
        assert not side.alive("only-offline")
        side.offline["another"] = "ann"
        assert (await broker.do(order("kill_user", "ann"))).done
        assert not side.alive("another")

    on(told)


def test_an_unlisted_session_has_not_ended_by_guess() -> None:
    """Without the clients of offline tokens it may be an offline one: it is killed and not passed over."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        side.offline["s1"] = "ann"
        assert await broker.session_alive("ann", "s1") is None
        assert await broker.session_alive("ann", side.sign_in("ann")) is True

    on(told, offline_clients=None)


def test_another_realm_that_exists_is_no_success() -> None:
    """It knows neither session nor user: its 404 of the session says nothing of ours."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        session = side.sign_in("ann")
        for action in (order("kill_session", "ann", session), order("kill_user", "ann"), order("step_up", "ann")):
            assert await broker.do(action) == Outcome(result="rejected", status=404, detail="no_such_user")
        assert await broker.session_alive("ann", session) is None
        assert side.alive(session)

    on(told, "other")


def test_a_user_is_written_whole() -> None:
    """Names, address and other attributes stay as they were, also when the demand is taken back."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        before = dict(side.users["ann"])
        assert (await broker.do(order("step_up", "ann"))).result == "applied"
        assert side.users["ann"] == {**before, "attributes": {"ward": ["3"], "step_up_required": ["true"]}}
        side.users["ann"]["enabled"] = False
        assert (await broker.do(order("clear_step_up", "ann"))).result == "applied"
        assert side.users["ann"] == {**before, "enabled": False}

    on(told)


def test_what_others_change_meanwhile_is_not_undone() -> None:
    """Whether a user is locked out and what they must do next is no part of what is written."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        read = side._get

        async def locked_right_after(request: object) -> object:
            answer = await read(request)  # type: ignore[arg-type]  # handed on as it came
            if not any(asked.startswith("PUT") for asked in side.asked):
                side.users["ann"] |= {"enabled": False, "requiredActions": ["UPDATE_PASSWORD"]}
            return answer

        side._get = locked_right_after  # type: ignore[method-assign, assignment]  # another writer, in the gap
        await side.close()
        await side.start()
        moved = side.of_realm("clinic")
        assert (await moved.do(order("step_up", "ann"))).result == "applied"
        assert side.users["ann"]["enabled"] is False
        assert side.users["ann"]["requiredActions"] == ["UPDATE_PASSWORD"]
        await moved.close()

    on(told)


def test_writes_of_one_user_do_not_overlap() -> None:
    """Asked for at the same time, a demand is made once, and none is lost."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        outcomes = await asyncio.gather(*(broker.do(order("step_up", "ann")) for _ in range(5)))
        assert sorted(one.result for one in outcomes) == ["already_applied"] * 4 + ["applied"]
        assert sum(asked.startswith("PUT") for asked in side.asked) == 1

    on(told)


def test_an_undeclared_attribute_is_no_demand() -> None:
    """Keycloak says 204 and drops it; the check tells beforehand."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        side.declared.discard("step_up_required")
        assert (await broker.do(order("step_up", "ann"))).detail == "attribute_not_kept"
        (line,) = await broker.check()
        assert "step_up_required" in line

    on(told)


def test_enrolment_is_never_offered() -> None:
    """A user without a factor would be asked to set one up, whoever sits there."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        side.credentials["ann"] = [{"type": "password"}]
        outcome = await broker.do(order("step_up", "ann"))
        assert (outcome.result, outcome.detail) == ("rejected", "no_factor_enrolled")
        assert not side.demanded("ann")

    on(told)


def test_a_refused_token_is_renewed_once() -> None:
    """A token that Keycloak forgot is no refusal; a second one refused is."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        first, second = side.sign_in("ann"), side.sign_in("ann")
        assert (await broker.do(order("kill_session", "ann", first))).result == "applied"
        side.tokens.clear()
        assert (await broker.do(order("kill_session", "ann", second))).result == "applied"
        assert sum(asked.endswith("/token") for asked in side.asked) == 2

    on(told)


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "a\\b", "a\nb"])
def test_an_id_names_nothing_above_it(name: str) -> None:
    """An address with dots or nothing in place of a session would name the realm."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        no_id = Outcome(result="rejected", detail="no_id")
        for verb in ("kill_user", "step_up", "clear_step_up"):
            assert await broker.do(order(verb, name)) == no_id
        assert await broker.do(order("kill_session", "ann", name)) == no_id
        assert await broker.session_alive("ann", name) is None
        assert not side.asked

    on(told)


def test_a_missing_role_is_named() -> None:
    """In the outcome as a refusal, in the check by its name."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        side.roles.discard("view-events")
        assert "view-events" in "".join(await broker.check())
        side.roles.clear()
        assert "manage-users" in "".join(await broker.check())
        assert (await broker.do(order("kill_user", "ann"))) == Outcome(
            result="rejected", status=403, detail="status_403"
        )

    on(told)


def test_tokens_checked_offline_are_told_of() -> None:
    """Until when a killed session may still be used is said where it is known."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        until = (await broker.do(order("kill_session", "ann", side.sign_in("ann")))).worst_case_effective_at
        assert until is not None
        assert until > datetime.now(UTC)

    on(told, token_lifetime=timedelta(minutes=5))


def test_it_is_set_up_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a realm that is one part of an address."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", SECRET)
    file = tmp_path / "broker.yaml"
    file.write_text("broker: keycloak\nbase: https://sso.example\nrealm: clinic\nfactors: [otp]\noffline_clients: []\n")
    broker = broker_of(str(file))
    assert broker.name == "keycloak"
    asyncio.run(broker.close())
    file.write_text("broker: keycloak\nbase: https://sso.example\nrealm: ../master\n")
    with pytest.raises(WrittenError, match="realm"):
        broker_of(str(file))
    file.write_text("broker: keycloak\nbase: http://sso.example\nrealm: clinic\n")
    with pytest.raises(BrokerError):
        broker_of(str(file))


def test_lists_where_words_are_due_are_no_success() -> None:
    """An answer of another shape, of the admin interface itself, is an outcome and no exception."""

    async def told(side: KeycloakSide, broker: KeycloakBroker) -> None:
        side.credentials["ann"] = [{"type": ["otp"]}, "otp", {"type": "otp"}]  # type: ignore[list-item, dict-item]  # of another shape
        side.users["ann"]["attributes"] = ["ward"]
        session = side.sign_in("ann")
        assert (await broker.do(order("step_up", "ann"))).detail == "nonsense"
        side.online[session] = "bo"
        assert await broker.session_alive("ann", session) is False

    on(told)
