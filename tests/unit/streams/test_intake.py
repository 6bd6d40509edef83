"""The HTTP intake by itself: who is let in, what is too much, and what is said while nobody judges."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from sessionwatch.errors import UsageError
from streams.sources import intake as intakes
from streams.sources.intake import Intake

TOKEN = "correct-horse-battery"  # noqa: S105  # of the tests


@pytest.fixture
def wake() -> threading.Event:
    """Set with each POST."""
    return threading.Event()


@pytest.fixture
def intake(wake: threading.Event) -> Iterator[Intake]:
    """One that listens, and nobody who judges."""
    made = Intake("127.0.0.1:0", TOKEN, wake)
    made.start()
    yield made
    made.close()


def asked(intake: Intake, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, str | None]:
    """Status, text, and Retry-After of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", intake.port, timeout=60)
    given = {"Authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, path, body or None, given)
    answer = connection.getresponse()
    status, text, later = answer.status, answer.read().decode(), answer.headers["Retry-After"]
    connection.close()
    return status, text, later


def test_too_much_that_waits_is_refused_for_now(
    intake: Intake, wake: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is taken, and what was taken before is answered once it is judged."""
    monkeypatch.setattr(intakes, "WAITING_BYTES_MAX", 100)
    first: list[tuple[int, str, str | None]] = []
    sender = threading.Thread(target=lambda: first.append(asked(intake, "POST", "/v1/events", b"x" * 90)))
    sender.start()
    assert wake.wait(60)
    status, text, later = asked(intake, "POST", "/v1/events", b"y" * 20)
    assert (status, later, "again later" in text) == (429, "1", True)
    (posted,) = intake.take(1000)
    assert posted.body == b"x" * 90
    posted.answer(200, {"records": 1})
    sender.join(60)
    assert first == [(200, '{"records": 1}', None)]
    assert intake.refused == 1


def test_only_those_with_the_token_are_let_in(intake: Intake) -> None:
    """And only with what can be taken: the limits are told."""
    assert asked(intake, "POST", "/v1/events", b"{}", Authorization="")[0] == 401
    assert asked(intake, "POST", "/v1/events", b"{}", Authorization=f"Bearer {TOKEN}x")[0] == 401
    assert asked(intake, "POST", "/v1/events", b"{}", Content_Encoding="gzip")[0] == 415
    assert asked(intake, "POST", "/v1/events", b"{}", Idempotency_Key="k" * 201)[0] == 400
    assert asked(intake, "GET", "/v1/events")[0] == 405
    assert intake.take(1000) == []


def test_it_is_ready_when_somebody_judges(intake: Intake) -> None:
    """Alive from the start; and while it stops, senders are told to come again."""
    assert asked(intake, "GET", "/healthz")[0] == 200
    assert asked(intake, "GET", "/readyz")[0] == 503
    intake.reports.unready = str
    assert asked(intake, "GET", "/readyz")[0] == 200
    intake.reports.unready = lambda: "stalled: look at the disk"
    assert asked(intake, "GET", "/readyz")[:2] == (503, "stalled: look at the disk\n")
    intake.closing = True
    status, _, later = asked(intake, "POST", "/v1/events", b"{}")
    assert (status, later) == (503, "1")


def test_an_address_that_cannot_be_had_is_refused() -> None:
    """Before anything is read: taken by another program, no address, or not of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf":{port}: cannot be had: .*; choose another"):
            Intake(f"127.0.0.1:{port}", TOKEN, threading.Event())
    for address in ("8088x", "localhost", "127.0.0.1:70000"):
        with pytest.raises(UsageError, match="is no address"):
            Intake(address, TOKEN, threading.Event())
