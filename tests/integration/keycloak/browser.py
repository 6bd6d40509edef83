"""A browser as far as signing in needs one: cookies, redirects, and forms that are filled in."""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import struct
import time
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.integration.keycloak.realm import APP, OTP_SECRET, REDIRECT, Realm, SignedIn

STEP_S = 30


class Browser:
    """Somebody's, at an address."""

    def __init__(self, realm: Realm, ip: str) -> None:
        """No cookies yet."""
        self._realm = realm
        self._client = httpx.Client(base_url=realm.base, timeout=60, headers={"x-forwarded-for": ip})
        self._form = ""

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def open(self) -> str:
        """Go to the application, which sends to the realm: `code` where that asks nothing, else what is asked for."""
        asked = {"client_id": APP, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid"}
        where = f"/realms/{self._realm.name}/protocol/openid-connect/auth"
        return self._follow(self._client.get(where, params=asked))

    def enter(self, **fields: str) -> str:
        """Fill in the form that was shown last; as `open`."""
        return self._follow(self._client.post(self._form, data=fields))

    def _follow(self, reply: httpx.Response) -> str:
        while True:
            # The server marks them as secure, and a jar would then keep them from this machine's own http.
            for cookie in self._client.cookies.jar:
                cookie.secure = False
            if reply.status_code not in {302, 303}:
                break
            where = reply.headers["location"]
            if where.startswith(REDIRECT):
                (code,) = parse_qs(urlsplit(where).query)["code"]
                self.held = self._realm.tokens_for(code)
                return "code"
            reply = self._client.get(where)
        form = re.search(r'<form[^>]*action="([^"]+)"', reply.text)
        if form is None:
            return f"page {reply.status_code}"
        self._form = html.unescape(form[1])
        fields = set(re.findall(r'<input[^>]*name="([^"]+)"', reply.text))
        return "otp" if "otp" in fields else "password" if "password" in fields else "another"

    held: SignedIn
    """What the application holds since the last `code`."""


def code_now() -> str:
    """The code that a telephone shows."""
    digest = hmac.new(OTP_SECRET.encode(), struct.pack(">Q", int(time.time()) // STEP_S), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"
