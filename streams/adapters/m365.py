"""Microsoft 365's unified audit log: sign-ins, the directory, Exchange, SharePoint, OneDrive and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Row
from streams.adapters.entra_changes import Change, change_of
from streams.adapters.entra_kinds import (
    ABOUT_TARGET,
    INTERRUPTS,
    MFA_DENIED,
    MFA_PROMPTS,
    NOBODY,
    is_refused,
    is_undecided,
    kind_of_change,
)
from streams.adapters.fields import find, folded, instant_of, opened, text, truth, whole_number
from streams.adapters.m365_examples import EXAMPLES
from streams.adapters.m365_kinds import (
    BACKGROUND,
    LOGON_ERRORS,
    SYSTEM,
    USER_TYPES,
    change_of_operation,
    forward_to,
    kind_of_operation,
)

_PAIRS: Final = ("extendedproperties", "deviceproperties", "operationproperties", "parameters")
_AS_OBJECTS: Final = (*_PAIRS, "modifiedproperties", "folders", "affecteditems", "target", "actor", "appaccesscontext")
_UPN, _NAME = 5, 1
_SIGN_INS: Final = ("login", "login_failed")
_BY_TOKEN: Final = ("oauth2:token", "oauth2:authorize")
_SERVICES: Final = ("serviceprincipal_", "nt authority", "app@sharepoint", "sharepoint\\", "s-1-5-")
_OUTCOMES: Final[dict[str, Outcome]] = {
    "": "success",
    "success": "success",
    "succeeded": "success",
    "partiallysucceeded": "success",
    "true": "success",
    "failed": "failure",
    "failure": "failure",
    "false": "failure",
}
_TARGETS: Final = (
    ("targetuserorgroupname",),
    ("parameters", "user"),
    ("parameters", "trustee"),
    ("parameters", "member"),
    ("sendasusersmtp",),
    ("sendonbehalfofusersmtp",),
    ("parameters", "mailbox"),
    ("parameters", "identity"),
    ("mailboxownerupn",),
    ("members", 0, "upn"),
)
"""Where the name stands of who or what was changed, outside the directory; the first that says something."""


class M365(Adapter):
    """Records of the Management Activity API, of a search (`AuditData`), and of the table OfficeActivity.

    * How a sign-in ended says the operation with the error's code: `ResultStatus` says Success of failed ones too. A
      demand for a second factor is an `mfa_challenge`, another interrupt an `activity`, both of unknown outcome;
      `reason` is Entra's code where it is known, `attributes.failure` Microsoft's word for it.
    * A sign-in by a cookie or token that is held already (`OAuth2:Authorize`, `OAuth2:Token`) is a `refresh` and not
      interactive; one that brings a password so is a `login`, not interactive either.
    * Mail read and files downloaded are `export`, with as many objects as the record stands for and their bytes; what
      failed moved none. What a client or browser synchronises has `interactive` false.
    * `user` is who did it, `target` to whom. Sessions ended are the event of whose they were, and what Microsoft's own
      service writes down of a user's factors is the user's: `attributes.actor` has who did it.
    * `attributes.change` says in a word what a rule would look for: mfa_added, mfa_removed, mfa_changed,
      mfa_not_required, mfa_required, audit_off, audit_on, mail_forwarded (`attributes.forward_to`), shared.
    * A document shared is an `activity`: it happens all day, and is no right in the identity system. Rights to a
      mailbox, a site or a role are a `privilege_change`, with `attributes.privilege`; inbox rules an `account_change`.
    * Applications act with `interactive` false. Late: Microsoft says 60 to 90 minutes for its core services, and
      promises nothing; the collectors' polling comes on top. Four hours hold nearly all of it.
    """

    name = "m365"
    title = "Microsoft 365 unified audit log"
    lateness = timedelta(hours=4)
    keys_folded = True
    signatures = (
        ("CreationTime", "Operation", "RecordType", "UserType"),
        ("TimeGenerated", "Operation", "RecordType", "OfficeWorkload"),
    )
    drops: ClassVar[Mapping[str, str]] = {
        "system_actor": "Microsoft 365 did something of its own (`UserType` System) to no user",
        "nobody_signed_in": "50058: a page asked silently whether somebody is signed in, and nobody was",
    }
    table: ClassVar[tuple[Row, ...]] = (
        Row("Id", "id", "9f1c-1"),
        Row("OfficeId", "id", "699e-1"),
        Row("CreationTime", "at", "2026-03-02T09:00:00", "2026-03-02T09:00:00+00:00", "UTC; else TimeGenerated"),
        Row("Operation", "action", "UserLoggedIn"),
        Row("Operation", "kind", "MailItemsAccessed", "export", "by lists of names"),
        Row("ResultStatus", "outcome", "False", "failure", "not of a sign-in; success where there is none"),
        Row("ErrorNumber", "reason", "50126", "50126", "else by LogonError"),
        Row("LogonError", "attributes.failure", "InvalidUserNameOrPassword"),
        Row("UserId", "user", "Ann@Clinic.example"),
        Row("UserKey", "attributes.user_key", "10032001"),
        Row("UserType", "role", 2, "Admin", "the number's word"),
        Row("DeviceProperties.SessionId", "session", "005f-77"),
        Row("SessionId", "session", "s-9"),
        Row("AppAccessContext.AADSessionId", "session", "005f-78"),
        Row("ClientIP", "ip", "192.0.2.7"),
        Row("ClientIPAddress", "ip", "2001:db8::7"),
        Row("Client_IPAddress", "ip", "192.0.2.10"),
        Row("ActorIpAddress", "ip", "192.0.2.9"),
        Row("ExtendedProperties.UserAgent", "user_agent", "Mozilla/5.0 (Windows NT 10.0)"),
        Row("UserAgent", "user_agent", "Microsoft Office/16.0"),
        Row("ExtendedProperties.additionalDetails.User-Agent", "user_agent", "WindowsPowerShell/5.1"),
        Row("ClientInfoString", "user_agent", "Client=REST;;"),
        Row("DeviceProperties.Id", "device", "d-17"),
        Row("Workload", "app", "AzureActiveDirectory"),
        Row("OfficeWorkload", "app", "Exchange"),
        Row("ObjectId", "resource", "https://clinic.example/records/list.xlsx"),
        Row("MailboxOwnerUPN", "resource", "bob@clinic.example"),
        Row("ExtendedProperties.RequestType", "auth_method", "Login:login"),
        Row("ExtendedProperties.UserAuthenticationMethod", "attributes.auth_detail", "1"),
        Row("TargetUserOrGroupName", "target", "guest@partner.example", "guest@partner.example", "whom it concerns"),
        Row("TargetUserOrGroupType", "attributes.target_type", "Guest"),
        Row("OperationCount", "count", 12, "12", "the larger of this and what is listed"),
        Row("AffectedItems", "count", [{"id": "m-1"}, {"id": "m-2"}], "2"),
        Row("FileSizeBytes", "bytes", 4096, "4096", "else the sum of Folders[].FolderItems[].SizeInBytes"),
        Row("OrganizationId", "attributes.account", "4b2462a4"),
        Row("ApplicationId", "attributes.client_app", "app-1"),
        Row("AppId", "attributes.client_app", "00000003"),
        Row("DeviceProperties.OS", "attributes.os", "Windows 10"),
        Row("DeviceProperties.BrowserType", "attributes.browser", "Edge"),
        Row("OperationProperties.MailAccessType", "attributes.mail_access", "Bind"),
        Row("OperationProperties.IsThrottled", "attributes.throttled", "False"),
        Row("LogonType", "attributes.logon_type", 2),
        Row("Parameters.AccessRights", "attributes.privilege", "FullAccess"),
        Row("Parameters.Role", "attributes.privilege", "ApplicationImpersonation"),
        Row("Parameters.ForwardTo", "attributes.forward_to", "evil@elsewhere.example", "evil@elsewhere.example"),
        Row("Parameters.MoveToFolder", "attributes.moves_to", "RSS Feeds"),
        Row("Parameters.DeleteMessage", "attributes.deletes", "True"),
        Row("Parameters.UnifiedAuditLogIngestionEnabled", "attributes.UnifiedAuditLogIngestionEnabled", "False"),
        Row("Parameters.AuditEnabled", "attributes.AuditEnabled", "False"),
        Row("Parameters.AuditBypassEnabled", "attributes.AuditBypassEnabled", "True"),
        Row("SiteUrl", "attributes.site", "https://clinic.example"),
    )
    examples = EXAMPLES

    def view(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keys in lower case; `AuditData` in the record's place; lists of names and values as objects."""
        seen: dict[str, Any] = folded(record)
        body = opened(seen.get("auditdata"))
        if isinstance(body, dict):
            seen = folded(body)
        for name in _AS_OBJECTS:
            if isinstance(seen.get(name), str):
                seen[name] = folded(opened(seen[name]))
        for name in _PAIRS:
            if isinstance(seen.get(name), list):
                seen[name] = {text(key).casefold(): value.get("value") for key, value in _named(seen[name])}
        extended = seen.get("extendedproperties")
        if isinstance(extended, dict) and isinstance(extended.get("additionaldetails"), str):
            extended["additionaldetails"] = folded(opened(extended["additionaldetails"]))
        return seen

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        seen = self.view(record)
        said = self.copied(seen)
        operation = said.get("action", "")
        if not operation:
            raise BadRecordError("no_operation", "`Operation` is missing or empty")
        said["role"] = _user_type(seen)
        draft = Draft(
            id="",
            at=instant_of(seen.get("creationtime") or seen.get("timegenerated"), "CreationTime"),
            kind=kind_of_operation(operation, said.get("app", "")),
            said=said,
        )
        draft.id = self.identity(said.pop("id", ""), record)
        service = _is_service(said)
        target, is_user = _target(seen)
        if said["role"].casefold() in SYSTEM and service and not is_user:
            return Dropped("system_actor")
        draft.interactive = not service
        if draft.kind in _SIGN_INS:
            if not _signed_in(draft, seen):
                return Dropped("nobody_signed_in")
        else:
            _changed(draft, operation, seen)
            if target:
                _aim(draft, seen, target, named=is_user, service=service)
        _measure(draft, seen)
        draft.said = {key: value for key, value in draft.said.items() if value}
        return [draft.event(self.name)]


def _named(pairs: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    """The objects of a list that have a name, with it."""
    named = [each for each in pairs if isinstance(each, dict)] if isinstance(pairs, list) else []
    return [(each["name"], each) for each in named if isinstance(each.get("name"), str)]


def _user_type(seen: Mapping[str, Any]) -> str:
    value = seen.get("usertype")
    number = whole_number(value)
    if number is None:
        return text(value)
    return USER_TYPES[number] if number < len(USER_TYPES) else str(number)


def _is_service(said: Mapping[str, str]) -> bool:
    """Whether an application or Microsoft itself acted, by the type of the user or by the name."""
    return said["role"].casefold() in BACKGROUND or said.get("user", "").casefold().startswith(_SERVICES)


def _signed_in(draft: Draft, seen: Mapping[str, Any]) -> bool:
    """Kind and outcome of a sign-in; False where nobody signed in."""
    said = draft.said
    error = said.get("attributes.failure", "")
    code = text(seen.get("errornumber")) or LOGON_ERRORS.get(error.casefold(), "") or error
    said.pop("resource", None)
    failed = said["action"].casefold() == "userloginfailed"
    if code == NOBODY:
        return False
    if code not in {"", "0"}:
        said["reason"] = code
    request = said.get("auth_method", "").casefold()
    if request.startswith(_BY_TOKEN):
        draft.interactive = False
    draft.kind, draft.outcome = _judged(code, failed=failed)
    brought_password = said.get("attributes.auth_detail") == "1" and request.startswith("oauth2:token")
    if draft.kind == "login" and request.startswith(_BY_TOKEN) and not brought_password:
        draft.kind = "refresh"
    return True


def _judged(code: str, *, failed: bool) -> tuple[EventKind, Outcome]:
    if code in MFA_PROMPTS:
        return "mfa_challenge", "unknown"
    if code in INTERRUPTS:
        return "activity", "unknown"
    if code == MFA_DENIED:
        return "mfa_result", "failure"
    return ("login_failed", "failure") if failed else ("login", "success")


def _changed(draft: Draft, operation: str, seen: Mapping[str, Any]) -> None:
    """What was changed, in words that a rule can look for, and whether it was."""
    said = draft.said
    draft.outcome = _OUTCOMES.get(text(seen.get("resultstatus")).casefold(), "unknown")
    if is_undecided(operation) and draft.outcome == "success":
        draft.outcome = "unknown"
    elif is_refused(operation):
        draft.outcome = "failure"
    change = change_of(operation, _named(seen.get("modifiedproperties")))
    word = change.word or change_of_operation(operation, seen)
    if word:
        said["attributes.change"] = word
    if word.startswith("audit_"):
        draft.kind = "policy_change"
    elif change.word and draft.kind == "account_change":
        draft.kind = kind_of_change(change.word)
    said["attributes.forward_to"] = forward_to(seen)
    _granted(said, change)


def _granted(said: dict[str, str], change: Change) -> None:
    if change.privilege:
        said["attributes.privilege"] = change.privilege
    if change.consent:
        said["attributes.consent"] = change.consent


def _target(seen: Mapping[str, Any]) -> tuple[str, bool]:
    """Who or what was changed, and whether it is a user of the directory."""
    listed = _identities(seen.get("target"))
    if _UPN in listed:
        return listed[_UPN], True
    if _NAME in listed:
        return listed[_NAME], False
    return next((name for path in _TARGETS if (name := text(find(seen, path)))), ""), False


def _identities(listed: Any) -> dict[int, str]:
    """The names of `Target` or `Actor` by their type; the first of each."""
    names: dict[int, str] = {}
    for each in listed if isinstance(listed, list) else []:
        kind = whole_number(each.get("type")) if isinstance(each, dict) else None
        if kind is not None and (name := text(each.get("id"))):
            names.setdefault(kind, name)
    return names


def _aim(draft: Draft, seen: Mapping[str, Any], target: str, *, named: bool, service: bool) -> None:
    """Whose event it is: see the class."""
    said = draft.said
    actor = said.get("user", "")
    said["target"] = target
    about_factors = service and "mfa_" in said.get("attributes.change", "")
    if named and target.casefold() != actor.casefold() and (draft.kind in ABOUT_TARGET or about_factors):
        actor = _identities(seen.get("actor")).get(_NAME, actor) if service else actor
        # Address, session and role are the actor's.
        said.pop("attributes.user_key", None)
        said |= {"user": target, "attributes.actor": actor, "ip": "", "session": "", "role": "", "user_agent": ""}


def _measure(draft: Draft, seen: Mapping[str, Any]) -> None:
    """How many objects the record stands for, and how many bytes."""
    folders = seen.get("folders")
    items = [
        item
        for folder in (folders if isinstance(folders, list) else [])
        if isinstance(folder, dict) and isinstance(folder.get("folderitems"), list)
        for item in folder["folderitems"]
    ]
    affected = seen.get("affecteditems")
    listed = len(items) or (len(affected) if isinstance(affected, list) else 0)
    draft.count = max(whole_number(seen.get("operationcount")) or 0, listed) or 1
    sizes = (whole_number(item.get("sizeinbytes")) or 0 for item in items if isinstance(item, dict))
    draft.moved_bytes = whole_number(seen.get("filesizebytes")) or sum(sizes)
    if draft.kind != "export":
        return
    if draft.outcome == "failure":
        draft.count = draft.moved_bytes = 0
    synchronised = draft.said.get("attributes.mail_access", "").casefold() == "sync"
    if synchronised or "sync" in draft.said["action"].casefold() or truth(seen.get("issynced")):
        draft.interactive = False
