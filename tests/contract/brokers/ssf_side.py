"""A receiver of security events, which checks each by a hand of its own before it acts."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey

from sessionwatch.responses.broker import Broker
from sessionwatch.responses.brokers.ssf import Push, SsfBroker, SsfSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.embedded import EmbeddedSessions
from sessionwatch.responses.exchange import Exchange
from sessionwatch.responses.security_events import Signer, signing_key
from tests.contract.brokers.far_side import SECRET, FarSide

ISSUER, AUDIENCE = "https://sessionwatch.clinic.example", "https://sso.clinic.example/ssf"
REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
RISK = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"


def pem(which: int = 0, bits: int = 2048) -> str:
    """A private key; another for each `which`."""
    return _made(which, bits)


@cache  # making one takes a while
def _made(_which: int, bits: int) -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.private_bytes(*form).decode()


@cache
def read_key(key: str) -> RSAKey:
    """The key in PEM, read once, since that takes a while too."""
    return signing_key(Secret(key))


class SsfSide(FarSide):
    """It ends sessions, and asks users of medium risk for a factor; what it has seen by its id it does not do again."""

    name: ClassVar[str] = "ssf"

    def __init__(self) -> None:
        self.sessions = EmbeddedSessions(lambda: datetime.now(UTC))
        self.document: dict[str, Any] = Signer(ISSUER, (AUDIENCE,), read_key(pem())).document()
        self.heads: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.answer: tuple[int, Any] | None = None
        self._hang = False
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def start(self) -> None:
        """See `FarSide`."""
        app = web.Application()
        app.router.add_post("/events", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        for user in ("ann", "bo"):
            self.sign_in(user)

    async def close(self) -> None:
        """See `FarSide`."""
        assert self._runner is not None
        await self._runner.cleanup()

    def broker(self, base: str | None = None, *, timeout_s: float = 5.0) -> Broker:
        """See `FarSide`."""
        return self.with_settings(base or f"{self._base}/events", timeout_s=timeout_s)

    def elsewhere(self) -> Broker:
        """See `FarSide`."""
        return self.with_settings(f"{self._base}/other")

    def with_settings(self, base: str = "", *, timeout_s: float = 5.0, key: int = 0, **more: Any) -> SsfBroker:
        """The adapter with other settings, or another key."""
        said = {
            "issuer": ISSUER,
            "audience": (AUDIENCE,),
            "subject": "opaque",
            "sessions": True,
            "step_up": True,
            **more,
        }
        settings = SsfSettings(broker="ssf", base=base or f"{self._base}/events", **said)
        signer = Signer(settings.issuer, settings.audience, read_key(pem(key)))
        exchange = Exchange(settings.base, timeout_s=timeout_s)
        return SsfBroker(Push(exchange, signer, Secret(f"Bearer {SECRET}"), settings.stream), settings)

    def sign_in(self, user: str) -> str:
        """See `FarSide`."""
        return self.sessions.begin(user, f"s {len(self.sessions.sessions)}/{user}").id

    def alive(self, session: str) -> bool:
        """See `FarSide`."""
        return self.sessions.sessions[session].alive

    def demanded(self, user: str) -> bool:
        """See `FarSide`."""
        return user in self.sessions.demanded

    def effects(self) -> int:
        """See `FarSide`."""
        return sum(self.sessions.effects.values())

    def hang_after_next(self) -> None:
        """See `FarSide`."""
        self._hang = True

    async def _take(self, request: web.Request) -> web.Response:
        head = request.headers
        if head.get("authorization") != f"Bearer {SECRET}":
            return _no("authentication_failed")
        if head.get("content-type") != "application/secevent+jwt" or head.get("accept") != "application/json":
            return _no("invalid_request")
        if self.answer is not None:
            status, body = self.answer
            return web.json_response(body, status=status)
        checked = self.checked(await request.read())
        if isinstance(checked, str):
            return _no(checked)
        self.events.append(checked)
        ((type_, said),) = checked["events"].items()
        if type_ != VERIFICATION:
            self.sessions.order(checked["jti"], _order(type_, said, checked["sub_id"]))
        if self._hang:
            self._hang = False
            await asyncio.sleep(2)
        return web.Response(status=202)

    def checked(self, token: bytes) -> dict[str, Any] | str:
        """What the token says, or why it is not taken."""
        parts = token.split(b".")
        head = json.loads(_plain(parts[0]))
        self.heads.append(head)
        key = next((one for one in self.document["keys"] if one["kid"] == head["kid"]), None)
        if key is None or head["typ"] != "secevent+jwt" or head["alg"] != "RS256":
            return "invalid_key"
        n, e = (int.from_bytes(_plain(key[name].encode())) for name in ("n", "e"))
        signed = b".".join(parts[:2])
        try:
            rsa.RSAPublicNumbers(e, n).public_key().verify(
                _plain(parts[2]), signed, padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return "invalid_key"
        said: dict[str, Any] = json.loads(_plain(parts[1]))
        if said["iss"] != ISSUER:
            return "invalid_issuer"
        return said if AUDIENCE in said["aud"] else "invalid_audience"


def _plain(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _order(type_: str, said: dict[str, Any], subject: dict[str, Any]) -> dict[str, Any]:
    user = subject.get("user", subject)["id"]
    if type_ == RISK:
        return {"verb": "step_up" if said["current_level"] == "MEDIUM" else "clear_step_up", "user": user}
    if "session" in subject:
        return {"verb": "kill_session", "user": user, "session": subject["session"]["id"]}
    return {"verb": "kill_user", "user": user}


def _no(word: str) -> web.Response:
    return web.json_response({"err": word, "description": word}, status=400, headers={"Content-Language": "en"})
