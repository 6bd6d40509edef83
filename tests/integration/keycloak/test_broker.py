"""The adapter for Keycloak, on a real one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from models.actions import Outcome
from sessionwatch.errors import BrokerError
from sessionwatch.responses.brokers.keycloak import KeycloakBroker, KeycloakSettings
from sessionwatch.responses.credentials import Secret
from sessionwatch.responses.exchange import Exchange
from tests.contract.brokers.far_side import order
from tests.integration.keycloak.realm import ENGINE, SECRET, Realm


def asked(realm: Realm, doing: Callable[[KeycloakBroker], Awaitable[Any]], /, **settings: Any) -> Any:
    """What comes of asking the adapter, set up for the realm and with other settings."""
    timeout_s = settings.pop("timeout_s", 30.0)
    secret = settings.pop("secret", SECRET)
    said = {"realm": realm.name, "client": ENGINE, "base": realm.base, **settings}

    async def run() -> Any:
        exchange = Exchange(said["base"], timeout_s=timeout_s)
        broker = KeycloakBroker(exchange, Secret(secret), KeycloakSettings(broker="keycloak", **said))
        try:
            return await doing(broker)
        finally:
            await broker.close()

    return asyncio.run(run())


def test_a_killed_session_is_dead_and_the_other_goes_on(realm: Realm) -> None:
    """Its refresh token and its access token are worth nothing; asked again, there is nothing left to do."""
    thief, honest = realm.sign_in("ann"), realm.sign_in("ann")
    kill = order("kill_session", realm.ids["ann"], thief.session)

    async def doing(broker: KeycloakBroker) -> list[Any]:
        before = await broker.session_alive(kill.user, thief.session)
        first, again = await broker.do(kill), await broker.do(kill)
        after = await broker.session_alive(kill.user, thief.session)
        return [before, first.result, again.result, after, await broker.session_alive(kill.user, honest.session)]

    said = asked(realm, doing, offline_clients=())
    assert said == [True, "applied", "already_applied", False, True]
    assert not realm.refreshes(thief)
    assert not realm.active(thief)
    assert realm.refreshes(honest)
    assert realm.active(honest)


def test_an_offline_session_is_ended_too(realm: Realm) -> None:
    """The online one of the id is not there, and that is not taken for its end."""
    held = realm.sign_in("ann", scope="openid offline_access")
    kill = order("kill_session", realm.ids["ann"], held.session)
    assert asked(realm, lambda broker: broker.do(kill)).result == "applied"
    assert not realm.refreshes(held)


def test_a_killed_user_has_no_session_left_and_others_have(realm: Realm) -> None:
    """All of hers are dead, his are not."""
    hers, his = [realm.sign_in("ann") for _ in range(2)], realm.sign_in("cy")
    kill = order("kill_user", realm.ids["ann"])
    assert asked(realm, lambda broker: broker.do(kill)).result == "applied"
    assert not any(realm.refreshes(one) or realm.active(one) for one in hers)
    assert realm.refreshes(his)


def test_a_demanded_factor_leaves_all_else_of_the_user(realm: Realm) -> None:
    """Name, address, mail and other attributes stay when the demand is written and when it is taken back."""
    before = realm.user("bo")
    demand, clear = order("step_up", realm.ids["bo"]), order("clear_step_up", realm.ids["bo"])
    assert asked(realm, lambda broker: broker.do(demand)).result == "applied"
    between = realm.user("bo")
    assert between["attributes"].pop("step_up_required") == ["true"]
    assert between == before
    assert asked(realm, lambda broker: broker.do(demand)).result == "already_applied"
    assert asked(realm, lambda broker: broker.do(clear)).result == "applied"
    assert realm.user("bo") == before


def test_nobody_is_led_to_enrol_a_factor(realm: Realm) -> None:
    """Who has none is not asked for one: whoever sits there would enrol it."""
    demand = order("step_up", realm.ids["ann"])
    done = asked(realm, lambda broker: broker.do(demand))
    assert (done.result, done.detail) == ("rejected", "no_factor_enrolled")
    assert realm.user("ann")["attributes"] == {"ward": ["3"]}


REFUSED = {
    "wrong secret": ({"secret": "another"}, 401, "status_401"),
    "unknown client": ({"client": "stranger"}, 401, "status_401"),
    "role missing": ({"client": "nobody"}, 403, "status_403"),
    "may only look": ({"client": "reader"}, 403, "status_403"),
    "no such realm": ({"realm": "clinik"}, 404, "no_such_realm"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_no_success(realm: Realm, case: str) -> None:
    """Whatever is wrong with the set-up, nothing is taken for done, and the check says what to mend."""
    settings, status, detail = REFUSED[case]
    held = realm.sign_in("ann")
    kill = order("kill_session", realm.ids["ann"], held.session)
    done = asked(realm, lambda broker: broker.do(kill), **settings)
    assert done == Outcome(result="rejected", status=status, detail=detail)
    assert realm.refreshes(held)
    lines = asked(realm, lambda broker: broker.check(), **settings)
    assert lines
    assert not any(SECRET in line for line in lines)


def test_another_realm_of_the_server_ends_nothing(realm: Realm, keycloak: str, unique: str) -> None:
    """Its 404 of a session that it never had is no success."""
    other = Realm(keycloak, unique, people=("eve",))
    try:
        held = realm.sign_in("ann")
        kill = order("kill_session", realm.ids["ann"], held.session)
        done = asked(realm, lambda broker: broker.do(kill), realm=other.name)
    finally:
        other.close()
    assert done == Outcome(result="rejected", status=404, detail="no_such_user")
    assert realm.refreshes(held)


def test_a_user_whom_the_realm_does_not_know_is_refused(realm: Realm) -> None:
    """Each verb says so."""
    for verb in ("kill_user", "step_up", "clear_step_up"):
        action = order(verb, "00000000-0000-4000-8000-000000000000")
        done = asked(realm, lambda broker, action=action: broker.do(action))
        assert done == Outcome(result="rejected", status=404, detail="no_such_user"), verb


def test_the_check_finds_nothing_where_all_is_set_up(realm: Realm) -> None:
    """The roles of the page suffice, and events that are switched off are told."""
    assert asked(realm, lambda broker: broker.check()) == []
    where = f"/admin/realms/{realm.name}"
    realm.admin("PUT", where, {"eventsEnabled": False})
    try:
        lines = asked(realm, lambda broker: broker.check())
    finally:
        realm.admin("PUT", where, {"eventsEnabled": True})
    assert [line.rpartition(": ")[2] for line in lines] == ["user events are not kept; switch them on"]


def test_a_server_that_is_away_is_told(realm: Realm) -> None:
    """As an outcome to ask again, and as one line of the check."""
    kill = order("kill_user", realm.ids["ann"])
    away = {"base": "http://127.0.0.1:1", "timeout_s": 5.0}
    assert asked(realm, lambda broker: broker.do(kill), **away).result == "retryable"
    with pytest.raises(BrokerError, match="gives no answer"):
        asked(realm, lambda broker: broker.check(), **away)


class SlowApplication:
    """An application that is told of a session's end, and takes its time to answer."""

    def __init__(self, takes_s: float) -> None:
        told: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(self.rfile.read(int(self.headers["content-length"])).decode())
                time.sleep(takes_s)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.told = told
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/logout"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def test_a_slow_application_delays_the_answer_and_not_the_end(realm: Realm) -> None:
    """Keycloak tells applications first. Not waited for, the kill is asked for again and found done, once."""
    application = SlowApplication(takes_s=3)
    realm.told_at(application.address)
    try:
        first, second = realm.sign_in("cy"), realm.sign_in("cy")
        kill = order("kill_session", realm.ids["cy"], first.session)
        hasty = asked(realm, lambda broker: broker.do(kill), timeout_s=1.5, offline_clients=())
        assert (hasty.result, hasty.detail) == ("retryable", "timed_out")
        again = asked(realm, lambda broker: broker.do(kill))
        patient = asked(realm, lambda broker: broker.do(order("kill_session", realm.ids["cy"], second.session)))
    finally:
        realm.told_at("")
        application.close()
    assert again.result in {"applied", "already_applied"}
    assert patient.result == "applied"
    assert not realm.refreshes(first)
    assert not realm.refreshes(second)
    assert len(application.told) >= 2
