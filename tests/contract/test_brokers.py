"""What every broker's adapter promises, held for each of them against its own far side."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.actions import VERBS, Outcome, Verb
from sessionwatch.cli.main import app
from sessionwatch.errors import BrokerError, UsageError, WrittenError
from sessionwatch.responses.broker import Broker
from sessionwatch.responses.broker_setup import broker_of, known_brokers
from tests.contract.brokers.entra_side import EntraSide
from tests.contract.brokers.far_side import SECRET, FarSide, order
from tests.contract.brokers.hostile import FAULTS, SLOW, closes_at_once, hostile
from tests.contract.brokers.keycloak_side import KeycloakSide
from tests.contract.brokers.okta_side import OktaSide
from tests.contract.brokers.reference_side import ReferenceSide
from tests.contract.brokers.ssf_side import SsfSide, pem
from tests.contract.brokers.webhook_side import WebhookSide

FAR_SIDES: dict[str, type[FarSide]] = {
    "entra": EntraSide,
    "keycloak": KeycloakSide,
    "okta": OktaSide,
    "reference": ReferenceSide,
    "ssf": SsfSide,
    "webhook": WebhookSide,
}
"""The far side of each adapter; one more line for one more broker."""

each = pytest.mark.parametrize("name", list(FAR_SIDES))


@asynccontextmanager
async def both(name: str) -> AsyncIterator[tuple[FarSide, Broker]]:
    """A far side that answers, and its adapter."""
    side = FAR_SIDES[name]()
    await side.start()
    broker = side.broker()
    try:
        yield side, broker
    finally:
        await broker.close()
        await side.close()


def on(name: str, told: Callable[[FarSide, Broker], Awaitable[None]], *needed: Verb) -> None:
    """Run `told` over both sides; skip it where the broker cannot do what it is about."""

    async def run() -> None:
        async with both(name) as (side, broker):
            if not set(needed) <= broker.capabilities.verbs:
                pytest.skip(f"{name} does not know {', '.join(needed)}")
            await told(side, broker)

    asyncio.run(run())


def of_verbs(broker: Broker, user: str, session: str) -> list[Coroutine[Any, Any, Outcome]]:
    """Everything that the broker can be asked for."""
    return [broker.do(order(verb, user, session)) for verb in VERBS if verb in broker.capabilities.verbs]


def nothing_left(first: Outcome) -> str:
    """What is said of an action that finds nothing to do; who only ever says that it was taken cannot say more."""
    return "accepted" if first.result == "accepted" else "already_applied"


def test_every_adapter_is_held_to_the_contract() -> None:
    """An adapter that nobody tests is one that kills the wrong session."""
    assert set(known_brokers()) == set(FAR_SIDES)


@each
def test_what_it_can_do_is_known(name: str) -> None:
    """Something, and nothing that is not an action; whoever is asked for more refuses and does nothing."""

    async def told(side: FarSide, broker: Broker) -> None:
        assert broker.name == name
        assert broker.capabilities.verbs
        assert broker.capabilities.verbs < frozenset(VERBS)
        for verb in set(VERBS) - broker.capabilities.verbs:
            assert await broker.do(order(verb, "ann", "s")) == Outcome(result="rejected", detail="not_capable")
        assert side.effects() == 0

    on(name, told)


@each
def test_a_killed_session_is_the_one_that_was_named(name: str) -> None:
    """Its neighbour of the same user goes on; asked again by the same id nothing more is done."""

    async def told(side: FarSide, broker: Broker) -> None:
        thief, honest = side.sign_in("ann"), side.sign_in("ann")
        action = order("kill_session", "ann", thief)
        first = await broker.do(action)
        assert first.done
        assert not side.alive(thief)
        assert side.alive(honest)
        effects = side.effects()
        assert (await broker.do(action)).done
        assert (await broker.do(order("kill_session", "ann", thief))).result == nothing_left(first)
        assert side.effects() == effects

    on(name, told, "kill_session")


@each
def test_it_sees_sessions_or_says_that_it_does_not(name: str) -> None:
    """Alive while it is; gone only when it has ended."""

    async def told(side: FarSide, broker: Broker) -> None:
        session = side.sign_in("ann")
        sees = broker.capabilities.sees_sessions
        assert await broker.session_alive("ann", session) is (True if sees else None)
        if "kill_session" in broker.capabilities.verbs:
            await broker.do(order("kill_session", "ann", session))
            assert await broker.session_alive("ann", session) is (False if sees else None)

    on(name, told)


@each
def test_a_killed_user_has_no_session_left(name: str) -> None:
    """And nobody else is touched."""

    async def told(side: FarSide, broker: Broker) -> None:
        theirs, others = [side.sign_in("ann"), side.sign_in("ann")], side.sign_in("bo")
        action = order("kill_user", "ann")
        assert (await broker.do(action)).done
        assert not any(side.alive(session) for session in theirs)
        assert side.alive(others)
        assert (await broker.do(action)).done

    on(name, told, "kill_user")


@each
def test_a_factor_is_demanded_until_it_is_taken_back(name: str) -> None:
    """Of the one user; taking back what is not demanded is nothing to do."""

    async def told(side: FarSide, broker: Broker) -> None:
        session = side.sign_in("ann")
        assert (await broker.do(order("step_up", "ann", session))).done
        assert side.demanded("ann")
        assert not side.demanded("bo")
        assert side.alive(session)
        first = await broker.do(order("clear_step_up", "ann"))
        assert first.done
        assert not side.demanded("ann")
        assert (await broker.do(order("clear_step_up", "ann"))).result == nothing_left(first)

    on(name, told, "step_up", "clear_step_up")


@each
def test_done_and_not_answered_is_done_once(name: str) -> None:
    """The answer comes too late: retryable; asked again by the same id it is done, and nothing is done twice."""

    async def told(side: FarSide, broker: Broker) -> None:
        hasty = side.broker(timeout_s=0.5)
        for verb in ("kill_session", "step_up"):
            if verb not in broker.capabilities.verbs:
                continue
            action = order(verb, "ann", side.sign_in("ann"))
            effects = side.effects()
            side.hang_after_next()
            first = await hasty.do(action)
            assert first == Outcome(result="retryable", detail="timed_out"), verb
            assert (await hasty.do(action)).done, verb
            assert side.effects() == effects + 1, verb
        await hasty.close()

    on(name, told)


@each
def test_another_place_is_no_success(name: str) -> None:
    """A 404 of a wrong realm or path looks like a session that is gone, and is none."""

    async def told(side: FarSide, broker: Broker) -> None:
        session = side.sign_in("ann")
        elsewhere = side.elsewhere()
        for outcome in of_verbs(elsewhere, "ann", session):
            assert (await outcome).result in {"rejected", "retryable"}
        assert await elsewhere.session_alive("ann", session) is None
        assert side.effects() == 0
        await elsewhere.close()

    on(name, told)


@each
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_hostile_answer_has_its_outcome(name: str, fault: str) -> None:
    """For every verb, in bounded time and memory, and never as success or as an exception."""
    answer, result = FAULTS[fault]

    async def told(side: FarSide, _broker: Broker) -> None:
        async with hostile(answer) as (base, _):
            broker = side.broker(base, timeout_s=0.3 if fault in SLOW else 5.0)
            outcomes = await asyncio.gather(*of_verbs(broker, "ann", "s1"), return_exceptions=True)
            told_of = {one.result if isinstance(one, Outcome) else repr(one) for one in outcomes}
            assert told_of == {result}
            assert await broker.session_alive("ann", "s1") is None
            assert await broker.session_count() is None
            if "with a time" in fault or fault == "unavailable":
                assert {one.retry_after_s for one in outcomes if isinstance(one, Outcome)} == {7.0}
            await broker.close()

    on(name, told)


@each
def test_nobody_there_is_retryable(name: str) -> None:
    """A broker that is down delays an action; the check says so in one line."""

    async def told(side: FarSide, _broker: Broker) -> None:
        broker = side.broker("http://127.0.0.1:9", timeout_s=1.0)
        for outcome in of_verbs(broker, "ann", "s1"):
            assert (await outcome).result == "retryable"
        with pytest.raises(BrokerError):
            await broker.check()
        await broker.close()

    on(name, told)


@each
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # anyio leaves a failed handshake open
def test_tls_of_a_stranger_is_refused(name: str) -> None:
    """Plain bytes where TLS must be: nothing of a secret is sent, and nothing is believed."""

    async def told(side: FarSide, _broker: Broker) -> None:
        async with hostile(closes_at_once) as (base, asked):
            broker = side.broker(base.replace("http://", "https://"), timeout_s=2.0)
            for outcome in await asyncio.gather(*of_verbs(broker, "ann", "s1")):
                assert outcome.result == "retryable"
            assert not any(SECRET.encode() in one for one in asked)
            await broker.close()

    on(name, told)
    gc.collect()


@each
def test_its_check_is_content_with_its_own_far_side(name: str) -> None:
    """And not with another place."""

    async def told(side: FarSide, broker: Broker) -> None:
        assert await broker.check() == []
        elsewhere = side.elsewhere()
        try:
            assert await elsewhere.check()
        except BrokerError:
            pass
        finally:
            await elsewhere.close()

    on(name, told)


@each
def test_secrets_stay_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """No outcome, no log line and no repr holds one."""
    caplog.set_level(0)

    async def told(side: FarSide, broker: Broker) -> None:
        said = [repr(broker), str(vars(broker))]
        said += [repr(await one) for one in of_verbs(broker, "ann", side.sign_in("ann"))]
        async with hostile(FAULTS["unauthorised"][0]) as (base, _):
            wrong = side.broker(base)
            said += [repr(await one) for one in of_verbs(wrong, "ann", "s1")]
            try:
                said += await wrong.check()
            except BrokerError as error:
                said.append(str(error))
            await wrong.close()
        assert SECRET not in "\n".join(said) + caplog.text

    on(name, told)


def test_a_broker_is_set_up_by_a_file_or_an_address(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strictly: every fault at its place; the secret from the environment or a file; no password in an address."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", SECRET)
    file = tmp_path / "broker.yaml"
    file.write_text("broker: reference\nbase: https://broker.example\ntimeout: 5s\n")
    for said in (str(file), "https://broker.example"):
        broker = broker_of(said)
        assert broker.name == "reference"
        asyncio.run(broker.close())
    file.write_text("broker: referense\nbase: https://broker.example\n")
    with pytest.raises(WrittenError, match=r"broker.yaml:1:9: .*\n.*\n.*\n.*did you mean \"reference\""):
        broker_of(str(file))
    file.write_text("broker: reference\nbase: https://broker.example\ntimeuot: 5\nrate_max_per_s: 0\n")
    with pytest.raises(WrittenError) as error:
        broker_of(str(file))
    assert [fault.line for fault in error.value.faults] == [3, 4]
    for address in ("http://broker.example", "https://me:pass@broker.example", "ftp://broker.example"):
        with pytest.raises(BrokerError) as refused:
            broker_of(address)
        assert "pass@" not in str(refused.value)
    monkeypatch.delenv("SESSIONWATCH_BROKER_TOKEN")
    with pytest.raises(UsageError, match="SESSIONWATCH_BROKER_TOKEN"):
        broker_of("https://broker.example")


LESS_ABLE = {
    "okta": "base: https://clinic.okta.com\n",
    "entra": "tenant: clinic.example\nclient: 6e1c7a52\n",
    "ssf": "base: https://sso.example\nissuer: https://us.example\naudience: [https://sso.example]\nsubject: email\n",
}
"""Brokers that cannot demand a factor as they come, and what else their files must say."""


@pytest.mark.parametrize("name", list(LESS_ABLE))
def test_a_policy_that_asks_for_more_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start and by name, before anything is asked: a factor that is never demanded protects nobody."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", pem())
    file = tmp_path / "broker.yaml"
    file.write_text(f"broker: {name}\n{LESS_ABLE[name]}")
    command = ["respond", "--state", str(tmp_path / "watch.db"), "--broker", str(file), "--once"]
    with pytest.raises(UsageError, match="the response taken_account asks for step_up, which this broker cannot do"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_verification_cannot_be_switched_off() -> None:
    """Whatever a setting says, certificates and names are checked."""
    from sessionwatch.responses.exchange import verified

    context = verified(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
