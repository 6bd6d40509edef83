"""The transmitter of security events: where a receiver asks for a stream (SSF 1.0) and fetches events (RFC 8936)."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import urlsplit

from aiohttp import web

from sessionwatch.errors import StateError, UsageError
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.event_spool import STATUSES, EventSpool, Status, Stream
from sessionwatch.responses.security_events import REFUSALS, SSF, SecurityEvent, Signer

BODY_BYTES_MAX: Final = 1024 * 1024
"""Bytes of a receiver's request; a larger one is refused with 413."""
EVENTS_MAX: Final = 100
"""Events that one answer holds; a receiver that asks for more is told that there are more."""
WAIT_S_MAX: Final = 30.0
"""Seconds that a receiver's request waits for an event; then it is answered without one."""
TEXT_CHARS_MAX: Final = 1_000
"""Characters of a text that a receiver gives us to keep; the rest is cut off."""
VERIFICATION_S: Final = 10
"""Seconds between two verification events that a receiver asks for."""
VERIFICATION_LASTS_S: Final = 3_600.0
POLL: Final = "urn:ietf:rfc:8936"
_LOOK_S: Final = 0.1
_OWN: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a receiver is offered: our `base` as it sees us, and the types of event that there are."""

    base: str
    types: tuple[str, ...]


class Transmitter:
    """The server over `spool`; all but metadata and keys need the receiver's header `Authorization`.

    One receiver, so one stream at most; its subjects are all.
    """

    def __init__(self, spool: EventSpool, signer: Signer, authorization: Secret, offer: Offer) -> None:
        """Hold them; nothing is served yet."""
        self._spool = spool
        self._signer = signer
        self._authorization = authorization
        self._offer = offer
        self._verified_s = -float(VERIFICATION_S)

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._guard])
        known = f"/.well-known/ssf-configuration{urlsplit(self._signer.issuer).path.rstrip('/')}"
        app.router.add_get(known, self._metadata)
        app.router.add_get("/ssf/jwks.json", self._keys)
        app.router.add_post("/ssf/stream", self._create)
        app.router.add_get("/ssf/stream", self._read)
        app.router.add_patch("/ssf/stream", self._update)
        app.router.add_put("/ssf/stream", self._update)
        app.router.add_delete("/ssf/stream", self._delete)
        app.router.add_get("/ssf/status", self._status)
        app.router.add_post("/ssf/status", self._set_status)
        app.router.add_post("/ssf/verify", self._verify)
        app.router.add_post("/ssf/poll", self._poll)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        given = request.headers.get("authorization", "").encode(errors="replace")
        wanted = self._authorization.reveal().encode()
        public = request.method == "GET" and request.match_info.handler in (self._metadata, self._keys)
        if not public and not hmac.compare_digest(given, wanted):
            return _no(HTTPStatus.UNAUTHORIZED, "authentication_failed", {"WWW-Authenticate": "Bearer"})
        try:
            answer: web.StreamResponse = await handler(request)
        except StateError:  # the disk is full, say: a receiver asks again, and nothing was taken from it
            return _no(HTTPStatus.SERVICE_UNAVAILABLE, "spool_failed", {"Retry-After": str(VERIFICATION_S)})
        return answer

    async def _metadata(self, _request: web.Request) -> web.Response:
        ssf = f"{self._offer.base}/ssf"
        return web.json_response(
            {
                "spec_version": "1_0",
                "issuer": self._signer.issuer,
                "jwks_uri": f"{ssf}/jwks.json",
                "delivery_methods_supported": [POLL],
                "configuration_endpoint": f"{ssf}/stream",
                "status_endpoint": f"{ssf}/status",
                "verification_endpoint": f"{ssf}/verify",
                "critical_subject_members": ["user", "session"],
                "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
                "default_subjects": "ALL",
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self._signer.document())

    def _shown(self, stream: Stream) -> dict[str, Any]:
        """The stream's configuration, as a receiver reads it."""
        signer, types = self._signer, self._offer.types
        requested = types if stream.requested is None else stream.requested
        told: dict[str, Any] = {
            "stream_id": stream.id,
            "iss": signer.issuer,
            "aud": signer.audience[0] if len(signer.audience) == 1 else list(signer.audience),
            "delivery": {"method": POLL, "endpoint_url": f"{self._offer.base}/ssf/poll"},
            "events_supported": list(types),
            "events_requested": list(requested),
            "events_delivered": [one for one in types if stream.wants(one)],
            "min_verification_interval": VERIFICATION_S,
        }
        return {**told, "description": stream.description} if stream.description else told

    async def _create(self, request: web.Request) -> web.Response:
        said = await _object(request)
        stream = None if said is None else self._asked(Stream(secrets.token_hex(16)), said, whole=True)
        if stream is None:
            return _no(HTTPStatus.BAD_REQUEST, "invalid_request")
        if self._spool.stream() is not None:
            return _no(HTTPStatus.CONFLICT, "stream_exists")
        self._spool.keep_stream(stream)
        return web.json_response(self._shown(stream), status=HTTPStatus.CREATED, headers=_OWN)

    async def _read(self, request: web.Request) -> web.Response:
        stream, wanted = self._spool.stream(), request.query.get("stream_id")
        if wanted is None:
            return web.json_response([] if stream is None else [self._shown(stream)], headers=_OWN)
        if stream is None or stream.id != wanted:
            return _no(HTTPStatus.NOT_FOUND, "no_such_stream")
        return web.json_response(self._shown(stream), headers=_OWN)

    async def _update(self, request: web.Request) -> web.Response:
        """PATCH leaves what is not said as it is, PUT takes it away."""
        said = await _object(request)
        stream = self._spool.stream()
        if said is None or not isinstance(said.get("stream_id"), str):
            return _no(HTTPStatus.BAD_REQUEST, "invalid_request")
        if stream is None or stream.id != said["stream_id"]:
            return _no(HTTPStatus.NOT_FOUND, "no_such_stream")
        shown = self._shown(stream)
        ours = ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval")
        changed = self._asked(stream, said, whole=request.method == "PUT")
        if changed is None or any(said[name] != shown[name] for name in ours if name in said):
            return _no(HTTPStatus.BAD_REQUEST, "invalid_request")
        self._spool.keep_stream(changed)
        return web.json_response(self._shown(changed), headers=_OWN)

    def _asked(self, stream: Stream, said: dict[str, Any], *, whole: bool) -> Stream | None:
        """The stream with what the receiver asks for; None where that cannot be."""
        requested, delivery = said.get("events_requested"), said.get("delivery", {"method": POLL})
        description = said.get("description", "" if whole else stream.description)
        texts = isinstance(requested, list) and all(isinstance(one, str) for one in requested)
        if not (requested is None or texts) or not isinstance(description, str):
            return None
        # Where a receiver would have us push to is for our own file to say, and not for a caller.
        if not isinstance(delivery, dict) or delivery.get("method") != POLL:
            return None
        wanted = None if requested is None else tuple(one for one in self._offer.types if one in requested)
        kept = stream.requested if requested is None and not whole else wanted
        return replace(stream, requested=kept, description=description[:TEXT_CHARS_MAX])

    async def _delete(self, request: web.Request) -> web.Response:
        stream = self._spool.stream()
        if stream is None or request.query.get("stream_id") != stream.id:
            return _no(HTTPStatus.NOT_FOUND, "no_such_stream")
        self._spool.end_stream()
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=_OWN)

    async def _status(self, request: web.Request) -> web.Response:
        stream = self._spool.stream()
        if stream is None or request.query.get("stream_id") != stream.id:
            return _no(HTTPStatus.NOT_FOUND, "no_such_stream")
        return _status_of(stream)

    async def _set_status(self, request: web.Request) -> web.Response:
        said = await _object(request) or {}
        status, reason, stream = said.get("status"), said.get("reason", ""), self._spool.stream()
        if status not in STATUSES or not isinstance(reason, str) or "stream_id" not in said:
            return _no(HTTPStatus.BAD_REQUEST, "invalid_request")
        if stream is None or said["stream_id"] != stream.id:
            return _no(HTTPStatus.NOT_FOUND, "no_such_stream")
        changed = replace(stream, status=cast("Status", status), reason=reason[:TEXT_CHARS_MAX])
        self._spool.keep_stream(changed)
        return _status_of(changed)

    async def _verify(self, request: web.Request) -> web.Response:
        said = await _object(request) or {}
        state, stream = said.get("state"), self._spool.stream()
        if not (state is None or (isinstance(state, str) and len(state) <= TEXT_CHARS_MAX)) or "stream_id" not in said:
            return _no(HTTPStatus.BAD_REQUEST, "invalid_request")
        if stream is None or said["stream_id"] != stream.id:
            return _no(HTTPStatus.NOT_FOUND, "no_such_stream")
        if time.monotonic() - self._verified_s < VERIFICATION_S:
            return _no(HTTPStatus.TOO_MANY_REQUESTS, "too_often", {"Retry-After": str(VERIFICATION_S)})
        self._verified_s = time.monotonic()
        put_verification(self._spool, self._signer, stream, state)
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=_OWN)

    async def _poll(self, request: web.Request) -> web.Response:
        said = await _object(request)
        count = None if said is None else said.get("maxEvents", EVENTS_MAX)
        if said is None or type(count) is not int or count < 0 or not _settles(said):
            return _no(HTTPStatus.BAD_REQUEST, "invalid_request")
        refused = {jti: why.get("err") for jti, why in said.get("setErrs", {}).items()}
        refused = {jti: word if word in REFUSALS else "" for jti, word in refused.items()}  # no text of theirs is shown
        self._spool.settle(said.get("ack", []), refused)
        until = time.monotonic() + (0.0 if count == 0 or said.get("returnImmediately") else WAIT_S_MAX)
        while True:
            events, more = self._spool.take(min(count, EVENTS_MAX), time.time())
            if events or time.monotonic() >= until:
                break
            await asyncio.sleep(_LOOK_S)
        sets = {jti: token.decode() for jti, token in events.items()}
        return web.json_response({"sets": sets, "moreAvailable": more}, headers=_OWN)


def put_verification(spool: EventSpool, signer: Signer, stream: Stream, state: str | None = None) -> None:
    """Keep a verification event to be fetched; `state` is the receiver's, where it asked for one."""
    subject = {"format": "opaque", "id": stream.id}
    event = SecurityEvent(
        secrets.token_hex(16), f"{SSF}/verification", subject, {} if state is None else {"state": state}
    )
    spool.put(event.id, event.type, signer.token(event), time.time() + VERIFICATION_LASTS_S, always=True)


async def transmit(server: Transmitter, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until the task is cancelled; `ready` is given the port.

    Raises:
        UsageError: host and port cannot be had.
    """
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UsageError(f"{host}:{port} cannot be had: {error.strerror}; choose another") from error
        ready(int(runner.addresses[0][1]))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _settles(said: dict[str, Any]) -> bool:
    """Whether what the receiver says of events before has the shape that it must have."""
    fetched, refused, at_once = said.get("ack", []), said.get("setErrs", {}), said.get("returnImmediately", False)
    texts = isinstance(fetched, list) and all(isinstance(one, str) for one in fetched)
    words = isinstance(refused, dict) and all(isinstance(one, dict) for one in refused.values())
    return texts and words and isinstance(at_once, bool)


def _status_of(stream: Stream) -> web.Response:
    told = {"stream_id": stream.id, "status": stream.status}
    return web.json_response({**told, "reason": stream.reason} if stream.reason else told, headers=_OWN)


async def _object(request: web.Request) -> dict[str, Any] | None:
    """The body, where it is a JSON object."""
    try:
        said = json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _no(status: HTTPStatus, word: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"err": word, "description": word}, status=status, headers={**_OWN, **(headers or {})})
