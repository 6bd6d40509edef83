"""Whom a broker's adapter speaks to: whoever proves the name that was asked for, and nobody whom they point at."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from models.actions import Outcome
from sessionwatch.responses.broker_setup import broker_of, known_brokers
from tests.contract.brokers.far_side import order
from tests.contract.brokers.hostile import hostile, status
from tests.contract.brokers.ssf_side import pem
from tests.contract.test_brokers import FAR_SIDES

MORE = {
    "entra": "tenant: clinic.example\nclient: 6e1c7a52\nlogin: {base}\n",
    "keycloak": "realm: clinic\n",
    "ssf": "issuer: https://us.example\naudience: [https://sso.example]\nsubject: opaque\n",
}
"""What else the files of some brokers must say."""

each = pytest.mark.parametrize("name", sorted(FAR_SIDES))


class Certificates:
    """A site's own authority, and what it vouches for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of a site's own")])
        usage = x509.KeyUsage(*(use in {5, 6} for use in range(9)))  # it signs certificates and their revocations
        made = self._begun(self._name, self._key, days=30).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), True
        )
        made = made.add_extension(usage, True)
        self.authority = folder / "authority.pem"
        signed = made.sign(self._key, hashes.SHA256())
        self.authority.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def server(self, host: str, days: int = 30) -> ssl.SSLContext:
        """A server that proves to be `host`, until in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._begun(name, key, days=days)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self.folder / "server.pem"
        signed = made.sign(self._key, hashes.SHA256())
        file.write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        return context

    def _begun(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=60),
            not_valid_after=now + timedelta(days=days),
        ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


@asynccontextmanager
async def served(context: ssl.SSLContext) -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server that has nothing, and the paths that it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def set_up(name: str, base: str, folder: Path, authority: Path | None) -> Path:
    """A broker's file."""
    file = folder / "broker.yaml"
    trusted = "" if authority is None else f"authority: {authority}\n"
    file.write_text(f"broker: {name}\nbase: {base}\ntimeout: 5s\n{trusted}{MORE.get(name, '').format(base=base)}")
    return file


@each
@pytest.mark.parametrize(
    ("host", "days", "trusted", "believed"),
    [
        ("localhost", 30, True, True),
        ("other.example", 30, True, False),
        ("localhost", -1, True, False),
        ("localhost", 30, False, False),
    ],
    ids=["as it should be", "another name", "run out", "an authority unknown here"],
)
def test_only_who_proves_the_name_is_asked(  # as many as the table has columns, and what each needs
    name: str,
    host: str,
    days: int,
    trusted: bool,
    believed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a site's own authority where it has one; anybody else is sent nothing, and the action is tried again."""
    monkeypatch.setenv("SESSIONWATCH_BROKER_TOKEN", pem() if name == "ssf" else "a-token")
    made = Certificates(tmp_path)

    async def told() -> None:
        async with served(made.server(host, days)) as (base, asked):
            broker = broker_of(str(set_up(name, base, tmp_path, made.authority if trusted else None)))
            outcome = await broker.do(order("kill_user", "ann"))
            await broker.close()
        if believed:
            assert (outcome.result, outcome.status) == ("rejected", 404)
            assert asked
        else:
            assert outcome == Outcome(result="retryable", detail="tls_failed")
            assert asked == []

    asyncio.run(told())


@each
@pytest.mark.parametrize(
    "code", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_nobody_is_asked_who_is_pointed_at(name: str, code: str) -> None:
    """A redirect to elsewhere is a refusal, and the other host hears nothing: no secret, no name."""
    side = FAR_SIDES[name]()

    async def told() -> None:
        async with hostile(status("200 OK")) as (elsewhere, heard):
            async with hostile(status(code, b"", f"Location: {elsewhere}/steal")) as (base, asked):
                broker = side.broker(base)
                outcome = await broker.do(order("kill_user", "ann"))
                await broker.close()
            assert (outcome.result, outcome.detail) == ("rejected", "redirected")
            assert len(asked) == 1
            assert heard == []

    asyncio.run(told())


@each
def test_a_conflict_is_no_success(name: str) -> None:
    """Somebody else is at it, or the id is another's: asked again or refused, and never taken for done."""
    side = FAR_SIDES[name]()

    async def told() -> None:
        async with hostile(status("409 Conflict")) as (base, _):
            broker = side.broker(base)
            assert (await broker.do(order("kill_user", "ann"))).result in {"retryable", "rejected"}
            await broker.close()

    asyncio.run(told())


def test_every_broker_is_looked_at_here() -> None:
    """One that is not could speak to anybody."""
    assert set(FAR_SIDES) == set(known_brokers())
