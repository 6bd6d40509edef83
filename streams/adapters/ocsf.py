"""Events in the Open Cybersecurity Schema Framework (OCSF 1.x), as security lakes and many products write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.action_words import AWS, change_of_words, kind_at, kind_of_words
from streams.adapters.adapter import Adapter, Draft, Dropped, Row
from streams.adapters.fields import (
    compiled,
    find,
    instant_of,
    instant_since_1970,
    log_place,
    text,
    truth,
    whole_number,
)
from streams.adapters.ocsf_examples import EXAMPLES

_ACCOUNT, _AUTHENTICATION, _ACCESS, _API, _DATASTORE, _FILES = 3001, 3002, 3005, 6003, 6005, 6006

_KINDS: Final[dict[int, dict[int, EventKind]]] = {
    _ACCOUNT: {
        1: "account_change",
        2: "account_change",
        3: "credential_change",
        4: "credential_change",
        5: "account_change",
        6: "account_change",
        7: "privilege_change",
        8: "privilege_change",
        9: "lockout",
        10: "device_enrolled",
        11: "credential_change",
        12: "account_change",
    },
    _AUTHENTICATION: {1: "login", 2: "logout", 3: "refresh", 4: "refresh", 5: "refresh", 7: "impersonation"},
    _ACCESS: {1: "privilege_change", 2: "privilege_change"},
    _API: {},
    _DATASTORE: {1: "export", 4: "export"},
    _FILES: {2: "export", 15: "export"},
}
"""Kinds by class and activity; every other activity of these classes is an activity."""
_TICKETS: Final = frozenset({3, 6})
"""Activities of 3002 in which a person shows a password to get a ticket: when they fail, a sign-in failed."""
_CHANGES: Final = {(_ACCOUNT, 10): "mfa_added", (_ACCOUNT, 11): "mfa_removed", (_FILES, 12): "shared"}
_API_READ: Final = 2
_OUTCOMES: Final[dict[int, Outcome]] = {1: "success", 2: "failure"}
_SYNC: Final = 15
_BACKGROUND_LOGONS: Final = frozenset({3, 4, 5, 8, 9})
_SYSTEM_TYPES: Final = frozenset({3, 4})
_NAMES: Final = ("email_addr", "name", "uid")
_PAIR: Final = ("longitude", "latitude")
_PLACE: Final = {
    "latitude": compiled("src_endpoint.location.lat"),
    "longitude": compiled("src_endpoint.location.long"),
    "city": compiled("src_endpoint.location.city"),
    "region": compiled("src_endpoint.location.region"),
    "country": compiled("src_endpoint.location.country"),
    "asn": compiled("src_endpoint.autonomous_system.number"),
    "organisation": compiled("src_endpoint.autonomous_system.name"),
}
_MILLISECOND: Final = timedelta(milliseconds=1)


class OCSF(Adapter):
    """Account Change, Authentication, User Access, API, Datastore and File Hosting Activity; all else is dropped.

    * `user` is who did it: `user` of a sign-in, else `actor.user`; by address of mail, name or id, the first there is.
      `target` is the account changed, and of a lockout also the user; `attributes.actor` has who did it then.
    * A failed logon, and a failed first ticket of Kerberos, is a `login_failed`; tickets themselves are a `refresh`.
      Logons over the network, in batches or by services have `interactive` false, like calls of an API.
    * Reads and queries of a datastore and downloads and synchronised files are `export`; what failed moved nothing.
    * A call of an API is what its operation says: as `cloudtrail` reads it where it is AWS's, else by its words.
    * `attributes.change` says mfa_added, mfa_removed, audit_off or shared. A shared file is an `activity`.
    * Late: a lake writes in batches of some minutes, and what feeds it (CloudTrail) has its own 15.
    """

    name = "ocsf"
    title = "OCSF 1.x events"
    lateness = timedelta(minutes=30)
    signatures = (
        ("class_uid", "activity_id", "metadata.version"),
        ("class_uid", "category_uid", "type_uid"),
        ("class_uid", "type_uid", "metadata.product"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "other_class": "of a class that tells of no session: findings, network, processes, inventory",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("metadata.uid", "id", "ev-1"),
        Row("metadata.original_event_uid", "id", "orig-1"),
        Row("time_dt", "at", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00+00:00", "else `time`"),
        Row("time", "at", 1772442000000, "2026-03-02T09:00:00+00:00", "milliseconds since 1970"),
        Row("metadata.logged_time", "received_at", 1772442005000, "2026-03-02T09:00:05+00:00"),
        Row("activity_id", "kind", 11, "credential_change", "by class; failed logons are login_failed"),
        Row("api.operation", "action", "StopLogging"),
        Row("activity_name", "action", "Logon"),
        Row("type_name", "action", "Datastore Activity: Query"),
        Row("status_id", "outcome", 2, "failure", "1 success; else unknown"),
        Row("status_detail", "reason", "Wrong password"),
        Row("api.response.error", "reason", "AccessDenied"),
        Row("status_code", "reason", "0x18"),
        Row("user.email_addr", "user", "Ann@Clinic.example", "ann@clinic.example", "of a sign-in"),
        Row("actor.user.name", "user", "ann", "ann", "else"),
        Row("user.name", "target", "bob", "bob", "of a change of accounts or rights"),
        Row("user.full_name", "user_label", "Ann"),
        Row("session.uid", "session", "s-1"),
        Row("actor.session.uid", "session", "s-2"),
        Row("actor.user.credential_uid", "session", "AKIAIOSFODNN7EXAMPLE"),
        Row("src_endpoint.ip", "ip", "192.0.2.7"),
        Row("http_request.user_agent", "user_agent", "Mozilla/5.0"),
        Row("device.uid", "device", "d-17"),
        Row("src_endpoint.uid", "device", "e-1"),
        Row("device.hostname", "workstation", "ward-3"),
        Row("service.name", "app", "EHR"),
        Row("api.service.name", "app", "cloudtrail.amazonaws.com"),
        Row("metadata.product.name", "app", "Records"),
        Row("actor.user.type", "role", "IAMUser"),
        Row("auth_protocol", "auth_method", "SAML"),
        Row("logon_type", "attributes.logon_type", "Interactive"),
        Row("is_mfa", "mfa", True, "True", "else actor.session.is_mfa"),
        Row("file.path", "resource", "/records/list.xlsx"),
        Row("file.name", "resource", "list.xlsx"),
        Row("table.name", "resource", "patients"),
        Row("databucket.name", "resource", "scans"),
        Row("database.name", "resource", "ehr"),
        Row("resources[0].uid", "resource", "arn:aws:cloudtrail:eu-south-1:123456789012:trail/t1"),
        Row("resources[0].name", "resource", "t1"),
        Row("file.size", "bytes", 4096, "4096"),
        Row("query_info.bytes", "bytes", 500, "500"),
        Row("count", "count", 3, "3", "how many alike the event stands for"),
        Row("privileges[0]", "attributes.privilege", "Administrator"),
        Row("policy.name", "attributes.privilege", "FullAccess"),
        Row("metadata.product.vendor_name", "attributes.vendor", "Clinic"),
        Row("cloud.account.uid", "attributes.account", "123456789012"),
        Row("cloud.region", "attributes.region", "eu-south-1"),
        Row("metadata.correlation_uid", "attributes.correlation", "c-1"),
        Row("src_endpoint.location.country", "place.country", "IT", "IT"),
        Row("src_endpoint.location.lat", "place.latitude", 45.46, "45.46", "else coordinates"),
    )
    examples = EXAMPLES

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Coordinates as latitude and longitude where only a pair says them."""
        location = find(record, ("src_endpoint", "location"))
        pair = location.get("coordinates") if isinstance(location, dict) else None
        if not isinstance(pair, list) or len(pair) != len(_PAIR) or "lat" in location:
            return record
        located = {**location, "long": pair[0], "lat": pair[1]}
        return {**record, "src_endpoint": {**record["src_endpoint"], "location": located}}

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        seen = self.view(record)
        class_uid, activity = whole_number(seen.get("class_uid")), whole_number(seen.get("activity_id"))
        if class_uid is None or activity is None:
            raise BadRecordError("no_class", "`class_uid` or `activity_id` is no whole number")
        if class_uid not in _KINDS:
            return Dropped("other_class")
        said = self.copied(seen)
        draft = Draft(
            id="",
            at=_at(seen),
            kind=_KINDS[class_uid].get(activity, "activity"),
            said=said,
            outcome=_OUTCOMES.get(whole_number(seen.get("status_id")) or 0, "unknown"),
            received_at=_received(seen),
            place=log_place(seen, _PLACE),
        )
        draft.id = self.identity(said.pop("id", ""), record)
        service = said.get("app", "")
        if class_uid == _API:
            known = kind_at("", said.get("action", ""), service)
            changes = activity != _API_READ and not service.endswith(AWS)
            draft.kind = known if known != "activity" else kind_of_words(said.get("action", ""), identity=changes)
        if draft.outcome == "failure" and (draft.kind == "login" or _is_ticket(class_uid, activity)):
            draft.kind = "login_failed"
        changed = draft.kind != "activity" and change_of_words(said.get("action", ""))
        if word := _CHANGES.get((class_uid, activity), "") or changed:
            said["attributes.change"] = word
        _name(draft, seen, class_uid)
        draft.interactive = _is_interactive(seen, class_uid, activity)
        mfa = truth(seen.get("is_mfa"))
        draft.mfa = truth(find(seen, ("actor", "session", "is_mfa"))) if mfa is None else mfa
        _measure(draft, seen)
        return [draft.event(self.name)]


def _at(seen: Mapping[str, Any]) -> datetime:
    if written := seen.get("time_dt"):
        return instant_of(written, "time_dt")
    return instant_since_1970(seen.get("time"), "time", _MILLISECOND)


def _received(seen: Mapping[str, Any]) -> datetime | None:
    try:
        return instant_since_1970(find(seen, ("metadata", "logged_time")), "metadata.logged_time", _MILLISECOND)
    except BadRecordError:
        return None


def _is_ticket(class_uid: int, activity: int) -> bool:
    return class_uid == _AUTHENTICATION and activity in _TICKETS


def _called(user: Any) -> str:
    return next((name for key in _NAMES if (name := text(find(user, (key,))))), "")


def _name(draft: Draft, seen: Mapping[str, Any], class_uid: int) -> None:
    """Who did it, and to whom: see the class."""
    said = draft.said
    actor, user = _called(find(seen, ("actor", "user"))), _called(seen.get("user"))
    if class_uid not in {_ACCOUNT, _ACCESS}:
        said["user"] = (user or actor) if class_uid == _AUTHENTICATION else (actor or user)
        return
    said.pop("user_label", None)
    said["target"] = user
    if draft.kind == "lockout" and user:
        said["user"] = user
        if actor and actor.casefold() != user.casefold():
            said["attributes.actor"] = actor
    else:
        said["user"] = actor or user


def _is_interactive(seen: Mapping[str, Any], class_uid: int, activity: int) -> bool:
    if whole_number(find(seen, ("actor", "user", "type_id"))) in _SYSTEM_TYPES or class_uid == _API:
        return False
    if class_uid == _AUTHENTICATION:
        tickets = _KINDS[_AUTHENTICATION].get(activity) == "refresh"
        return not tickets and whole_number(seen.get("logon_type_id")) not in _BACKGROUND_LOGONS
    return not (class_uid == _FILES and activity == _SYNC)


def _measure(draft: Draft, seen: Mapping[str, Any]) -> None:
    draft.count = whole_number(seen.get("count")) or 1
    sizes = (find(seen, ("file", "size")), find(seen, ("query_info", "bytes")), find(seen, ("traffic", "bytes_out")))
    draft.moved_bytes = next((size for each in sizes if (size := whole_number(each))), 0)
    if draft.kind == "export" and draft.outcome == "failure":
        draft.count = draft.moved_bytes = 0
