"""Events in the Elastic Common Schema (ECS), nested or with dots in their keys, also as search hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.action_words import change_of_words, kind_at, kind_of_words, words_of
from streams.adapters.adapter import Adapter, Draft, Dropped, Row
from streams.adapters.ecs_examples import EXAMPLES
from streams.adapters.fields import (
    DEPTH_MAX,
    compiled,
    find,
    instant_of,
    instant_or_none,
    log_place,
    opened,
    text,
    truth,
    whole_number,
)

_OURS: Final = frozenset(
    {"authentication", "iam", "session", "file", "configuration", "database", "email", "web", "api"}
)
"""Categories of events that may be somebody's; others are a machine's."""
_CONCLUSIONS: Final = frozenset({"alert", "signal", "enrichment", "metric", "state", "pipeline_error", "asset"})
"""Kinds of what somebody concluded or measured, as against what happened."""
_OUTCOMES: Final[dict[str, Outcome]] = {"success": "success", "failure": "failure"}
_CHANGES: Final = frozenset({"change", "creation", "deletion"})
_LOGIN: Final = ("log on", "logon", "log in", "login", "logged in", "sign in", "signin", "authenticat", "session start")
_LOGOUT: Final = ("log out", "logout", "logged out", "log off", "logoff", "logged off", "sign out", "signout")
_MFA: Final = ("mfa", "multi factor", "multifactor", "second factor", "verify push", "factor")
_ASKED: Final = ("challenge", "push sent", "sent push", "send ", "request", "prompt")
_BACKGROUND_LOGONS: Final = frozenset(
    {"network", "batch", "service", "networkcleartext", "newcredentials", "3", "4", "5"}
)
_ABOUT_TARGET: Final = frozenset({"lockout", "revoked"})
_PAIR: Final = ("longitude", "latitude")
_PLACE: Final = {
    "latitude": compiled("source.geo.location.lat"),
    "longitude": compiled("source.geo.location.lon"),
    "city": compiled("source.geo.city_name"),
    "region": compiled("source.geo.region_name"),
    "country": compiled("source.geo.country_iso_code"),
    "asn": compiled("source.as.number"),
    "organisation": compiled("source.as.organization.name"),
}


class ECS(Adapter):
    """What Beats, Elastic Agent and others that write ECS say about people: sign-ins, accounts, sessions, files.

    * A source that has an adapter of its own (`event.module` aws, okta, o365, azure) says the kind by `event.action`,
      as that adapter reads it; else the categories, types and the words of the action do.
    * `user` is by address of mail, name or id, the first there is; `target` is `user.target`, `user.changes` or
      `group`. ECS has no field for a session: `session.id`, and what Okta, Windows, AWS and Microsoft call theirs.
    * Files and rows are an `export` where the action says download or export.
    * `attributes.change` says mfa_added, mfa_removed or audit_off where the action does.
    * Logons over the network, in batches and by services have `interactive` false, like what `azure` and AWS's
      interfaces log as such.
    * Lockouts and ended sessions are the event of whose they were: `user.target`; who did it is `attributes.actor`.
    * Late: a shipper's minutes. What an agent fetches from a slow source is as late as that; give a greater bound then.
    """

    name = "ecs"
    title = "Elastic Common Schema events"
    lateness = timedelta(minutes=5)
    signatures = (("@timestamp", "event.category"), ("@timestamp", "ecs.version", "event.action"))
    drops: ClassVar[Mapping[str, str]] = {
        "not_an_event": "an alert, a measurement or a state (`event.kind`): nothing that anybody did",
        "about_machines": "only of categories that tell of processes, hosts and networks, and of no session",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("event.id", "id", "e-1"),
        Row("_id", "id", "hit-1"),
        Row("@timestamp", "at", "2026-03-02T09:00:00.000Z", "2026-03-02T09:00:00+00:00"),
        Row("event.ingested", "received_at", "2026-03-02T09:00:05Z", "2026-03-02T09:00:05+00:00"),
        Row("event.action", "action", "logged-in"),
        Row("event.category", "kind", ["authentication"], "login", "with event.type and event.action, see above"),
        Row("event.outcome", "outcome", "success", "success"),
        Row("event.reason", "reason", "Wrong password"),
        Row("error.code", "reason", "AccessDenied"),
        Row("user.email", "user", "Ann@Clinic.example"),
        Row("user.name", "user", "ann"),
        Row("user.id", "user", "S-1-5-21-7"),
        Row("user.full_name", "user_label", "Ann"),
        Row("user.domain", "attributes.domain", "CLINIC"),
        Row("user.roles[0]", "role", "admin"),
        Row("user.target.email", "target", "bob@clinic.example"),
        Row("user.target.name", "target", "bob"),
        Row("user.changes.name", "target", "robert"),
        Row("group.name", "target", "Domain Admins"),
        Row("user.effective.name", "attributes.effective_user", "root"),
        Row("session.id", "session", "s-1"),
        Row("okta.authentication_context.external_session_id", "session", "102BXR6Q6"),
        Row("o365.audit.AppAccessContext.AADSessionId", "session", "005f-78"),
        Row("azure.signinlogs.properties.session_id", "session", "005f-77"),
        Row("winlog.event_data.TargetLogonId", "session", "0x3e7"),
        Row("aws.cloudtrail.user_identity.access_key_id", "session", "AKIAIOSFODNN7EXAMPLE"),
        Row("source.ip", "ip", "192.0.2.7"),
        Row("client.ip", "ip", "192.0.2.8"),
        Row("user_agent.original", "user_agent", "Mozilla/5.0"),
        Row("user_agent.os.name", "attributes.os", "Windows"),
        Row("user_agent.name", "attributes.browser", "Edge"),
        Row("device.id", "device", "d-17"),
        Row("host.name", "workstation", "ward-3"),
        Row("service.name", "app", "EHR"),
        Row("event.provider", "app", "iam.amazonaws.com"),
        Row("event.dataset", "app", "okta.system"),
        Row("winlog.logon.type", "auth_method", "Interactive"),
        Row("file.path", "resource", "/records/list.xlsx"),
        Row("url.path", "resource", "/patients/7"),
        Row("file.size", "bytes", 4096, "4096", "else http.response.body.bytes"),
        Row("http.response.body.bytes", "bytes", 500, "500"),
        Row("event.module", "attributes.module", "okta"),
        Row("event.code", "attributes.code", "4624"),
        Row("organization.id", "attributes.account", "org-1"),
        Row("cloud.account.id", "attributes.account", "123456789012"),
        Row("source.geo.country_iso_code", "place.country", "IT", "IT"),
        Row("source.geo.location.lat", "place.latitude", 45.46, "45.46", "also as a pair, text or POINT"),
        Row("source.as.number", "place.asn", 3269, "3269"),
    )
    examples = EXAMPLES

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Dotted keys nested, the fields of a search hit in its place, and a location as latitude and longitude."""
        body = record.get("_source")
        seen = _nested(body if isinstance(body, dict) else record)
        if isinstance(body, dict):
            seen.setdefault("_id", record.get("_id"))
        geo = find(seen, ("source", "geo"))
        if isinstance(geo, dict) and "location" in geo:
            geo["location"] = _located(geo["location"])
        return seen

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        seen = self.view(record)
        if text(find(seen, ("event", "kind"))).casefold() in _CONCLUSIONS:
            return Dropped("not_an_event")
        categories, types = _words(seen, "category"), _words(seen, "type")
        if categories and not categories & _OURS:
            return Dropped("about_machines")
        said = self.copied(seen)
        if not categories and "action" not in said:
            raise BadRecordError("no_category", "neither `event.category` nor `event.action` says what happened")
        outcome = _OUTCOMES.get(text(find(seen, ("event", "outcome"))).casefold(), "unknown")
        if outcome == "unknown" and "denied" in types:
            outcome = "failure"
        draft = Draft(
            id="",
            at=instant_of(seen.get("@timestamp"), "@timestamp"),
            kind=_kind(said, categories, types),
            said=said,
            outcome=outcome,
            received_at=instant_or_none(find(seen, ("event", "ingested"))),
            place=log_place(seen, _PLACE),
        )
        draft.id = self.identity(said.pop("id", ""), record)
        if draft.kind == "login" and outcome == "failure":
            draft.kind = "login_failed"
        _second_factor(draft)
        if draft.kind != "activity" and (change := change_of_words(said.get("action", ""))):
            said["attributes.change"] = change
        target = said.get("target", "")
        if draft.kind in _ABOUT_TARGET and target and target.casefold() != said.get("user", "").casefold():
            # The session in the record is the actor's, and goes on.
            said |= {"user": target, "attributes.actor": said.get("user", ""), "user_label": "", "session": ""}
        draft.interactive = _is_interactive(draft, seen)
        sizes = (find(seen, ("file", "size")), find(seen, ("http", "response", "body", "bytes")))
        draft.moved_bytes = next((size for each in sizes if (size := whole_number(each))), 0)
        if draft.kind == "export" and outcome == "failure":
            draft.count = draft.moved_bytes = 0
        return [draft.event(self.name)]


def _second_factor(draft: Draft) -> None:
    """What a success means: of a result that it was passed, of a challenge only that it was sent."""
    if draft.outcome != "success":
        return
    if draft.kind == "mfa_result":
        draft.mfa = True
    elif draft.kind == "mfa_challenge":
        draft.outcome = "unknown"


def _words(seen: Mapping[str, Any], field: str) -> set[str]:
    """The words of `event.category` or `event.type`, which are a list, and with some shippers one word."""
    value = find(seen, ("event", field))
    return {text(each).casefold() for each in (value if isinstance(value, list) else [value])} - {""}


def _kind(said: Mapping[str, str], categories: set[str], types: set[str]) -> EventKind:
    action = said.get("action", "")
    known = kind_at(said.get("attributes.module", ""), action, said.get("app", ""))
    if known != "activity":
        return known
    kind = kind_of_words(
        action, identity=bool(categories & {"iam", "configuration"}) and bool(types - {"info", "access"})
    )
    if kind != "activity":
        return kind
    if categories & {"authentication", "session"}:
        return _signed_in(words_of(action), types, categories)
    if "iam" in categories and types & _CHANGES:
        return "account_change"
    return "policy_change" if "configuration" in categories and types & _CHANGES else "activity"


def _signed_in(words: str, types: set[str], categories: set[str]) -> EventKind:
    """The kind of an event of the categories authentication or session."""
    if any(word in words for word in _MFA):
        return "mfa_challenge" if any(word in f"{words} " for word in _ASKED) else "mfa_result"
    if "end" in types or any(word in words for word in _LOGOUT):
        return "logout"
    tried = "authentication" in categories and not types - {"info", "allowed", "denied", "user"} and not words
    return "login" if "start" in types or tried or any(word in words for word in _LOGIN) else "activity"


def _is_interactive(draft: Draft, seen: Mapping[str, Any]) -> bool:
    if draft.said.get("auth_method", "").casefold() in _BACKGROUND_LOGONS or draft.kind == "refresh":
        return False
    told = truth(find(seen, ("azure", "signinlogs", "properties", "is_interactive")))
    by_key = draft.said.get("attributes.module", "") == "aws" and draft.kind not in {"login", "login_failed"}
    return not by_key if told is None else told


def _nested(node: Mapping[str, Any], depth_max: int = DEPTH_MAX) -> dict[str, Any]:
    """Objects with dotted keys as objects in objects; where both stand there, they are one.

    Raises:
        BadRecordError: nested deeper than `depth_max`.
    """
    if depth_max <= 0:
        raise BadRecordError("nested_too_deep", f"more than {DEPTH_MAX} objects in objects")
    nested: dict[str, Any] = {}
    for key, value in node.items():
        inner = _nested(value, depth_max - 1) if isinstance(value, dict) else value
        *parents, last = key.split(".") if "." in key else [key]
        holder = nested
        for parent in parents[:DEPTH_MAX]:
            below = holder.setdefault(parent, {})
            if not isinstance(below, dict):
                below = holder[parent] = {}
            holder = below
        known = holder.get(last)
        holder[last] = {**known, **inner} if isinstance(known, dict) and isinstance(inner, dict) else inner
    return nested


def _located(location: Any) -> Any:
    """A geographical point as `lat` and `lon`: ECS allows an object, a pair, "lat,lon", and POINT (lon lat)."""
    location = opened(location)
    pair = location
    if isinstance(location, str):
        point = location.upper().startswith("POINT")
        numbers = location.upper().removeprefix("POINT").replace(",", " ").strip(" ()").split()
        try:
            pair = [float(number) for number in numbers]
        except ValueError:
            return None
        pair = pair if point else pair[::-1]
    if isinstance(pair, list) and len(pair) == len(_PAIR):
        return {"lon": pair[0], "lat": pair[1]}
    return pair if isinstance(pair, dict) else None
