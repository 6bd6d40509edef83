"""What a receiver that fetches its events can rely on: SSF's management of a stream, and RFC 8936."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.actions import Outcome
from sessionwatch.errors import StateError, UsageError
from sessionwatch.responses import event_spool, transmitter
from sessionwatch.responses.broker_setup import broker_of
from sessionwatch.responses.event_spool import EventSpool, Stream
from sessionwatch.responses.transmitter import POLL
from tests.contract.brokers.far_side import SECRET
from tests.contract.brokers.poll_site import BASE, Site, asked, on
from tests.contract.brokers.ssf_side import AUDIENCE, ISSUER, REVOKED, RISK, VERIFICATION, pem

COMMAND = str(Path(sys.executable).with_name("sessionwatch"))


def test_an_event_is_handed_out_until_it_was_taken(tmp_path: Path) -> None:
    """In the order of the actions, again and again, and once the receiver has it no more; the same action is one."""

    async def told(site: Site) -> None:
        await site.begin()
        first, second = asked("kill_session"), asked("kill_user")
        for action in (first, second, first):
            assert (await site.broker.do(action)).result == "accepted"
        assert list(await site.fetch()) == [first.id, second.id]
        assert list(await site.fetch(maxEvents=1)) == [first.id]
        assert list(await site.fetch(ack=[first.id, "never sent"])) == [second.id]
        assert (await site.broker.do(first)).result == "accepted"
        (claims,) = (await site.fetch()).values()
        assert claims["events"][REVOKED]["reason_admin"]
        assert await site.fetch(ack=[second.id]) == {}
        assert site.spool.counts() == {"fetched": 2}

    on(tmp_path, told)


def test_there_is_more_than_one_answer_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that asks for none acknowledges only; one that asks for too many gets as many as there may be."""
    monkeypatch.setattr(transmitter, "EVENTS_MAX", 2)

    async def told(site: Site) -> None:
        await site.begin()
        ids = []
        for n in range(3):
            action = asked("kill_user", f"u{n}")
            ids.append(action.id)
            await site.broker.do(action)
        none = (await site.ask("POST", "/ssf/poll", {"maxEvents": 0})).json()
        assert none == {"sets": {}, "moreAvailable": True}
        two = (await site.ask("POST", "/ssf/poll", {"maxEvents": 1000})).json()
        assert (list(two["sets"]), two["moreAvailable"]) == (ids[:2], True)
        last = (await site.ask("POST", "/ssf/poll", {"ack": ids[:2]})).json()
        assert (list(last["sets"]), last["moreAvailable"]) == (ids[2:], False)

    on(tmp_path, told)


def test_a_receiver_waits_for_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hears of one as it comes; where none does it is answered all the same."""

    async def told(site: Site) -> None:
        await site.begin()
        waiting = asyncio.ensure_future(site.ask("POST", "/ssf/poll", {}))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        action = asked("kill_user")
        await site.broker.do(action)
        assert list((await waiting).json()["sets"]) == [action.id]
        monkeypatch.setattr(transmitter, "WAIT_S_MAX", 0.2)
        assert (await site.ask("POST", "/ssf/poll", {"ack": [action.id]})).json()["sets"] == {}

    on(tmp_path, told)


def test_what_a_receiver_does_not_take_is_told(tmp_path: Path) -> None:
    """By the check, with the word for why where it is one that there is; it is not sent for ever."""

    async def told(site: Site) -> None:
        await site.begin()
        for word in ("invalid_audience", "<b>no</b>", ["x"]):
            action = asked("kill_user")
            await site.broker.do(action)
            assert await site.fetch(setErrs={action.id: {"err": word, "description": SECRET}}) == {}
        lines = "\n".join(await site.broker.check())
        assert "1 events were refused invalid_audience" in lines
        assert "2 events were refused;" in lines
        assert SECRET not in lines

    on(tmp_path, told)


def test_what_is_too_late_is_not_handed_out(tmp_path: Path) -> None:
    """A kill an hour late is not sent, whoever was away; until when one may hold is told from then on."""

    async def told(site: Site) -> None:
        await site.begin()
        action = asked("kill_user").model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
        outcome = await site.broker.do(action)
        assert outcome.worst_case_effective_at == action.expires_at + timedelta(minutes=5)
        assert await site.fetch() == {}
        assert any("1 events were late" in line for line in await site.broker.check())

    on(tmp_path, told, token_lifetime="5m")  # noqa: S106 - a span of time, no secret


def test_without_a_stream_nothing_is_accepted(tmp_path: Path) -> None:
    """None, or one that is disabled: tried again. Paused: kept. A type that is not wanted: a person must look."""

    async def told(site: Site) -> None:
        assert await site.broker.do(asked("kill_user")) == Outcome(result="retryable", detail="no_stream")
        assert "no receiver has asked" in (await site.broker.check())[0]
        stream = await site.begin(events_requested=[REVOKED, "urn:another"])
        assert await site.broker.check() == []
        assert await site.broker.do(asked("step_up")) == Outcome(result="rejected", detail="not_requested")
        assert (await site.ask("POST", "/ssf/status", {"stream_id": stream, "status": "paused"})).status_code == 200
        kept = asked("kill_user")
        assert (await site.broker.do(kept)).done
        assert await site.fetch() == {}
        assert "paused" in (await site.broker.check())[0]
        await site.ask("POST", "/ssf/status", {"stream_id": stream, "status": "enabled"})
        assert list(await site.fetch()) == [kept.id]
        await site.ask("POST", "/ssf/status", {"stream_id": stream, "status": "disabled", "reason": "moved"})
        assert await site.broker.do(asked("kill_user")) == Outcome(result="retryable", detail="disabled")
        await site.ask("POST", "/ssf/status", {"stream_id": stream, "status": "enabled"})
        assert await site.fetch() == {}

    on(tmp_path, told)


def test_a_stream_is_managed_by_its_receiver(tmp_path: Path) -> None:
    """Made once, read, changed in part or whole, and ended; what is ours it may repeat and not change."""

    async def told(site: Site) -> None:
        assert (await site.ask("GET", "/ssf/stream")).json() == []
        made = (await site.ask("POST", "/ssf/stream", {"events_requested": [REVOKED], "description": "ward"})).json()
        stream = made["stream_id"]
        assert made == {
            "stream_id": stream,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "delivery": {"method": POLL, "endpoint_url": f"{BASE}/ssf/poll"},
            "events_supported": [REVOKED, RISK],
            "events_requested": [REVOKED],
            "events_delivered": [REVOKED],
            "min_verification_interval": 10,
            "description": "ward",
        }
        assert (await site.ask("POST", "/ssf/stream", {})).status_code == 409
        assert (await site.ask("GET", "/ssf/stream", params={"stream_id": stream})).json() == made
        assert (await site.ask("GET", "/ssf/stream")).json() == [made]
        patch = await site.ask("PATCH", "/ssf/stream", {"stream_id": stream, "events_requested": [REVOKED, RISK]})
        assert (patch.json()["events_delivered"], patch.json()["description"]) == ([REVOKED, RISK], "ward")
        put = await site.ask("PUT", "/ssf/stream", {**patch.json(), "events_requested": [RISK], "description": ""})
        assert put.json()["events_delivered"] == [RISK]
        assert "description" not in put.json()
        wrong = await site.ask("PATCH", "/ssf/stream", {"stream_id": stream, "aud": "https://thief.example"})
        assert wrong.status_code == 400
        status = await site.ask("GET", "/ssf/status", params={"stream_id": stream})
        assert status.json() == {"stream_id": stream, "status": "enabled"}
        assert status.headers["cache-control"] == "no-store"
        await site.broker.do(asked("step_up"))
        assert (await site.ask("DELETE", "/ssf/stream", params={"stream_id": stream})).status_code == 204
        await site.begin()
        assert await site.fetch() == {}

    on(tmp_path, told)


def test_a_receiver_can_have_its_stream_verified(tmp_path: Path) -> None:
    """With its own state, also where it asked for no such type of event; not oftener than it was told."""

    async def told(site: Site) -> None:
        stream = await site.begin(events_requested=[REVOKED])
        request = {"stream_id": stream, "state": "VGhpcyBpcyBh"}
        assert (await site.ask("POST", "/ssf/verify", request)).status_code == 204
        (claims,) = (await site.fetch()).values()
        assert claims["sub_id"] == {"format": "opaque", "id": stream}
        assert claims["events"] == {VERIFICATION: {"state": "VGhpcyBpcyBh"}}
        again = await site.ask("POST", "/ssf/verify", request)
        assert (again.status_code, again.headers["retry-after"]) == (429, "10")

    on(tmp_path, told)


def test_only_the_receiver_is_answered(tmp_path: Path) -> None:
    """Metadata and keys are for everybody; all else, and every other way of asking for those, is for the receiver."""

    async def told(site: Site) -> None:
        known = (await site.client.get("/.well-known/ssf-configuration")).json()
        assert known["issuer"] == ISSUER
        assert known["spec_version"] == "1_0"
        assert known["delivery_methods_supported"] == [POLL]
        for name in ("jwks_uri", "configuration_endpoint", "status_endpoint", "verification_endpoint"):
            assert known[name].startswith(f"{BASE}/ssf/")
        keys = (await site.client.get("/ssf/jwks.json")).json()["keys"]
        assert [set(key) for key in keys] == [{"kty", "use", "alg", "kid", "n", "e"}]
        await site.begin()
        await site.broker.do(asked("kill_user"))
        for given in ("", "Bearer another", f"Bearer {SECRET}x", SECRET, "Bearer \N{SNOWMAN}"):
            headers = {"authorization": given.encode()}
            for method, path in (
                ("POST", "/ssf/poll"),
                ("GET", "/ssf/stream"),
                ("DELETE", "/ssf/stream"),
                ("GET", "/x"),
            ):
                answer = await site.client.request(method, path, headers=headers)
                assert answer.status_code == 401
                assert "eyJ" not in answer.text
        assert (await site.ask("GET", "/ssf/other")).status_code == 404
        assert len(await site.fetch()) == 1

    on(tmp_path, told)


BODIES: list[Any] = [None, [], "x", 7, {"maxEvents": -1}, {"maxEvents": True}, {"maxEvents": "5"}, {"ack": "a"}]
BODIES += [{"ack": [1]}, {"setErrs": []}, {"setErrs": {"a": "b"}}, {"returnImmediately": "yes"}]


def test_nonsense_is_refused(tmp_path: Path) -> None:
    """As a bad request, at once, and nothing is changed by it; a push to a place of the caller's choice is none."""

    async def told(site: Site) -> None:
        push = {"delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "http://169.254.169.254/"}}
        for body in (push, {"delivery": "poll"}, {"events_requested": "all"}, {"events_requested": [1]}, [], None):
            assert (await site.ask("POST", "/ssf/stream", body)).status_code == 400
        stream = await site.begin()
        for body in BODIES:
            assert (await site.ask("POST", "/ssf/poll", body)).status_code == 400, body
        for path in ("/ssf/status", "/ssf/verify"):
            for body in ({}, [], {"stream_id": stream, "status": "gone", "state": 7}):
                assert (await site.ask("POST", path, body)).status_code == 400
        elsewhere = {"stream_id": "another", "status": "paused"}
        for path in ("/ssf/status", "/ssf/verify"):
            assert (await site.ask("POST", path, elsewhere)).status_code == 404
        assert (await site.ask("PATCH", "/ssf/stream", elsewhere)).status_code == 404
        assert (await site.ask("PATCH", "/ssf/stream", {})).status_code == 400
        for method in ("GET", "DELETE"):
            assert (await site.ask(method, "/ssf/stream", params={"stream_id": "another"})).status_code == 404
        deep = b"[" * 100_000
        assert (await site.client.post("/ssf/poll", content=deep, headers=_headers())).status_code == 400
        large = b" " * (transmitter.BODY_BYTES_MAX + 1)
        assert (await site.client.post("/ssf/poll", content=large, headers=_headers())).status_code == 413
        assert site.spool.stream() == Stream(stream)

    on(tmp_path, told)


def _headers() -> dict[str, str]:
    return {"authorization": f"Bearer {SECRET}"}


def test_a_spool_holds_so_many_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that never comes fills no disk: the action is tried again; the oldest ids that are over go."""
    monkeypatch.setattr(event_spool, "WAITING_MAX", 2)
    monkeypatch.setattr(event_spool, "OVER_MAX", 3)
    spool = EventSpool(tmp_path / "spool.db")
    spool.keep_stream(Stream("s"))
    later = time.time() + 60
    assert [spool.put(jti, REVOKED, b"t", later) for jti in "aabc"] == ["kept", "known", "kept", "full"]
    for jti in "abcde":
        spool.put(jti, REVOKED, b"t", later)
        spool.settle([jti], {})
    assert spool.counts() == {"fetched": 3}
    assert spool.put("e", REVOKED, b"t", later) == "known"
    spool.close()


def test_a_spool_is_ours_or_is_left_alone(tmp_path: Path) -> None:
    """Another file is not written to, a newer one not guessed at; ours is for its owner alone."""
    EventSpool(tmp_path / "spool.db").close()
    assert (tmp_path / "spool.db").stat().st_mode & 0o077 == 0
    for name, statement in (("theirs.db", "CREATE TABLE t (x)"), ("newer.db", "PRAGMA user_version = 2")):
        path = tmp_path / name
        if name == "newer.db":
            EventSpool(path).close()
        with sqlite3.connect(path) as db:
            db.execute(statement)
        before = path.read_bytes()
        with pytest.raises(StateError, match="no spool of this version"):
            EventSpool(path)
        assert path.read_bytes() == before


def test_a_spool_that_cannot_be_written_is_an_outcome(tmp_path: Path) -> None:
    """And no exception: the action is tried again, and so does the receiver; the check says what to mend."""

    async def told(site: Site) -> None:
        await site.begin()
        with sqlite3.connect(tmp_path / "spool.db") as db:
            db.execute("ALTER TABLE events RENAME TO away")
        assert await site.broker.do(asked("kill_user")) == Outcome(result="retryable", detail="spool_failed")
        assert (await site.ask("POST", "/ssf/poll", {"returnImmediately": True})).status_code == 503
        with pytest.raises(StateError, match="spool"):
            await site.broker.check()

    on(tmp_path, told)


def test_the_command_serves_what_another_process_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`respond` and `transmit` share the spool alone; a transmitter that was killed loses nothing."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", pem())
    monkeypatch.setenv("RECEIVER", f"Bearer {SECRET}")
    file = tmp_path / "ssf.yaml"
    lines = f"broker: ssf\nbase: {BASE}\nissuer: {ISSUER}\naudience: [{AUDIENCE}]\nsubject: opaque\ndelivery: poll\n"
    file.write_text(f"{lines}spool: {tmp_path}/spool.db\nauthorization_variable: RECEIVER\n")
    broker, action = broker_of(str(file)), asked("kill_user")
    process, base = _serving(file)
    made = httpx.post(f"{base}/ssf/stream", json={}, headers=_headers())
    assert made.status_code == 201
    assert asyncio.run(broker.do(action)).result == "accepted"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    process, base = _serving(file)
    fetched = httpx.post(f"{base}/ssf/poll", json={}, headers=_headers()).json()
    assert list(fetched["sets"]) == [action.id]
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"broker stopped\n")
    asyncio.run(broker.close())


def _serving(file: Path) -> tuple[subprocess.Popen[bytes], str]:
    command = [COMMAND, "broker", "transmit", str(file), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=dict(os.environ))
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    assert line.startswith("broker listening port="), line
    return process, f"http://127.0.0.1:{line.strip().rpartition('=')[2]}"


def test_only_what_is_fetched_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is pushed to has nobody who fetches."""
    from typer.testing import CliRunner

    from sessionwatch.cli.main import app

    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", pem())
    file = tmp_path / "ssf.yaml"
    file.write_text(f"broker: ssf\nbase: {BASE}\nissuer: {ISSUER}\naudience: [{AUDIENCE}]\nsubject: email\n")
    with pytest.raises(UsageError, match="delivery: poll"):
        CliRunner().invoke(app, ["broker", "transmit", str(file)], catch_exceptions=False)
