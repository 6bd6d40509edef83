"""What every sink promises: a receipt for each document, stored only where the other side said so, secrets unseen."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.alerts import Notice
from sessionwatch.delivery.sink import Document, Receipt, Sink
from sessionwatch.delivery.sink_setup import SINKS, sink_of
from sessionwatch.errors import BrokerError, UsageError, WrittenError
from streams.sinks.outgoing import outgoing
from tests.contract.brokers.hostile import FAULTS, SLOW, hostile
from tests.contract.sinks.siem_side import SiemSide
from tests.unit.streams.sinks.siem_alerts import notice

SECRET = "planted-secret-of-a-sink"  # noqa: S105 - planted to be searched for
OVER_HTTP = ("chat", "elastic", "splunk", "webhook")
BELIEVES_ANY_200 = {"chat", "webhook"}
"""Sinks whose answer has no form: a page of somebody's with status 200 is taken for theirs."""


@pytest.fixture
def side() -> Iterator[SiemSide]:
    """A SIEM."""
    made = SiemSide()
    yield made
    made.close()


@pytest.fixture
def sink_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a sink by its name and address, from a file as an operator writes it."""

    def made(name: str, base: str, **more: Any) -> Sink:
        secret = f"{base}/services/{SECRET}" if name == "chat" else SECRET
        monkeypatch.setenv("SESSIONWATCH_SINK_TOKEN", secret)
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"sink": name, "base": base, **more}))
        return sink_of(file)

    return made


def documents(sink: Sink, many: int = 3) -> list[Document]:
    """As the courier makes them."""
    told = [outgoing(notice("raised", (n, 0))) for n in range(many)]
    return [Document(one.document, sink.encode(one)) for one in told]


def sent(sink: Sink, made: list[Document]) -> list[Receipt]:
    """What became of them; the sink is closed after it."""

    async def run() -> list[Receipt]:
        try:
            return await sink.send(made)
        finally:
            await sink.close()

    return asyncio.run(run())


def test_every_sink_is_held_to_the_contract() -> None:
    """One that nobody tests is one that loses an alert."""
    assert set(SINKS) == {*OVER_HTTP, "syslog"}


@pytest.mark.parametrize("name", OVER_HTTP)
def test_what_is_sent_is_stored_and_said_to_be(name: str, side: SiemSide, sink_at: Any) -> None:
    """One receipt a document, and each document there once."""
    sink = sink_at(name, side.base)
    made = documents(sink)
    assert [one.result for one in sent(sink, made)] == ["stored"] * 3
    expected = {one.line.decode() for one in made} if name == "chat" else {one.id for one in made}
    assert set(side.stored) == expected


@pytest.mark.parametrize(
    ("name", "fault"),
    # All wait by the same exchange, so one of them shows what takes long.
    [(name, fault) for name in OVER_HTTP for fault in FAULTS if name == "elastic" or fault not in SLOW],
)
def test_no_fault_of_the_other_side_passes_for_stored(name: str, fault: str, sink_at: Any) -> None:
    """Whatever it answers, in bounded time and memory; nothing is raised, and no secret is in a reason."""

    async def run() -> list[Receipt]:
        async with hostile(FAULTS[fault][0]) as (base, _):
            sink = sink_at(name, base, timeout="1s" if fault in SLOW else "5s")
            try:
                return await sink.send(documents(sink, 2))
            finally:
                await sink.close()

    receipts = asyncio.run(run())
    assert len(receipts) == 2
    believed = name in BELIEVES_ANY_200 and fault in {"nonsense", "another shape", "packed"}
    assert all((one.result == "stored") == believed for one in receipts), receipts
    assert not any(SECRET in one.reason for one in receipts)


@pytest.mark.parametrize(("name", "expected"), [("elastic", "refused"), ("splunk", "alone"), ("webhook", "refused")])
def test_a_document_that_is_never_taken_is_told_apart(name: str, expected: str, side: SiemSide, sink_at: Any) -> None:
    """Elasticsearch names it; Splunk refuses the request, so that each goes alone; a webhook is asked one by one."""
    sink = sink_at(name, side.base)
    made = documents(sink)
    side.poison = made[1].id
    results = [one.result for one in sent(sink, made)]
    assert results == (["alone"] * 3 if expected == "alone" else ["stored", "refused", "stored"])


def test_what_elastic_has_already_is_stored(side: SiemSide, sink_at: Any) -> None:
    """A batch sent again after a lost answer is there once."""
    made = documents(sink_at("elastic", side.base))
    for _ in range(2):
        assert [one.result for one in sent(sink_at("elastic", side.base), made)] == ["stored"] * 3
    assert set(side.stored.values()) == {1}


def test_splunk_is_believed_when_it_acknowledges(side: SiemSide, sink_at: Any) -> None:
    """Not before: what the collector took and lost is sent again."""
    side.acknowledges = 2
    sink = sink_at("splunk", side.base)
    assert [one.result for one in sent(sink, documents(sink))] == ["stored"] * 3
    assert sum(path.endswith("/ack") for path, _, _ in side.requests) == 2
    side.acknowledges = 1_000
    sink = sink_at("splunk", side.base, acknowledged_within="1s")
    assert {(one.result, one.reason) for one in sent(sink, documents(sink))} == {("retry", "not_acknowledged")}


@pytest.mark.parametrize("transport", ["tcp", "tls", "udp"])
def test_syslog_is_framed_as_its_transport_has_it(transport: str, sink_at: Any, certificate: Path) -> None:
    """Octets counted over TCP and TLS, a datagram a message over UDP; a message may hold line ends."""

    async def run() -> tuple[list[Document], bytes]:
        heard = asyncio.Queue[bytes]()

        class Datagrams(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, _: Any) -> None:
                heard.put_nowait(data)

        async def stream(read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
            heard.put_nowait(await read.read())
            write.close()

        loop = asyncio.get_running_loop()
        if transport == "udp":
            made, _ = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
            port, end = made.get_extra_info("sockname")[1], made
        else:
            context = None
            if transport == "tls":
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
            end = await asyncio.start_server(stream, "127.0.0.1", 0, ssl=context)
            port = end.sockets[0].getsockname()[1]
        more = {"authority": str(certificate)} if transport == "tls" else {}
        host = "localhost" if transport == "tls" else "127.0.0.1"
        sink = sink_at("syslog", f"{transport}://{host}:{port}", **more)
        told = documents(sink)
        assert [one.result for one in await sink.send(told)] == ["stored"] * 3
        await sink.close()
        got = b"".join([await asyncio.wait_for(heard.get(), 5) for _ in range(3 if transport == "udp" else 1)])
        end.close()
        return told, got

    told, got = asyncio.run(run())
    framed = b"".join(one.line if transport == "udp" else b"%d %b" % (len(one.line), one.line) for one in told)
    assert got == framed


def test_syslog_over_tls_believes_no_strange_certificate(sink_at: Any, certificate: Path) -> None:
    """What nobody vouches for gets nothing."""

    async def run() -> list[Receipt]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        end = await asyncio.start_server(lambda _, write: write.close(), "127.0.0.1", 0, ssl=context)
        sink = sink_at("syslog", f"tls://localhost:{end.sockets[0].getsockname()[1]}")
        try:
            return await sink.send(documents(sink))
        finally:
            end.close()

    assert {one.reason for one in asyncio.run(run())} == {"tls_failed"}


@pytest.mark.parametrize("name", SINKS)
def test_secrets_are_where_they_are_sent_and_nowhere_else(name: str, sink_at: Any) -> None:
    """Not in what is shown of a sink, nor in a document."""
    sink = sink_at(name, "tcp://127.0.0.1:9" if name == "syslog" else "https://siem.example")
    assert SECRET not in repr(vars(sink)) + repr(sink.settings)
    assert all(SECRET.encode() not in one.line for one in documents(sink))
    asyncio.run(sink.close())


@pytest.mark.parametrize("name", SINKS)
def test_the_same_notice_is_the_same_document(name: str, sink_at: Any) -> None:
    """Whenever it is sent."""
    base = "tcp://127.0.0.1:9" if name == "syslog" else "https://siem.example"
    told: Notice = notice("updated", (9, 2))
    lines = {sink_at(name, base).encode(outgoing(told)) for _ in range(2)}
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ({"sink": "elastik", "base": "https://siem.example"}, 'there is no sink "elastik"'),
        ({"base": "https://siem.example"}, 'the key "sink" is missing'),
        ({"sink": "elastic", "base": "https://siem.example", "token": "x"}, 'unknown key "token"'),
        ({"sink": "elastic", "base": "https://siem.example", "index": "Upper"}, '"index"'),
        ({"sink": "elastic", "base": "http://siem.example"}, "use https://"),
        ({"sink": "elastic", "base": "https://ann:word@siem.example"}, "holds a password"),
        ({"sink": "syslog", "base": "https://siem.example"}, "tls://HOST:PORT"),
        ({"sink": "syslog", "base": "tcp://siem.example:99999"}, "no port that can be"),
        ({"sink": "chat", "base": "https://hooks.example"}, "belong together"),
    ],
)
def test_a_sink_that_is_set_up_wrongly_is_refused_at_once(
    written: dict[str, str], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is wrong, and without the secret."""
    monkeypatch.setenv("SESSIONWATCH_SINK_TOKEN", SECRET)
    file = tmp_path / "sink.yaml"
    file.write_text(yaml.safe_dump(written))
    with pytest.raises((BrokerError, UsageError, WrittenError)) as told:
        sink_of(file)
    assert fault in str(told.value)
    assert SECRET not in str(told.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that is its own authority."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = file.with_name("key.pem")
    subprocess.run([*command, *names, "-keyout", key, "-out", file], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + key.read_bytes())
    return file
