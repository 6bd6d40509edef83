"""PingID, the second factor of Ping Identity: what a policy decided, and what became of the push."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

from models.events import EventKind, Outcome, SessionEvent
from sessionwatch.errors import BadRecordError
from streams.adapters.adapter import Adapter, Draft, Dropped, Example, Row
from streams.adapters.fields import find, instant_of, meaningful, text

_MESSAGE: Final = re.compile(r'([^"]*)"(.*)"\s*')
_PAIRED: Final = "Device Paired"
_ACTIONS: Final[dict[str, tuple[EventKind, Outcome]]] = {
    "approve": ("login", "success"),
    "deny": ("login_failed", "failure"),
    "block": ("login_failed", "failure"),
}

_ADDRESS: Final = ("resources", 0, "ipaddress")
_NOTE: Final = "the address that asks for access, in a POLICY record; the telephone's, elsewhere, is phone_ip"


def _record(id_: str, *, status: str = "", message: str = "", pushed: str = "", model: str = "") -> dict[str, Any]:
    resource = {"ipaddress": "192.0.2.7", "websession": "webs_1"}
    resource |= {"pingidmsg": pushed} if pushed else {}
    resource |= {"devicemodel": model} if model else {}
    record = {
        "source": "PINGID",
        "id": id_,
        "recorded": "2026-03-02T09:00:00.763Z",
        "actors": [{"type": "user", "name": "ann"}],
        "resources": [resource],
    }
    return record | ({"result": {"status": status, "message": message or pushed}} if status else {})


_POLICY: Final = (
    "Authentication Details:\nIP Address: N/A\nPrevious Authentication Time: 2026-02-03 09:05:49 PM UTC\n"
    "New Device: true\nRequested Application Name: VPN\nAccessing Device UserAgent: Mozilla/5.0 (Windows NT 10.0)\n"
    'Accessing Device OS: Windows 10\nDevice Model: iPhone 6S\nAction: Authenticate\nPolicy Met: "Default policy"'
)
_TIMED_OUT: Final = 'VPN Auth. Timed Out, Unresponsive User "iPhone 6S"'


class PingId(Adapter):
    """PingID's audit records. One attempt leaves two, with one `websession`: the policy's decision, and the result.

    * POLICY, action Authenticate: a `login` of unknown outcome. Somebody with the first factor is at the address in
      the record, and a second factor is demanded. Action Approve is a login with success; Deny and Block are
      a `login_failed`.
      The user agent is the accessing device's, where the record names it.
    * The result is an `mfa_result`: SUCCESS, FAILURE, or no result at all, which is a push that timed out and so a
      failure. To find MFA fatigue, count `mfa_result` with outcome failure and look for the success after it.
    * The result's address is the telephone's. It is kept as `attributes.phone_ip` and is not the session's address, or
      every sign-in with a telephone on another network would look like a session taken over.
    * "Device Paired" is `device_enrolled`. The device of a result or pairing is the telephone, by model.
    * Times inside the policy's text have day and month the wrong way round and are not used.
    """

    name = "pingid"
    title = "PingID audit records"
    lateness = timedelta(minutes=2)
    signatures = (("source=PINGID", "recorded", "actors"),)
    table: ClassVar[tuple[Row, ...]] = (
        Row("id", "id", "p1"),
        Row("recorded", "at", "2026-03-02T09:00:00.763Z", "2026-03-02T09:00:00.763000+00:00"),
        Row("actors[0].name", "user", "ann"),
        Row("resources[0].websession", "session", "webs_1"),
        Row("resources[0].ipaddress", "ip", "192.0.2.7", "192.0.2.7", _NOTE),
        Row("resources[0].ipaddress", "attributes.phone_ip", "192.0.2.7", "192.0.2.7", _NOTE),
        Row("resources[0].devicemodel", "device", "iPhone 6S"),
        Row("resources[0].pingidmsg", "device", _TIMED_OUT, "iPhone 6S", "the words in quotes, if no model is given"),
        Row("resources[0].pingidmsg", "auth_method", 'VPN Swipe "iPhone 6S"', "VPN Swipe", "the words before it"),
        Row("resources[0].pingidmsg", "reason", _TIMED_OUT, "VPN Auth. Timed Out, Unresponsive User", "of a failure"),
        Row("result.status", "kind", "SUCCESS", "mfa_result", "see above"),
        Row("result.status", "action", "POLICY", "POLICY", "TIMEOUT where there is no result"),
        Row("result.message", "app", _POLICY, "VPN", "Requested Application Name, else the first word"),
        Row("result.message", "user_agent", _POLICY, "Mozilla/5.0 (Windows NT 10.0)", "Accessing Device UserAgent"),
        Row("result.message", "attributes.policy", _POLICY, "Default policy", "Policy Met"),
        Row("result.message", "attributes.os", _POLICY, "Windows 10", "Accessing Device OS"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "somebody asks for access",
            _record("p1", status="POLICY", message=_POLICY),
            ({"kind": "login", "outcome": "unknown", "ip": "192.0.2.7", "device": "", "session": "webs_1"},),
        ),
        Example(
            "a policy that denies",
            _record("p2", status="POLICY", message=_POLICY.replace("Authenticate", "Deny")),
            ({"kind": "login_failed", "outcome": "failure"},),
        ),
        Example(
            "the telephone approves",
            _record("p3", status="SUCCESS", pushed='VPN Swipe "iPhone 6S"', model="iPhone 6S"),
            ({"kind": "mfa_result", "outcome": "success", "ip": "", "device": "iPhone 6S", "mfa": True},),
        ),
        Example(
            "nobody answers",
            _record("p4", pushed=_TIMED_OUT),
            ({"kind": "mfa_result", "outcome": "failure", "action": "TIMEOUT", "device": "iPhone 6S"},),
        ),
        Example(
            "a new telephone",
            _record("p5", status="SUCCESS", message='Device Paired "Android "SM-S901U""', model="samsung SM-S901U"),
            ({"kind": "device_enrolled", "outcome": "success", "device": "samsung SM-S901U"},),
        ),
    )

    def adapt(self, record: Any) -> Sequence[SessionEvent] | Dropped:
        """One event."""
        draft = Draft(
            id="",
            at=instant_of(record.get("recorded"), "recorded"),
            kind="mfa_result",
            said=self.copied(record),
        )
        draft.id = self.identity(draft.said.pop("id", ""), record)
        status = text(find(record, ("result", "status"))).upper()
        pushed = text(find(record, ("resources", 0, "pingidmsg")))
        message = find(record, ("result", "message"))
        if not (status or pushed):
            raise BadRecordError("no_outcome", "neither `result.status` nor `resources[0].pingidmsg` says how it ended")
        draft.said["action"] = status or "TIMEOUT"
        address = text(find(record, _ADDRESS))
        if status == "POLICY":
            _decided(draft, message if isinstance(message, str) else "")
            draft.said["ip"] = address
        else:
            _resulted(draft, status, pushed or text(message))
            draft.said["attributes.phone_ip"] = address
        draft.said = {key: value for key, value in draft.said.items() if value}
        return [draft.event(self.name)]


def _decided(draft: Draft, message: str) -> None:
    pairs = (line.partition(":") for line in message.splitlines())
    said = {key.strip(): meaningful(text(value.strip().strip('"'))) for key, _, value in pairs}
    draft.kind, draft.outcome = _ACTIONS.get(said.get("Action", "").casefold(), ("login", "unknown"))
    draft.said |= {
        "app": said.get("Requested Application Name", ""),
        "user_agent": said.get("Accessing Device UserAgent", ""),
        "attributes.os": said.get("Accessing Device OS", ""),
        "attributes.policy": said.get("Policy Met", ""),
    }
    draft.said.pop("device", None)  # the device that asks is not the telephone


def _resulted(draft: Draft, status: str, pushed: str) -> None:
    matched = _MESSAGE.fullmatch(pushed)
    words, quoted = (matched[1].strip(), matched[2].strip()) if matched else (pushed, "")
    draft.outcome = "success" if status == "SUCCESS" else "failure"
    draft.said.setdefault("device", quoted.partition('"')[2].strip('"') if '"' in quoted else quoted)
    if words.startswith(_PAIRED):
        draft.kind = "device_enrolled"
        return
    draft.mfa = True if draft.outcome == "success" else None
    draft.said["app"] = words.partition(" ")[0]
    draft.said["auth_method" if draft.outcome == "success" else "reason"] = words
