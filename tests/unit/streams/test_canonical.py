"""One key for a person, one spelling for an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import SessionEvent, account_of, user_key
from models.instants import EPOCH
from streams.accounting import Accounting
from streams.canonical import Canonical


def made(aliases: dict[str, str] | None = None, **fields: str) -> tuple[SessionEvent, Accounting]:
    """A canonical event with these fields, made twice: alone and in a block."""
    accounting = Accounting()
    said = {"kind": "login", **fields}
    event = SessionEvent(id="e", at=EPOCH, **said)
    canonical = Canonical("clinic", aliases or {}, accounting)
    canonical.make(event, "okta")
    again = SessionEvent(id="e", at=EPOCH, **said)
    assert canonical.make_all([again], "okta") == []
    assert again == event
    return event, accounting


@pytest.mark.parametrize("written", ["Ann@Clinic.Example", " ann@clinic.example ", "ANN@CLINIC.EXAMPLE"])
def test_a_user_has_one_key(written) -> None:
    """Case and blanks do not make another person."""
    assert made(user=written)[0].user == "ann@clinic.example"


def test_names_that_only_look_alike_stay_apart() -> None:
    """No guessing: tracy is not tracey, and letters of another script are others."""
    names = {"tracy_stone", "tracey_stone", "tracy-stone", "tr\u0430cy_stone", "tracy_stone@clinic.example"}
    assert {made(user=name)[0].user for name in names} == names


def test_composed_and_decomposed_names_are_one() -> None:
    """An accent is the same letter however it is encoded."""
    assert user_key("Ren\u00e9") == user_key("Rene\u0301")


@given(st.text())
def test_the_key_of_a_key_is_that_key(written: str) -> None:
    """What was converted once, or is copied from an alert, names the same person."""
    assert user_key(user_key(written)) == user_key(written)


@pytest.mark.parametrize("nobody", ["unknown", "Not Available", "NULL", "-", "NOT-FOUND", "N/A", "null"])
def test_a_word_for_nobody_is_no_user(nobody) -> None:
    """Placeholders become no user at all, are counted, and stay readable as the label."""
    event, accounting = made(user=nobody)
    assert (event.user, event.user_label) == ("", nobody)
    assert accounting.placeholder_users == 2


def test_an_event_without_a_user_is_no_placeholder() -> None:
    """Events that name only a session are normal."""
    event, accounting = made(session="s1")
    assert event.user == ""
    assert accounting.placeholder_users == 0


def test_aliases_lead_to_one_key() -> None:
    """Other names of a person are kept under the one that the list gives, whatever the case; the name stays a label."""
    event, _ = made({"AStone": "Ann@Clinic.example"}, user="astone")
    assert (event.user, event.user_label) == ("ann@clinic.example", "astone")
    assert made({"AStone": "Ann@Clinic.example"}, user="astones")[0].user == "astones"


def test_an_alias_leads_to_the_account_that_is_changed() -> None:
    """What is done to a person under another name meets what that person does; other targets stay as written."""
    known = {"AStone": "Ann@Clinic.example"}
    event, _ = made(known, user="root", kind="credential_change", target="ASTONE")
    assert (event.user, event.target, account_of(event)) == ("root", "ann@clinic.example", "ann@clinic.example")
    assert made(known, user="root", kind="credential_change", target="Bob")[0].target == "Bob"
    assert made(known, user="root", kind="policy_change", target="astone")[0].target == "astone"


def test_a_label_of_the_source_is_kept() -> None:
    """What the source calls the person is not overwritten."""
    assert made({"a1": "ann"}, user="a1", user_label="Ann Stone")[0].user_label == "Ann Stone"


def test_an_address_that_is_none_is_counted_and_kept_to_read() -> None:
    """A host name in an address field leaves no address, a count by reason, and the text for a person."""
    event, accounting = made(ip="ec2.amazonaws.com")
    assert (event.ip, event.attributes) == ("", {"address": "ec2.amazonaws.com"})
    assert accounting.addresses_unread == {"host_name": 2}


def test_tenant_and_source_are_filled_and_not_overwritten() -> None:
    """Settings say the tenant and the adapter the feed, where the event does not."""
    event, _ = made()
    assert (event.tenant, event.source) == ("clinic", "okta")
    event, _ = made(tenant="other", source="entra")
    assert (event.tenant, event.source) == ("other", "entra")


def test_memory_of_names_is_bounded(monkeypatch) -> None:
    """A flood of made-up names and addresses is forgotten again, and changes no answer."""
    monkeypatch.setattr("streams.canonical.REMEMBERED_MAX", 10)
    canonical = Canonical("clinic", {}, Accounting())
    for n in range(100):
        event = SessionEvent(id="e", at=EPOCH, kind="login", user=f"User{n}", ip=f"192.0.2.{n}:1")
        assert canonical.make_all([event], "okta") == []
        assert (event.user, event.ip) == (f"user{n}", f"192.0.2.{n}")
        assert len(canonical._users) <= 10
        assert len(canonical._plain_users) <= 11
        assert len(canonical._addresses) <= 10
