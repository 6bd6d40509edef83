"""What the transmitter of security events promises beyond the contract of every broker."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from models.actions import Outcome, RuleVersion
from sessionwatch.cli.main import app
from sessionwatch.errors import BrokerError, UsageError, WrittenError
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.brokers.ssf import SsfBroker
from tests.contract.brokers.far_side import SECRET, order
from tests.contract.brokers.ssf_side import AUDIENCE, ISSUER, REVOKED, RISK, VERIFICATION, SsfSide, pem

Told = Callable[[SsfSide, SsfBroker], Awaitable[None]]
WRITTEN = f"broker: ssf\nbase: https://sso.example/events\nissuer: {ISSUER}\naudience: [{AUDIENCE}]\nsubject: opaque\n"


def on(told: Told, **settings: object) -> None:
    """Run `told` over a receiver and the adapter for it."""

    async def go() -> None:
        side = SsfSide()
        await side.start()
        broker = side.with_settings(**settings)  # type: ignore[arg-type]  # whatever the settings take
        try:
            await told(side, broker)
        finally:
            await broker.close()
            await side.close()

    asyncio.run(go())


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a broker's file with more lines; the key that signs is in the environment."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", pem())

    def write(more: str = "") -> Path:
        (tmp_path / "ssf.yaml").write_text(WRITTEN + more)
        return tmp_path / "ssf.yaml"

    return write


def test_a_token_is_one_statement_and_lets_nobody_in() -> None:
    """One event on one subject, with the action's id and its cause; neither `sub` nor `exp`, nor text of a record."""

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        before = int(time.time())
        action = order("kill_session", "ann", side.sign_in("ann"))
        assert (await broker.do(action)).result == "accepted"
        (said,) = side.events
        assert before <= said.pop("iat") <= time.time()
        assert said == {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": action.id,
            "txn": action.chain,
            "sub_id": {
                "format": "complex",
                "user": {"format": "opaque", "id": "ann"},
                "session": {"format": "opaque", "id": action.target},
            },
            "events": {
                REVOKED: {
                    "event_timestamp": int(action.at.timestamp()),
                    "initiating_entity": "policy",
                    "reason_admin": {"en": f"impossible_travel 1f (alert {action.alert})"},
                }
            },
        }
        assert set(side.heads[0]) == {"alg", "typ", "kid"}

    on(told)


def test_step_up_is_said_as_risk() -> None:
    """Medium asks for a factor, low takes it back; what a person decided is an administrator's."""

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        await broker.do(order("step_up", "ann"))
        by_hand = {"origin": "person", "by": "bo", "rule": RuleVersion(), "alert": "", "chain": ""}
        await broker.do(order("clear_step_up", "ann").model_copy(update=by_hand))
        up, down = (event["events"][RISK] for event in side.events)
        assert (up["principal"], up["current_level"], up["risk_reason"]) == ("USER", "MEDIUM", "impossible_travel")
        assert (down["current_level"], down["previous_level"]) == ("LOW", "MEDIUM")
        assert (up["initiating_entity"], down["initiating_entity"]) == ("policy", "admin")
        assert down["reason_admin"] == {"en": "decided by a person"}
        assert "txn" not in side.events[1]
        assert "bo" not in json.dumps(side.events[1]["events"])

    on(told)


@pytest.mark.parametrize(
    ("settings", "user", "subject"),
    [
        ({}, "u-1", {"format": "opaque", "id": "u-1"}),
        ({"subject": "email"}, "ann@clinic.example", {"format": "email", "email": "ann@clinic.example"}),
        ({"subject": "email"}, "u-1", None),
        (
            {"subject": "iss_sub", "user_issuer": "https://sso.clinic.example"},
            "u-1",
            {"format": "iss_sub", "iss": "https://sso.clinic.example", "sub": "u-1"},
        ),
        ({}, "", None),
    ],
)
def test_a_user_is_named_as_the_receiver_knows_them(settings: Any, user: str, subject: Any) -> None:
    """And not at all where they have no such id: nothing is sent."""
    said = SsfSide().with_settings("https://sso.example/events", **settings)
    assert said._subject(order("kill_user", user)) == subject
    asyncio.run(said.close())
    if subject is None:

        async def told(side: SsfSide, broker: SsfBroker) -> None:
            assert await broker.do(order("kill_user", user)) == Outcome(result="rejected", detail="no_id")
            assert side.heads == []

        on(told, **settings)


@pytest.mark.parametrize(
    ("status", "body", "result", "detail"),
    [
        (400, {"err": "invalid_audience", "description": "x"}, "rejected", "invalid_audience"),
        (400, {"err": "invalid_key"}, "retryable", "invalid_key"),
        (400, {"err": ["invalid_key"]}, "rejected", "status_400"),
        (400, {"err": "<script>"}, "rejected", "status_400"),
        (403, {"err": "invalid_key"}, "rejected", "status_403"),
        (200, {}, "retryable", "nonsense"),
        (204, None, "retryable", "nonsense"),
    ],
)
def test_only_202_is_taken(status: int, body: object, result: str, detail: str) -> None:
    """A receiver that has not seen a new key yet will; other refusals stay, and only known words are repeated."""

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        side.answer = (status, body)
        told_of = await broker.do(order("kill_user", "ann"))
        assert (told_of.result, told_of.status, told_of.detail) == (result, status, detail)

    on(told)


def test_another_key_is_not_believed() -> None:
    """What the receiver's copy of our keys does not have it does not take, and its check tells."""

    async def told(side: SsfSide, _broker: SsfBroker) -> None:
        stranger = side.with_settings(key=1)
        session = side.sign_in("ann")
        assert (await stranger.do(order("kill_user", "ann"))).result == "retryable"
        assert side.alive(session)
        (line,) = await stranger.check()
        assert "invalid_key" in line
        await stranger.close()

    on(told)


def test_a_check_is_a_verification_event() -> None:
    """About the stream; without a state, which is a receiver's to say; nothing is done for it."""

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        assert await broker.check() == []
        (said,) = side.events
        assert said["sub_id"] == {"format": "opaque", "id": "ward-7"}
        assert said["events"] == {VERIFICATION: {}}
        assert side.effects() == 0

    on(told, stream="ward-7")


def test_until_when_a_token_is_taken_is_told() -> None:
    """For what ends sessions, and for no demand of a factor."""

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        before = datetime.now(UTC)
        until = (await broker.do(order("kill_user", "ann"))).worst_case_effective_at
        assert until is not None
        assert before + timedelta(minutes=5) <= until <= datetime.now(UTC) + timedelta(minutes=5)
        assert (await broker.do(order("step_up", "ann"))).worst_case_effective_at is None

    on(told, token_lifetime="5m")  # noqa: S106 - a span of time, no secret


def test_it_does_what_was_agreed_and_no_more(written: Callable[[str], Path]) -> None:
    """A receiver that knows no sessions might end all of a user's for one; so each is said."""
    for more, verbs in (
        ("", {"kill_user"}),
        ("sessions: true\n", {"kill_user", "kill_session"}),
        ("step_up: true\n", {"kill_user", "step_up", "clear_step_up"}),
    ):
        broker = broker_of(str(written(more)))
        assert broker.capabilities.verbs == verbs
        asyncio.run(broker.close())


def test_what_is_set_up_wrongly_is_told_at_the_start(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A key that cannot sign, a form of users without who gave their ids, a header that is nowhere."""
    file = written()
    file.write_text(file.read_text().replace("opaque", "iss_sub"))
    with pytest.raises(BrokerError, match="user_issuer"):
        broker_of(str(file))
    with pytest.raises(BrokerError, match="spool"):
        broker_of(str(written("delivery: poll\n")))
    with pytest.raises(UsageError, match="RECEIVER_TOKEN"):
        broker_of(str(written("authorization_variable: RECEIVER_TOKEN\n")))
    with pytest.raises(WrittenError, match=r"ssf\.yaml:6:"):
        broker_of(str(written("delivery: pull\n")))
    with pytest.raises(BrokerError, match=r"missing\.pem cannot be read"):
        broker_of(str(written(f"other_keys: [{tmp_path}/missing.pem]\n")))
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    broken = pem().replace("A", "B")
    for key in (SECRET, broken, elliptic.decode(), pem(9, 1024), public_of(pem())):
        monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", key)
        with pytest.raises(BrokerError) as error:
            broker_of(str(written()))
        assert not any(line in str(error.value) for line in key.splitlines())


def test_keys_are_published_and_rotated(written: Callable[[str], Path], tmp_path: Path) -> None:
    """The one that signs first, then the next and the last; nothing private; named so that each is found again."""
    (tmp_path / "next.pem").write_text(pem(1))
    (tmp_path / "last.pem").write_text(public_of(pem(2)))
    file = written(f"other_keys: [{tmp_path}/next.pem, {tmp_path}/last.pem, {tmp_path}/next.pem]\n")
    document = json.loads(CliRunner().invoke(app, ["broker", "keys", str(file)], catch_exceptions=False).stdout)
    signs, *others = document["keys"]
    assert len({one["kid"] for one in document["keys"]}) == 3
    for one in document["keys"]:
        assert set(one) == {"kty", "use", "alg", "kid", "n", "e"}
        assert (one["kty"], one["use"], one["alg"]) == ("RSA", "sig", "RS256")

    async def told(side: SsfSide, _broker: SsfBroker) -> None:
        side.document = document
        for key in range(3):  # the receiver knows each already, so that a change of keys is no change for it
            broker = side.with_settings(key=key)
            assert (await broker.do(order("kill_user", "ann"))).result == "accepted"
            await broker.close()
        assert [head["kid"] for head in side.heads] == [signs["kid"], *(one["kid"] for one in others)]

    on(told)


def test_the_key_that_signs_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Neither by what holds it, nor in what is sent, nor in a log; not even a line of it."""
    caplog.set_level(0)

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        signer = broker.delivery.signer
        said = [
            repr(broker),
            str(vars(broker)),
            str(vars(broker.delivery)),
            repr(signer),
            json.dumps(signer.document()),
        ]
        said += [repr(await broker.do(order("kill_user", "ann"))), *await broker.check(), json.dumps(side.events)]
        said = "\n".join([*said, caplog.text])
        assert not any(line in said for line in pem().splitlines())
        numbers = serialization.load_pem_private_key(pem().encode(), None).private_numbers()  # type: ignore[union-attr]  # it is of RSA
        assert not any(str(number) in said for number in (numbers.d, numbers.p, numbers.q))

    on(told)


def test_only_a_transmitter_has_keys_to_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another broker's secret is not one to be turned into a document."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", SECRET)
    (tmp_path / "okta.yaml").write_text("broker: okta\nbase: https://clinic.okta.com\n")
    with pytest.raises(UsageError, match="ssf"):
        CliRunner().invoke(app, ["broker", "keys", str(tmp_path / "okta.yaml")], catch_exceptions=False)


def public_of(private: str) -> str:
    """The public half of a key, in PEM."""
    key = serialization.load_pem_private_key(private.encode(), None).public_key()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_bytes(*form).decode()


def test_the_same_action_is_the_same_event() -> None:
    """Asked again after a crash the id is the same, and only the time of issue may differ."""
    action = order("kill_user", "ann")

    async def told(side: SsfSide, broker: SsfBroker) -> None:
        for _ in range(2):
            assert (await broker.do(action)).done
        first, second = side.events
        assert {**first, "iat": 0} == {**second, "iat": 0}
        assert side.effects() == 1

    on(told)


def test_a_token_is_in_url_safe_base64() -> None:
    """Three parts without padding, as RFC 7515 says: a receiver need not be lenient."""
    from sessionwatch.responses.security_events import SecurityEvent

    signer = SsfSide().with_settings("https://sso.example/events").delivery.signer
    token = signer.token(SecurityEvent("j", REVOKED, {"format": "opaque", "id": "ann"}, {}), 1_772_442_000)
    parts = token.split(b".")
    assert len(parts) == 3
    assert all(part and b"=" not in part for part in parts)
    assert json.loads(base64.urlsafe_b64decode(parts[1] + b"==="))["iat"] == 1_772_442_000
