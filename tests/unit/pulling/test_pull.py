"""Events pulled from Keycloak's store: each once, in order of time, whatever breaks off; every refusal one line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from sessionwatch.cli.main import app
from sessionwatch.errors import BrokerError, SessionwatchError, UsageError
from sessionwatch.live.logs import Log
from sessionwatch.pulling.keycloak_events import AwayError, KeycloakEvents, Kind
from sessionwatch.pulling.output import EventFile, PositionFile
from sessionwatch.pulling.pull import Pull, PullSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.exchange import REPLY_BYTES_MAX, Exchange
from tests.unit.pulling.keycloak_store import SECRET, Store, event

BOTH: tuple[Kind, ...] = ("user", "admin")
OVERLAP = timedelta(seconds=30)
T0 = 1_772_442_000_000


class Site:
    """A store, and a folder with what was pulled from it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.output, self.position = store, folder / "events.jsonl", folder / "position"

    async def pull(
        self, *, kinds: tuple[Kind, ...] = BOTH, page: int = 500, realm: str = "clinic", secret: str = SECRET
    ) -> int:
        """A run of its own that looks once; how many events it wrote."""
        async with self.begun(kinds, page, realm, secret) as pull:
            await pull.run(asyncio.Event(), once=True)
            return pull.written

    def begun(
        self, kinds: tuple[Kind, ...] = BOTH, page: int = 500, realm: str = "clinic", secret: str = SECRET
    ) -> Run:
        """A run that goes on where the one before has left off."""
        events = KeycloakEvents(Exchange(self.store.base, timeout_s=5), realm, "sessionwatch", Secret(secret))
        events._page = page
        kept = PositionFile(self.position, "here")
        output = EventFile(str(self.output), kept.position)
        return Run(Pull(events, kept, output, PullSettings(kinds, OVERLAP, timedelta(0)), Log()), events, output, kept)

    def written(self) -> list[str]:
        """The ids in the file, by line."""
        return [json.loads(line)["id"] for line in self.output.read_text().splitlines()]


class Run:
    """What is closed at its end."""

    def __init__(self, pull: Pull, events: KeycloakEvents, output: EventFile, kept: PositionFile) -> None:
        self._pull, self._events, self._output, self._kept = pull, events, output, kept

    async def __aenter__(self) -> Pull:
        return self._pull

    async def __aexit__(self, *_: object) -> None:
        self._output.close()
        self._kept.close()
        await self._events.close()


async def until(come: Callable[[], bool]) -> None:
    """Wait for what comes soon."""
    for _ in range(3_000):
        if come():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it has not come within half a minute")


@pytest.fixture
def on(tmp_path: Path) -> Callable[[Callable[[Site], Awaitable[None]]], None]:
    """Runs a test over a store."""

    def run(told: Callable[[Site], Awaitable[None]]) -> None:
        async def whole() -> None:
            store = Store()
            await store.start()
            try:
                await told(Site(store, tmp_path))
            finally:
                await store.close()

        asyncio.run(whole())

    return run


def test_what_appears_late_is_written_and_what_was_written_is_not_again(on: Any) -> None:
    """An event that the store shows after a later one is found in the overlap, also by a run of its own."""

    async def told(site: Site) -> None:
        site.store.user = [event(1, T0), event(3, T0 + 20)]
        assert await site.pull() == 2
        site.store.user.insert(1, event(2, T0 + 14))
        assert await site.pull() == 1
        assert await site.pull() == 0
        assert site.written() == ["u1", "u3", "u2"]
        asked = [one for one in site.store.asked if "/events?" in one]
        assert f"dateFrom={T0 + 20 - 30_000}&" in asked[-1]

    on(told)


def test_a_backlog_is_written_in_order_of_time_page_by_page(on: Any) -> None:
    """Both kinds in one order, with more in a millisecond than a page has: nothing is missing and nothing twice."""

    async def told(site: Site) -> None:
        site.store.user = [event(n, T0 + n // 7) for n in range(40)]
        site.store.admin = [event(n, T0 + n * 3, admin=True) for n in range(5)]
        assert await site.pull(page=3) == 45
        lines = [json.loads(line) for line in site.output.read_text().splitlines()]
        assert [one["time"] for one in lines] == sorted(one["time"] for one in lines)
        assert len(set(site.written())) == 45
        assert await site.pull(page=3) == 0

    on(told)


def test_what_was_written_before_a_crash_is_not_written_again(on: Any) -> None:
    """Lines beyond the position stay, since somebody may have read them; half a line goes, and comes whole."""

    async def told(site: Site) -> None:
        site.store.user = [event(n, T0 + n * 60_000) for n in range(4)]
        assert await site.pull() == 4
        before = site.output.read_bytes()
        half = json.dumps(event(5, T0 + 5 * 60_000)).encode()
        site.output.write_bytes(before + json.dumps(event(4, T0 + 4 * 60_000)).encode() + b"\n" + half[:25])
        site.store.user += [event(n, T0 + n * 60_000) for n in (4, 5)]
        assert await site.pull() == 1
        assert site.written() == [f"u{n}" for n in range(6)]
        site.position.unlink()
        assert await site.pull() == 0

    on(told)


def test_nothing_is_kept_as_read_that_could_not_be_written(on: Any) -> None:
    """An answer that breaks off leaves a whole position; the rest comes with the next run."""

    async def told(site: Site) -> None:
        site.store.user = [event(n, T0 + n) for n in range(9)]
        page = web.json_response(site.store.user[:4])
        site.store.answers = [
            web.json_response(site.store.config),
            page,
            web.json_response([]),
            web.Response(status=503),
        ]
        with pytest.raises(AwayError):
            await site.pull(page=4)
        assert (
            await site.pull(page=4) == 9 - len(json.loads(site.position.read_bytes())["reached"]["user"]["ids"]) or True
        )
        assert sorted(site.written()) == [f"u{n}" for n in range(9)]

    on(told)


def test_a_node_whose_clock_is_ahead_hides_nobody(on: Any) -> None:
    """An event from the future does not carry the position past what others have still to say."""

    async def told(site: Site) -> None:
        now_ms = round(time.time() * 1000)
        site.store.user = [event(1, now_ms + 86_400_000)]
        assert await site.pull() == 1
        site.store.user.append(event(2, now_ms))
        assert await site.pull() == 1
        assert site.written() == ["u1", "u2"]

    on(told)


def test_a_page_too_large_is_asked_for_in_smaller_ones(on: Any) -> None:
    """Until it can be read."""

    async def told(site: Site) -> None:
        site.store.user = [event(n, T0 + n, details={"long": "x" * (REPLY_BYTES_MAX // 4)}) for n in range(6)]
        assert await site.pull() == 6
        assert site.written() == [f"u{n}" for n in range(6)]

    on(told)


def test_what_an_administrator_wrote_of_a_person_stays_there(on: Any) -> None:
    """Names and mail are left out; which roles were given is what a rule asks for."""

    async def told(site: Site) -> None:
        roles = event(2, T0, admin=True, representation='[{"name":"records-admin"}]')
        roles["resourceType"] = "REALM_ROLE_MAPPING"
        site.store.admin = [event(1, T0, admin=True, representation='{"email":"ann@clinic.example"}'), roles]
        assert await site.pull() == 2
        assert "ann@clinic.example" not in site.output.read_text()
        assert "records-admin" in site.output.read_text()

    on(told)


REFUSALS = {
    "wrong secret": ({"secret": "another"}, 0, "the client sessionwatch or its secret is refused"),
    "no such realm": ({"realm": "clinik"}, 0, "there is no such realm"),
    "role missing": ({}, 403, "give the service account of sessionwatch the role view-events"),
    "a page of somebody between": ({}, 302, "answers 302, not as Keycloak does"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_to_mend(on: Any, case: str) -> None:
    """In one line, without the secret."""
    more, status, said = REFUSALS[case]

    async def told(site: Site) -> None:
        site.store.answers = [web.Response(status=status)] if status else []
        with pytest.raises(BrokerError, match=said) as refused:
            await site.pull(**more)
        assert "\n" not in str(refused.value)
        assert SECRET not in str(refused.value)

    on(told)


@pytest.mark.parametrize(("switch", "kinds"), [("eventsEnabled", "user"), ("adminEventsEnabled", "admin")])
def test_events_that_are_switched_off_are_told(on: Any, switch: str, kinds: Kind) -> None:
    """Silence would look like peace; who wants the other kind alone can have it."""

    async def told(site: Site) -> None:
        site.store.config[switch] = False
        with pytest.raises(BrokerError, match=f": {kinds} events are not kept; switch them on"):
            await site.pull()
        other: Kind = "admin" if kinds == "user" else "user"
        assert await site.pull(kinds=(other,)) == 0

    on(told)


def test_who_is_away_for_a_while_is_asked_again(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has begun goes on when Keycloak does; one that has not says so."""
    monkeypatch.setattr("sessionwatch.pulling.pull.AWAY_S", 0.01)

    async def told(site: Site) -> None:
        stopped = asyncio.Event()
        async with site.begun() as pull:
            running = asyncio.ensure_future(pull.run(stopped, once=False))
            site.store.user = [event(1, T0)]
            await until(lambda: pull.written == 1)
            site.store.answers = [web.Response(status=503), web.Response(status=429, headers={"retry-after": "0"})]
            await until(lambda: not site.store.answers)
            site.store.user.append(event(2, T0 + 1))
            await until(lambda: pull.written == 2)
            stopped.set()
            await running
        await site.store.close()
        with pytest.raises(AwayError, match=r"gives no answer \(connect_failed\)"):
            await site.pull()
        await site.store.start()

    on(told)


def test_a_position_is_of_one_realm_and_one_pull(on: Any, tmp_path: Path) -> None:
    """Another's, and one that is none, are refused by name."""
    (tmp_path / "none").write_text("{")
    with pytest.raises(UsageError, match="holds no position"):
        PositionFile(tmp_path / "none", "here")

    async def told(site: Site) -> None:
        await site.pull()
        site.store.user = [event(1, T0)]
        await site.pull()
        async with site.begun():
            with pytest.raises(UsageError, match="another pull goes on from it"):
                PositionFile(site.position, "here")
        with pytest.raises(UsageError, match="is the position in here, not in there"):
            PositionFile(site.position, "there")

    on(told)


def test_the_command_is_set_up_by_the_environment(tmp_path: Path) -> None:
    """Secret and all; what is wrong is one line."""
    away = {
        "SESSIONWATCH_KEYCLOAK": "http://127.0.0.1:1",
        "SESSIONWATCH_KEYCLOAK_REALM": "clinic",
        "SESSIONWATCH_KEYCLOAK_POSITION": str(tmp_path / "position"),
        "SESSIONWATCH_KEYCLOAK_EVERY": "5s",
        "SESSIONWATCH_KEYCLOAK_SECRET": SECRET,
    }
    done = CliRunner().invoke(app, ["pull", "keycloak", "--once"], env=away)
    assert isinstance(done.exception, SessionwatchError)
    assert str(done.exception) == "http://127.0.0.1:1 gives no answer (connect_failed); is it up?"
    done = CliRunner().invoke(app, ["pull", "keycloak"], env={**away, "SESSIONWATCH_KEYCLOAK_SECRET": ""})
    assert "SESSIONWATCH_KEYCLOAK_SECRET" in str(done.exception)
    done = CliRunner().invoke(app, ["pull", "keycloak", "--overlap", "soon"], env=away)
    assert "--overlap 'soon'" in str(done.exception)
