"""Google Workspace: activities of the Reports API, as Google nests them, and flat as log stores keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row, numbered
from streams.adapters.fields import compiled, find, instant_of, log_place, text, whole_number
from streams.adapters.google_workspace_kinds import GOOGLES_OWN, WARNINGS, change_of, kind_of, second_factor

_VALUES: Final = ("value", "multiValue", "boolValue", "intValue", "multiIntValue", "multiBoolValue", "messageValue")
_PLACE: Final = {
    "country": compiled("networkInfo.regionCode"),
    "region": compiled("networkInfo.subdivisionCode"),
    "asn": compiled("networkInfo.ipAsn[0]"),
}
_ID: Final = ("applicationName", "time", "uniqueQualifier")
_ABOUT_TARGET: Final = frozenset({"revoked", "lockout"})
_TARGETS: Final = (
    "app_name",
    "USER_EMAIL",
    "target_user",
    "new_owner",
    "grantee_email",
    "GROUP_EMAIL",
    "target_domain",
)
_COUNTS: Final = ("num_files", "file_count", "NUM_FILES")


def _record(app: str, *events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": "2026-03-02T09:00:00.693Z",
            "uniqueQualifier": "-12456",
            "applicationName": app,
            "customerId": "C03az79cb",
        },
        "actor": {"callerType": "USER", "email": "ann@clinic.example", "profileId": "118"},
        "ipAddress": "192.0.2.7",
        "events": list(events),
        **fields,
    }


def _event(type_: str, name: str, **parameters: Any) -> dict[str, Any]:
    said = [
        {"name": key, ("multiValue" if isinstance(value, list) else "value"): value}
        for key, value in parameters.items()
    ]
    return {"type": type_, "name": name, "parameters": said}


_FLAT: Final = {
    key: value for key, value in _record("drive", type="access", name="download").items() if key != "events"
} | {"parameters": {"doc_id": "1GGG", "doc_title": "Budget", "visibility": "private", "owner": "ann@clinic.example"}}


class GoogleWorkspace(Adapter):
    """Activities of Google Workspace. A record has one event or several, and each of them is an event of ours.

    * `login_success` is a `login`, with an `activity` in its place where somebody signed in already had to do so again
      (`reauth`). A challenge with a result is an `mfa_result`, one without is an `mfa_challenge`.
    * What Google concludes (suspicious logins, warnings, rules), and what devices report by themselves, has
      `interactive` false. An account that Google disables is a `lockout` of that account.
    * Downloads, in any application, and a finished export of all data are an `export`.
    * An admin's doings are of the admin, with `target` the user or group changed, and `attributes.privilege` the role.
      Sessions that an admin ends are a `revoked` of the user whose they are, with the admin in `attributes.actor`.
    * Sharing a document is an `activity` with `target`, and no change of privileges; letting an application in is one.
    * `attributes.change` says in a word what a rule would look for: mfa_added, mfa_removed, mail_forwarded, shared.
    * Sign-ins to other applications through Google (`saml`) are an `activity`.
    """

    name = "google_workspace"
    title = "Google Workspace activities (Reports API)"
    lateness = timedelta(hours=3)
    signatures = (
        ("kind=admin#reports#activity", "id.applicationName"),
        ("id.applicationName", "id.uniqueQualifier"),
        ("id.applicationName", "name", "actor"),
        ("id.applicationName", "name", "type"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "mail_delivered": "mail that came to a mailbox: nobody's session did that, and there is one for every mail",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("id.uniqueQualifier", "id", "-12456", "login:2026-03-02T09:00:00.693Z:-12456", "application, time, this"),
        Row("id.time", "at", "2026-03-02T09:00:00.693Z", "2026-03-02T09:00:00.693000+00:00"),
        Row("name", "action", "download"),
        Row("name", "kind", "login_failure", "login_failed", "by lists, with application and type"),
        Row("actor.email", "user", "ann@clinic.example"),
        Row("parameters.affected_email_address", "user", "bob@clinic.example"),
        Row("parameters.USER_EMAIL", "user", "eve@clinic.example"),
        Row("actor.key", "user", "backup-job"),
        Row("actor.profileId", "attributes.user_id", "118"),
        Row("actor.callerType", "attributes.caller", "USER"),
        Row("ipAddress", "ip", "192.0.2.7"),
        Row("parameters.user_agent", "user_agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        Row("parameters.DEVICE_ID", "device", "d-17"),
        Row("parameters.device_id", "device", "d-18"),
        Row("id.applicationName", "app", "drive"),
        Row("parameters.app_name", "target", "Mail Merge", "Mail Merge", "of the application let in"),
        Row("parameters.USER_EMAIL", "target", "bob@clinic.example", "bob@clinic.example", "of an admin's change"),
        Row("parameters.doc_id", "resource", "1GGG"),
        Row("parameters.application_name", "resource", "Timesheets"),
        Row("parameters.SETTING_NAME", "resource", "SHARING_OUTSIDE_DOMAIN"),
        Row("parameters.login_challenge_method", "auth_method", ["google_prompt"], "google_prompt", "second factor"),
        Row("parameters.login_challenge_method", "mfa", ["password", "google_prompt"], "True", "of a login"),
        Row("parameters.login_type", "auth_method", "google_password"),
        Row("parameters.login_failure_type", "reason", "login_failure_invalid_password"),
        Row("parameters.visibility", "attributes.visibility", "private"),
        Row("parameters.visibility_change", "attributes.visibility_change", "none"),
        Row("parameters.doc_type", "attributes.doc_type", "spreadsheet"),
        Row("parameters.owner", "attributes.owner", "ann@clinic.example"),
        Row("name", "attributes.change", "email_forwarding_out_of_domain", "mail_forwarded", "a word for rules"),
        Row("parameters.ROLE_NAME", "attributes.privilege", "_SEED_ADMIN_ROLE"),
        Row("parameters.email_forwarding_destination_address", "attributes.forward_to", "x@mail.example"),
        Row("id.customerId", "attributes.account", "C03az79cb"),
        Row("networkInfo.regionCode", "place.country", "IT", "IT"),
        Row("networkInfo.ipAsn[0]", "place.asn", 3269, "3269"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a login with a second factor",
            _record(
                "login",
                _event(
                    "login",
                    "login_success",
                    login_type="google_password",
                    login_challenge_method=["password", "google_prompt"],
                ),
                networkInfo={"regionCode": "IT", "ipAsn": [3269]},
            ),
            ({"kind": "login", "outcome": "success", "mfa": True, "auth_method": "google_password"},),
        ),
        Example(
            "a wrong password",
            _record("login", _event("login", "login_failure", login_failure_type="login_failure_invalid_password")),
            ({"kind": "login_failed", "outcome": "failure", "reason": "login_failure_invalid_password"},),
        ),
        Example(
            "a prompt refused",
            _record(
                "login",
                _event(
                    "login",
                    "login_challenge",
                    login_challenge_method=["google_prompt"],
                    login_challenge_status="Challenge Failed.",
                ),
            ),
            ({"kind": "mfa_result", "outcome": "failure", "auth_method": "google_prompt", "mfa": None},),
        ),
        Example(
            "Google finds a login suspicious",
            _record(
                "login",
                _event("account_warning", "suspicious_login", affected_email_address="bob@clinic.example"),
                actor={"callerType": "USER"},
            ),
            ({"kind": "activity", "user": "bob@clinic.example", "interactive": False, "outcome": "unknown"},),
        ),
        Example(
            "two events in one record",
            _record(
                "drive",
                _event(
                    "access",
                    "view",
                    doc_id="1GGG",
                    doc_type="spreadsheet",
                    visibility_change="none",
                    user_agent="Mozilla/5.0 (X11; Linux x86_64)",
                ),
                _event("acl_change", "change_user_access", target_user="x@mail.example", visibility_change="external"),
            ),
            (
                {"kind": "activity", "action": "view", "resource": "1GGG", "attributes.doc_type": "spreadsheet"},
                {"kind": "activity", "target": "x@mail.example", "attributes.visibility_change": "external"},
            ),
        ),
        Example("a download, flat", _FLAT, ({"kind": "export", "count": 1, "resource": "1GGG", "app": "drive"},)),
        Example(
            "a role given",
            _record(
                "admin",
                _event(
                    "DELEGATED_ADMIN_SETTINGS",
                    "ASSIGN_ROLE",
                    USER_EMAIL="bob@clinic.example",
                    ROLE_NAME="_SEED_ADMIN_ROLE",
                ),
            ),
            ({"kind": "privilege_change", "user": "ann@clinic.example", "target": "bob@clinic.example"},),
        ),
        Example(
            "an admin ends somebody's sessions",
            _record("admin", _event("USER_SETTINGS", "RESET_SIGNIN_COOKIES", USER_EMAIL="bob@clinic.example")),
            ({"kind": "revoked", "user": "bob@clinic.example", "attributes.actor": "ann@clinic.example"},),
        ),
        Example(
            "a setting changed",
            _record(
                "admin", _event("CALENDAR_SETTINGS", "CHANGE_CALENDAR_SETTING", SETTING_NAME="SHARING_OUTSIDE_DOMAIN")
            ),
            ({"kind": "policy_change", "resource": "SHARING_OUTSIDE_DOMAIN"},),
        ),
        Example(
            "mail forwarded to elsewhere",
            _record(
                "user_accounts",
                _event(
                    "email_forwarding_change",
                    "email_forwarding_out_of_domain",
                    email_forwarding_destination_address="x@mail.example",
                ),
            ),
            ({"kind": "account_change", "attributes.forward_to": "x@mail.example"},),
        ),
        Example(
            "a login to another application",
            _record("saml", _event("login", "login_success", application_name="Timesheets", device_id="d-18")),
            ({"kind": "activity", "resource": "Timesheets", "outcome": "success"},),
        ),
        Example(
            "an application let in",
            _record("token", _event("auth", "authorize", app_name="Mail Merge")),
            ({"kind": "privilege_change", "target": "Mail Merge"},),
        ),
        Example(
            "a telephone registered",
            _record(
                "mobile",
                _event(
                    "device_updates",
                    "DEVICE_REGISTER_UNREGISTER_EVENT",
                    USER_EMAIL="eve@clinic.example",
                    DEVICE_ID="d-17",
                    ACCOUNT_STATE="REGISTERED",
                ),
                actor={"callerType": "USER"},
            ),
            ({"kind": "device_enrolled", "user": "eve@clinic.example", "device": "d-17", "interactive": False},),
        ),
        Example(
            "a program with a key",
            _record(
                "drive", _event("access", "download", doc_id="1GGG"), actor={"callerType": "KEY", "key": "backup-job"}
            ),
            ({"kind": "export", "user": "backup-job", "interactive": False},),
        ),
        Example(
            "mail",
            _record("gmail", _event("delivery_type", "delivery")),
            dropped="mail_delivered",
        ),
    )

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record with its first event flat in it."""
        return next(_flattened(record), record)

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """An event for each of the record's."""
        said = record.get("id")
        if not isinstance(said, dict):
            raise BadRecordError("missing_field", "`id` is missing, with time and application in it")
        at = instant_of(said.get("time") or record.get("p_event_time"), "id.time")
        own = [text(said.get(part)) for part in _ID]
        identity = self.identity(":".join(own) if all(own) else "", record)
        made: list[SessionEvent] = []
        seen = False
        for event in _flattened(record):
            seen = True
            draft = Draft(id=numbered(identity, len(made) + 1), at=at, kind="activity", said=self.copied(event))
            if _filled(draft, event):
                made.append(draft.event(self.name))
        if not seen:
            raise BadRecordError("no_events", "`events` has none")
        return made or Dropped("mail_delivered")


def _flattened(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The record once for each of its events, with name, type and parameters as fields of its own."""
    events = record.get("events", record)
    for event in events if isinstance(events, list) else [events]:
        if isinstance(event, dict):
            parameters = event.get("parameters")
            named = _named(parameters) if isinstance(parameters, list) else parameters
            yield {
                **record,
                "name": event.get("name"),
                "type": event.get("type"),
                "parameters": named if isinstance(named, dict) else {},
            }


def _named(parameters: list[Any]) -> dict[str, Any]:
    named = {}
    for each in parameters:
        if isinstance(each, dict) and isinstance(name := each.get("name"), str):
            named[name] = next((each[key] for key in _VALUES if each.get(key) is not None), None)
    return named


def _filled(draft: Draft, event: Mapping[str, Any]) -> bool:
    """Fill the draft; false where the event is none of a session.

    Raises:
        BadRecordError: the event has no name.
    """
    app, type_, name = text(find(event, ("id", "applicationName"))), text(event.get("type")), text(event.get("name"))
    if not name:
        raise BadRecordError("no_event_type", "`name` of an event is missing or empty")
    if app == "gmail" and name == "delivery":
        return False
    parameters, said = event["parameters"], draft.said
    draft.kind, draft.outcome = kind_of(app, type_, name, parameters)
    program = text(find(event, ("actor", "callerType"))) == "KEY"
    draft.interactive = not (program or app in GOOGLES_OWN or type_ in WARNINGS or draft.kind == "lockout")
    draft.place = log_place(event, _PLACE)
    if draft.kind == "export":
        draft.count = next((n for key in _COUNTS if (n := whole_number(parameters.get(key)))), 1)
    if factor := second_factor(parameters):
        said.setdefault("auth_method", factor)
        draft.mfa = True if draft.kind in {"login", "mfa_result"} and draft.outcome == "success" else None
    if word := change_of(name):
        said["attributes.change"] = word
    _aimed(draft, parameters)
    return True


def _aimed(draft: Draft, parameters: Mapping[str, Any]) -> None:
    """Whom it was done to: the target of what an actor did, the user of what was concluded or ended."""
    said = draft.said
    target = next((named for key in _TARGETS if (named := text(parameters.get(key)))), "")
    if draft.kind in _ABOUT_TARGET and target and target != said.get("user"):
        said |= {"user": target, "attributes.actor": said.get("user", "")}
        said["attributes.actor_ip"] = said.pop("ip", "")
        draft.place = None
        said.pop("target", None)
    elif target and target != said.get("user"):
        said["target"] = target
    draft.said = {key: value for key, value in said.items() if value}
