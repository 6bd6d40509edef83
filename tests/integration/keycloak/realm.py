"""A realm of a test's own on a real Keycloak, made and looked at through its interfaces, with people who sign in."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.integration.keycloak.flows import ATTRIBUTE, flows
from tests.integration.keycloak.server import ADMIN, PASSWORD

ENGINE = "sessionwatch"
"""The client with the rights that the pages ask for."""
SECRET = "planted-secret-of-the-engine"  # noqa: S105 - planted to be searched for
APP = "ehr"
REDIRECT = "http://127.0.0.1:1/"
OTP_SECRET = "one-secret-of-telephones"  # noqa: S105 - of somebody invented
TYPES = ("LOGIN", "LOGIN_ERROR", "LOGOUT", "CODE_TO_TOKEN", "REFRESH_TOKEN", "REFRESH_TOKEN_ERROR", "UPDATE_CREDENTIAL")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What an application holds of a session."""

    session: str
    access: str
    refresh: str


class Realm:
    """One realm; `close` removes it."""

    def __init__(self, base: str, name: str, people: tuple[str, ...] = ("ann", "bo", "cy", "dee")) -> None:
        """Make it, with people of whom `bo` and `dee` have a telephone that shows codes."""
        self.base, self.name = base, name
        self._client = httpx.Client(base_url=base, timeout=60)
        self.password = f"pw-{name}"
        self._token, self._admin_until = "", 0.0
        self.admin("POST", "/admin/realms", self._representation(people))
        found = self.admin("GET", f"/admin/realms/{name}/users?max=100").json()
        self.ids = {one["username"]: one["id"] for one in found}

    def close(self) -> None:
        """Remove it."""
        self.admin("DELETE", f"/admin/realms/{self.name}")
        self._client.close()

    def admin(self, method: str, path: str, data: Any = None) -> httpx.Response:
        """What the server's administrator asks for, which must succeed."""
        if time.monotonic() > self._admin_until:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": PASSWORD}
            said = self._client.post("/realms/master/protocol/openid-connect/token", data=form).json()
            self._token, self._admin_until = said["access_token"], time.monotonic() + said["expires_in"] / 2
        reply = self._client.request(method, path, json=data, headers={"authorization": f"Bearer {self._token}"})
        assert reply.is_success, (method, path, reply.status_code, reply.text)
        return reply

    def told_at(self, address: str) -> None:
        """Where the application is told of a session's end; nowhere if empty."""
        where = f"/admin/realms/{self.name}/clients"
        (app,) = self.admin("GET", f"{where}?clientId={APP}").json()
        app["attributes"] = {**app.get("attributes", {}), "backchannel.logout.url": address}
        self.admin("PUT", f"{where}/{app['id']}", app)

    def user(self, name: str) -> dict[str, Any]:
        """How the realm has a person."""
        found: dict[str, Any] = self.admin("GET", f"/admin/realms/{self.name}/users/{self.ids[name]}").json()
        return found

    def sign_in(self, name: str, ip: str = "", *, scope: str = "openid", password: str | None = None) -> SignedIn:
        """Somebody gives a name and a password to the application, from an address."""
        form = {"grant_type": "password", "username": name, "password": password or self.password, "scope": scope}
        return _held(self._app("token", form, ip))

    def tokens_for(self, code: str) -> SignedIn:
        """What the application gets for the code that a browser brought."""
        return _held(self._app("token", {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}))

    def refreshes(self, held: SignedIn) -> bool:
        """Whether the session still renews its tokens."""
        reply = self._app("token", {"grant_type": "refresh_token", "refresh_token": held.refresh})
        assert reply.status_code in {200, 400}
        return reply.status_code == 200

    def active(self, held: SignedIn) -> bool:
        """What the realm says of the access token."""
        return self._app("token/introspect", {"token": held.access}).json()["active"] is True

    def _app(self, path: str, form: dict[str, str], ip: str = "") -> httpx.Response:
        headers = {"x-forwarded-for": ip} if ip else {}
        whole = {"client_id": APP, "client_secret": f"{APP}-secret", **form}
        return self._client.post(f"/realms/{self.name}/protocol/openid-connect/{path}", data=whole, headers=headers)

    def _representation(self, people: tuple[str, ...]) -> dict[str, Any]:
        profile = [_attribute(name, "user") for name in ("username", "email", "firstName", "lastName")]
        profile += [_attribute(ATTRIBUTE), _attribute("ward")]
        component = {"providerId": "declarative-user-profile"}
        component["config"] = {"kc.user.profile.config": [json.dumps({"attributes": profile})]}
        return {
            "realm": self.name,
            "enabled": True,
            "sslRequired": "none",
            # What makes guessing slow makes tests slow: each sign-in would cost a tenth of a second of a processor.
            "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1000)",
            "eventsEnabled": True,
            "enabledEventTypes": TYPES,
            "adminEventsEnabled": True,
            **flows(),
            "clients": [_engine(ENGINE), _engine("reader"), _engine("nobody"), _app()],
            "users": [
                *(self._person(name) for name in people),
                _account(ENGINE, "manage-users", "view-events"),
                _account("reader", "view-users"),
                _account("nobody"),
            ],
            "components": {"org.keycloak.userprofile.UserProfileProvider": [component]},
        }

    def _person(self, name: str) -> dict[str, Any]:
        credentials: list[dict[str, Any]] = [{"type": "password", "value": self.password, "temporary": False}]
        if name in {"bo", "dee"}:
            how = {"subType": "totp", "digits": 6, "period": 30, "algorithm": "HmacSHA1", "counter": 0}
            hidden = json.dumps({"value": OTP_SECRET})
            credentials.append({"type": "otp", "secretData": hidden, "credentialData": json.dumps(how)})
        names = {"email": f"{name}@clinic.example", "firstName": name.title(), "lastName": "Example"}
        roles = ["offline_access", f"default-roles-{self.name}"]
        rest = {"enabled": True, "emailVerified": True, "attributes": {"ward": ["3"]}, "realmRoles": roles}
        return {"username": name, "credentials": credentials, **names, **rest}


def _held(reply: httpx.Response) -> SignedIn:
    said = reply.json()
    return SignedIn(said["session_state"], said["access_token"], said["refresh_token"])


def _attribute(name: str, *more: str) -> dict[str, Any]:
    who = ["admin", *more]
    return {"name": name, "permissions": {"view": who, "edit": who}}


def _engine(name: str) -> dict[str, Any]:
    flows = {"standardFlowEnabled": False, "directAccessGrantsEnabled": False, "serviceAccountsEnabled": True}
    return {
        "clientId": name,
        "enabled": True,
        "publicClient": False,
        "secret": SECRET,
        "fullScopeAllowed": True,
    } | flows


def _app() -> dict[str, Any]:
    # Without it among the audience the application may not ask about its own tokens.
    audience = {
        "name": "own audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": APP, "access.token.claim": "true", "introspection.token.claim": "true"},
    }
    flows = {"standardFlowEnabled": True, "directAccessGrantsEnabled": True, "redirectUris": [REDIRECT]}
    app = {"clientId": APP, "enabled": True, "publicClient": False, "secret": f"{APP}-secret", "fullScopeAllowed": True}
    return app | flows | {"protocolMappers": [audience]}


def _account(client: str, *roles: str) -> dict[str, Any]:
    rights = {"clientRoles": {"realm-management": list(roles)}} if roles else {}
    return {"username": f"service-account-{client}", "enabled": True, "serviceAccountClientId": client, **rights}
