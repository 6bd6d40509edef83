"""Microsoft Entra audit logs: rows of the AuditLogs table, the diagnostic stream, and Microsoft Graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters import adapters
from streams.adapters.adapter import Adapter, Draft, Dropped, Row
from streams.adapters.azure_audit_examples import EXAMPLES
from streams.adapters.entra_changes import Change, changed_in, unquoted
from streams.adapters.entra_kinds import ABOUT_TARGET, is_refused, is_undecided, kind_of_activity, kind_of_change
from streams.adapters.fields import find, folded, instant_of, instant_or_none, opened, text

_SIGN_INS: Final = "signinlogs"
_OTHER_LOGS: Final = frozenset(
    {
        "provisioninglogs",
        "riskyusers",
        "riskyserviceprincipals",
        "userriskevents",
        "serviceprincipalriskevents",
        "networkaccesstrafficlogs",
        "microsoftgraphactivitylogs",
        "b2crequestlogs",
    }
)
_OUTCOMES: Final[dict[str, Outcome]] = {
    "success": "success",
    "0": "success",
    "failure": "failure",
    "timeout": "failure",
}
_AS_OBJECTS: Final = ("initiatedby", "targetresources", "additionaldetails")


class AzureAudit(Adapter):
    """Changes to the directory of Microsoft Entra ID, in the three forms that it gives them in; keys in any case.

    * `user` is who did it, a person or an application; `target` the first user that was changed, else the first thing.
      An application has `interactive` false and the role `application`. Where Microsoft's own service writes down
      what became of a user's factors, or of their sessions, the event is that user's, and `attributes.actor` has it.
    * `revoked` ("Update StsRefreshTokenValidFrom Timestamp") and `lockout` are the user's whose sessions or account
      it is; who did it is `attributes.actor`.
    * `attributes.change` says what became of second factors: mfa_added (`device_enrolled`), mfa_removed, mfa_changed,
      and mfa_not_required or mfa_required where a user or a conditional access policy is let off or asked again.
    * `attributes.privilege` is the role, or the permissions granted; `attributes.consent` who a grant is for.
    * What was only requested or begun has an unknown outcome.
    * Sign-ins in the same stream are read as `entra` reads them, and bear that name as their source.
    * Late: Microsoft said that 99 of 100 come within five minutes, and says nothing now; polling and stores add to it.
    """

    name = "azure_audit"
    title = "Microsoft Entra audit logs"
    lateness = timedelta(hours=1)
    keys_folded = True
    beside = frozenset({"entra"})
    signatures = (
        ("activityDateTime", "loggedByService"),
        ("activityDateTime", "initiatedBy", "targetResources"),
        ("activityDateTime", "initiatedBy", "provisioningAction"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "other_log": "provisioning, risk and traffic logs of the same stream, and sign-ins of nobody: no change",
        "nobody_named": "the directory did something of its own to no user",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("id", "id", "Directory_1a2b"),
        Row("activityDateTime", "at", "2026-03-02T09:10:00Z", "2026-03-02T09:10:00+00:00", "else `time`"),
        Row("time", "received_at", "2026-03-02T09:00:41Z", "2026-03-02T09:00:41+00:00", "else TimeGenerated"),
        Row("activityDisplayName", "action", "Add member to role"),
        Row("operationName", "action", "User has elevated their access"),
        Row("activityDisplayName", "kind", "Add member to role", "privilege_change", "by a list of names"),
        Row("result", "outcome", "failure", "failure", "else resultType; unknown where only requested"),
        Row("resultReason", "reason", "Policy forbids it"),
        Row("initiatedBy.user.userPrincipalName", "user", "Ann@Clinic.example"),
        Row("initiatedBy.user.id", "user", "u-9"),
        Row("initiatedBy.app.displayName", "user", "Backup"),
        Row("initiatedBy.app.servicePrincipalName", "user", "spn-1"),
        Row("initiatedBy.app.servicePrincipalId", "user", "sp-9"),
        Row("initiatedBy.app.appId", "user", "app-9"),
        Row("initiatedBy.user.displayName", "user_label", "Ann"),
        Row("initiatedBy.user.ipAddress", "ip", "192.0.2.7"),
        Row("additionalDetails.ipaddr", "ip", "192.0.2.8"),
        Row("callerIpAddress", "ip", "192.0.2.9"),
        Row("additionalDetails.User-Agent", "user_agent", "Mozilla/5.0 (Windows NT 10.0)"),
        Row("additionalDetails.RoleName", "attributes.privilege", "Reader"),
        Row("targetResources[0].userPrincipalName", "target", "bob@clinic.example", "bob@clinic.example", "see above"),
        Row("targetResources[1].displayName", "resource", "Global Administrator", "Global Administrator", "no user"),
        Row("loggedByService", "app", "Core Directory"),
        Row("initiatedBy.user.id", "attributes.user_id", "u-1"),
        Row("category", "attributes.category", "RoleManagement"),
        Row("operationType", "attributes.operation_type", "Assign"),
        Row("correlationId", "attributes.correlation", "c0ffee00-58ff"),
        Row("tenantId", "attributes.account", "4b2462a4-bbee"),
        Row("AADTenantId", "attributes.account", "4b2462a4-bbee"),
    )
    examples = EXAMPLES

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keys in lower case; the envelope's fields beside those of `properties`; details by their key."""
        seen: dict[str, Any] = folded(record)
        body = opened(seen.pop("properties", None))
        if isinstance(body, dict):
            envelope = text(seen.get("category"))
            seen |= {key: value for key, value in folded(body).items() if value not in (None, "")}
            if envelope.casefold().endswith(_SIGN_INS) or envelope.casefold() in _OTHER_LOGS:
                seen["category"] = envelope
        for name in _AS_OBJECTS:
            if isinstance(seen.get(name), str):
                seen[name] = folded(opened(seen[name]))
        details = seen.get("additionaldetails")
        if isinstance(details, list):
            pairs = [each for each in details if isinstance(each, dict)]
            seen["additionaldetails"] = {text(each.get("key")).casefold(): each.get("value") for each in pairs}
        return seen

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        seen = self.view(record)
        category = text(seen.get("category")).casefold()
        if category.endswith(_SIGN_INS):
            made = adapters()["entra"].adapt(record)
            return Dropped("other_log") if isinstance(made, Dropped) else made
        if category in _OTHER_LOGS:
            return Dropped("other_log")
        said = self.copied(seen)
        activity = said.get("action", "")
        if not activity:
            raise BadRecordError("no_activity", "neither `activityDisplayName` nor `operationName` says what was done")
        draft = Draft(
            id="",
            at=instant_of(seen.get("activitydatetime") or seen.get("time"), "activityDateTime"),
            kind=kind_of_activity(activity),
            said=said,
            received_at=instant_or_none(seen.get("time") or seen.get("timegenerated")),
        )
        draft.id = self.identity(said.pop("id", ""), record)
        targets = _targets(seen)
        if "user" not in said and not any(_is_user(target) for target in targets):
            return Dropped("nobody_named")
        change = changed_in(activity, targets)
        if change.word:
            said["attributes.change"] = change.word
            draft.kind = kind_of_change(change.word) if draft.kind == "account_change" else draft.kind
        draft.outcome = _outcome(seen, activity)
        _name(draft, seen, targets, change)
        return [draft.event(self.name)]


def _name(draft: Draft, seen: Mapping[str, Any], targets: Sequence[Mapping[str, Any]], change: Change) -> None:
    """Who did it, to whom, with what: see the class."""
    said = draft.said
    person = any(text(find(seen, ("initiatedby", "user", key))) for key in ("userprincipalname", "id", "displayname"))
    draft.interactive = person
    if not person:
        said["role"] = "application"
    users = [name for target in targets if _is_user(target) and (name := _called(target))]
    things = [name for target in targets if not _is_user(target) and (name := _called(target))]
    if things:
        said["resource"] = things[0]
    if users or things:
        said["target"] = (users or things)[0]
    roles = [name for target in targets if _type(target) == "role" and (name := _called(target))]
    if change.privilege or (roles and draft.kind == "privilege_change"):
        said["attributes.privilege"] = change.privilege or roles[0]
    if change.consent:
        said["attributes.consent"] = change.consent
    others = users and users[0].casefold() != said.get("user", "").casefold()
    if others and (draft.kind in ABOUT_TARGET or (not person and change.word)):
        # The address is the actor's; the role too.
        said |= {"user": users[0], "attributes.actor": said.get("user", ""), "user_label": "", "role": "", "ip": ""}
        draft.said = {key: value for key, value in said.items() if value}


def _targets(seen: Mapping[str, Any]) -> list[dict[str, Any]]:
    targets = seen.get("targetresources")
    return [each for each in targets if isinstance(each, dict)] if isinstance(targets, list) else []


def _is_user(target: Mapping[str, Any]) -> bool:
    return _type(target) == "user" or bool(text(target.get("userprincipalname")))


def _type(target: Mapping[str, Any]) -> str:
    return text(target.get("type")).casefold()


def _called(target: Mapping[str, Any]) -> str:
    return next((name for key in ("userprincipalname", "displayname", "id") if (name := text(target.get(key)))), "")


def _outcome(seen: Mapping[str, Any], activity: str) -> Outcome:
    if is_refused(activity):
        return "failure"
    if is_undecided(activity):
        return "unknown"
    told = unquoted(seen.get("result")).casefold() or text(seen.get("resulttype")).casefold()
    told = told or text(seen.get("resultsignature")).casefold()
    return _OUTCOMES.get(told, "unknown")
