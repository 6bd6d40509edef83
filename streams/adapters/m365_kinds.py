"""What the operations of Microsoft 365's workloads are to us, and the words in which it hides what they did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from models.events import EventKind
from streams.adapters.entra_kinds import kind_of_activity
from streams.adapters.fields import find, text, truth

USER_TYPES: Final = (
    "Regular",
    "Reserved",
    "Admin",
    "DcAdmin",
    "System",
    "Application",
    "ServicePrincipal",
    "CustomPolicy",
    "SystemPolicy",
    "PartnerTechnician",
    "Guest",
)
"""`UserType` by its number; the table OfficeActivity has the words instead."""
SYSTEM: Final = frozenset({"system", "custompolicy", "systempolicy"})
BACKGROUND: Final = SYSTEM | {"dcadmin", "application", "serviceprincipal"}
"""Types of users that are nobody of the tenant."""

LOGON_ERRORS: Final[dict[str, str]] = {
    "invalidusernameorpassword": "50126",
    "invalidpasswordexpiredpassword": "50055",
    "idslocked": "50053",
    "userdisabled": "50057",
    "useraccountnotfound": "50034",
    "userinformationnotprovided": "50058",
    "userstrongauthenrollmentrequired": "50072",
    "userstrongauthenrollmentrequiredinterrupt": "50079",
    "userstrongauthclientauthnrequired": "50074",
    "userstrongauthclientauthnrequiredinterrupt": "50074",
    "devicenotdomainjoined": "53001",
    "deviceauthenticationrequired": "50097",
    "passwordresetregistrationrequiredinterrupt": "50125",
    "keepmesigninginterrupt": "50140",
    "delegationdoesnotexist": "65001",
    "authenticationfailedsasauthfailed": "500121",
    "authenticationfailedsaserror": "500121",
    "blockedbyconditionalaccess": "53003",
}
"""Entra's code for the name in `LogonError`, in lower case, where the record does not write the number."""

_KINDS: Final[tuple[tuple[str, EventKind], ...]] = (
    ("mailitemsaccessed|messagebind|filedownloaded|filesyncdownloaded|filedownload", "export"),
    ("sendas|sendonbehalf", "impersonation"),
    (r"new-mailboxexportrequest|(viewed)?searchexport(ed|downloaded)|download.*report", "export"),
    (r"export(report|artifact|tile|dataflow)|.*exportjob|exportrun", "export"),
    (r".*-?(adminauditlog|mailboxauditbypass|unifiedauditlog|auditconfig)", "policy_change"),
    (r"(add|remove|set|modify|update)-?(mailbox|recipient)(folder)?permission", "privilege_change"),
    (r"(add|modify|update|remove)folderpermissions?|updatecalendardelegation", "privilege_change"),
    (
        r"(new|set|add|remove|update)-(managementrole|rolegroup|rolegroupmember|roleassignmentpolicy)",
        "privilege_change",
    ),
    (r"sitecollectionadmin|siteadminchange|permissionlevel|memberrolechanged|add(ed)?roletouser", "privilege_change"),
    (r".*inboxrules?$", "account_change"),
    (r"(new|set|remove|add|enable|disable)-.*(policy|policies|rule|connector|domain|config)$", "policy_change"),
    (r"(new|set|remove|add)-.*(organizationrelationship|label|compliancetag|caseholds?)", "policy_change"),
    (r".*(sharing|access|retention|networkaccess|deviceaccess|dlp)policy(changed|created|deleted)?$", "policy_change"),
    (
        r"(new|set|remove|enable|disable|undo|add|update)-.*(mailbox|mailuser|user|group|member|recipient)",
        "account_change",
    ),
    (r"(member|user)(added|removed)|addedtogroup|removedfromgroup|group(added|removed|updated)", "account_change"),
)
"""How operations look (in lower case), and our kind; the first that fits."""
_COMPILED: Final = tuple((re.compile(looks), kind) for looks, kind in _KINDS)
_SHARED: Final = re.compile(
    r"(sharing(set|invitationcreated)|addedto(secure|sharing)link|(anonymous|company|secure)linkcreated)"
)

_SIGN_INS: Final[dict[str, EventKind]] = {
    "userloggedin": "login",
    "userloginfailed": "login",
    "passwordlogoninitialauthusingpassword": "login",
    "userloggedoff": "logout",
    "userloggedout": "logout",
}

_AUDIT: Final[tuple[tuple[str, str, bool], ...]] = (
    ("set-adminauditlogconfig", "unifiedauditlogingestionenabled", True),
    ("set-adminauditlogconfig", "adminauditlogenabled", True),
    ("set-mailboxauditbypassassociation", "auditbypassenabled", False),
    ("set-organizationconfig", "auditdisabled", False),
    ("set-mailbox", "auditenabled", True),
)
"""The command, its parameter, and the value of it that means that something is audited."""

_FORWARDS: Final = ("forwardto", "redirectto", "forwardasattachmentto", "forwardingsmtpaddress", "forwardingaddress")

DIRECTORY: Final = "azureactivedirectory"


def kind_of_operation(operation: str, workload: str) -> EventKind:
    """The kind of an operation, of `workload` as Microsoft writes it.

    >>> kind_of_operation("New-InboxRule", "Exchange"), kind_of_operation("FileDownloaded", "OneDrive")
    ('account_change', 'export')
    """
    name = operation.casefold()
    if name in _SIGN_INS:
        return _SIGN_INS[name]
    if workload.casefold() == DIRECTORY or " " in operation:
        return kind_of_activity(operation)
    return next((kind for looks, kind in _COMPILED if looks.match(name)), "activity")


def change_of_operation(operation: str, seen: Mapping[str, Any]) -> str:
    """What a command changed, in one word: audit_off, audit_on, mail_forwarded, shared; or nothing."""
    name = operation.casefold()
    for command, parameter, audited in _AUDIT:
        said = truth(str(find(seen, ("parameters", parameter))).strip("$")) if name == command else None
        if said is not None:
            return "audit_on" if said == audited else "audit_off"
    if forward_to(seen):
        return "mail_forwarded"
    return "shared" if _SHARED.match(name) else ""


def forward_to(seen: Mapping[str, Any]) -> str:
    """Where a command sends mail on to; empty where it does not."""
    return next((said for each in _FORWARDS if (said := text(find(seen, ("parameters", each))))), "")
