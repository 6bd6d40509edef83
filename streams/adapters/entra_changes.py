"""What the changed properties of a directory record say: second factors, demands for them, roles and permissions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from streams.adapters.entra_kinds import change_of_activity, factor_change
from streams.adapters.fields import find, folded, opened, text

_PRIVILEGES: Final = (
    "role.displayname",
    "approle.value",
    "delegatedpermissiongrant.scope",
    "consentaction.permissions",
)
_CONSENTS: Final = ("delegatedpermissiongrant.consenttype", "consentcontext.isadminconsent")
_POLICIES: Final = ("conditionalaccesspolicy",)


class Change(NamedTuple):
    """`word` is what became of second factors, `privilege` the role or permissions, `consent` who they are for."""

    word: str = ""
    privilege: str = ""
    consent: str = ""


def changed_in(activity: str, targets: Sequence[Mapping[str, Any]]) -> Change:
    """What a record says that was changed; keys of `targets` are in lower case."""
    properties = [each for target in targets for each in _properties(target)]
    return change_of(activity, ((text(each.get("displayname")), each) for each in properties))


def change_of(activity: str, properties: Iterable[tuple[str, Mapping[str, Any]]]) -> Change:
    """What an activity and its changed properties, by name, say; an object has `oldvalue` and `newvalue`."""
    word, privilege, consent = change_of_activity(activity), "", ""
    words = []
    for name, each in properties:
        folded_name = name.casefold()
        old, new = each.get("oldvalue"), each.get("newvalue")
        if found := factor_change(name, _written(old), _written(new)):
            words.append((folded_name != "strongauthenticationmethod", found))
        elif folded_name in _POLICIES and _demands_mfa(old) != _demands_mfa(new):
            words.append((False, "mfa_required" if _demands_mfa(new) else "mfa_not_required"))
        elif folded_name in _PRIVILEGES:
            # What is taken away stands in the old value only.
            privilege = privilege or unquoted(new) or unquoted(old)
        elif folded_name in _CONSENTS:
            consent = consent or unquoted(new) or unquoted(old)
    # The methods themselves say more than the telephone numbers beside them.
    return Change(word or min(words, default=(False, ""))[1], privilege, consent)


def unquoted(value: Any) -> str:
    """A value as text, without the quotation marks that JSON in JSON leaves around it.

    >>> unquoted('"Global Administrator"'), unquoted("plain"), unquoted(None)
    ('Global Administrator', 'plain', '')
    """
    return text(value).strip('"').strip()


def _properties(target: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    properties = target.get("modifiedproperties")
    for each in properties if isinstance(properties, list) else []:
        if isinstance(each, dict):
            yield each


def _written(value: Any) -> str:
    """Text to count objects in; longer than a field of an event may be."""
    return value if isinstance(value, str) else ""


def _demands_mfa(value: Any) -> bool:
    """Whether a conditional access policy, as JSON in text, is in force and asks for a second factor."""
    policy = opened(value)
    if not isinstance(policy, dict):
        return False
    seen = folded(policy)
    controls = find(seen, ("grantcontrols", "builtincontrols"))
    asked = {text(each).casefold() for each in controls} if isinstance(controls, list) else set()
    strength = find(seen, ("grantcontrols", "authenticationstrength"))
    return text(seen.get("state")).casefold() == "enabled" and ("mfa" in asked or isinstance(strength, dict))
