"""What conditions mean: each operator on each sort of field, kinds taken out, and a slow evaluator that agrees."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.events import KINDS, PlacedEvent
from models.places import Place
from models.written.texts import SourceText
from sessionwatch.ruleset.conditions import ALL_KINDS, ConditionError, compile_condition
from sessionwatch.ruleset.fields import FIELDS
from sessionwatch.ruleset.lists import NamedList, named_list
from sessionwatch.ruleset.rule_reading import Surroundings, read_rule
from tests.unit.ruleset.small import DETECTORS, changed, placed

LISTS = {
    "staff": named_list("staff", "values", ["Ann", "bob"]),
    "offices": named_list("offices", "networks", ["192.0.2.0/25", "2001:db8::/48"]),
    "carriers": named_list("carriers", "values", [64500, 64501]),
}

ROME: dict[str, Any] = {"country": "IT", "city": "Rome", "asn": 64500}


def holds(said: dict[str, Any], **fields: Any) -> bool:
    """Whether `said` holds of an event with `fields`."""
    return compile_condition(said, LISTS).holds(placed(**fields))


@pytest.mark.parametrize(
    ("said", "fields", "expected"),
    [
        ({"app": "Mail"}, {"app": "Mail"}, True),
        ({"app": "Mail"}, {"app": "mail"}, False),
        ({"app": ["Mail", "Files"]}, {"app": "Files"}, True),
        ({"app": {"not_in": ["Mail"]}}, {"app": ""}, True),
        ({"app": {"starts_with": "Ma"}}, {"app": "Mail"}, True),
        ({"app": {"starts_with": ["x", "M"]}}, {"app": "Mail"}, True),
        ({"app": {"ends_with": ["il"]}}, {"app": "Mail"}, True),
        ({"app": {"contains": ["xx", "ai"]}}, {"app": "Mail"}, True),
        ({"app": {"contains": "AI"}}, {"app": "Mail"}, False),
        ({"app": {"starts_with": "M", "not_in": ["Mail"]}}, {"app": "Mail"}, False),
        ({"app": {"known": True}}, {"app": ""}, False),
        ({"app": {"known": False}}, {"app": ""}, True),
        ({"user": "ANN"}, {"user": "ann"}, True),
        ({"user": "straße"}, {"user": "STRASSE"}, True),
        ({"user": "a"}, {"user": "maria"}, False),
        ({"user": ["a.b"]}, {"user": "axb"}, False),
        ({"user": {"in_list": "staff"}}, {"user": "ANN"}, True),
        ({"user": {"not_in_list": "staff"}}, {"user": "Bob"}, False),
        ({"user": {"starts_with": "SVC-"}}, {"user": "svc-scan"}, True),
        ({"user_label": "ann"}, {"user_label": "Ann"}, False),
        ({"count": {"at_least": 5, "at_most": 7}}, {"count": 7}, True),
        ({"count": {"at_least": 5, "at_most": 7}}, {"count": 8}, False),
        ({"bytes": [1, 2]}, {"bytes": 2}, True),
        ({"interactive": False}, {"interactive": False}, True),
        ({"mfa": False}, {"mfa": None}, False),
        ({"mfa": {"known": False}}, {"mfa": None}, True),
        ({"mfa": {"known": True}}, {"mfa": False}, True),
        ({"attributes.x": "1"}, {"attributes": {"x": "1"}}, True),
        ({"attributes.x": "1"}, {}, False),
        ({"attributes.x.y": {"known": True}}, {"attributes": {"x.y": "1"}}, True),
        ({"place.country": "IT"}, {"place": ROME}, True),
        ({"place.asn": {"in_list": "carriers"}}, {"place": ROME}, True),
        ({"place.network_class": {"not_in": ["vpn"]}}, {"place": ROME}, True),
        ({"place.network_class": ""}, {"place": ROME}, True),
        ({"place": {"known": True}}, {"place": ROME}, True),
        ({"place": {"known": False}}, {}, True),
        ({"received_us": {"known": False}}, {}, True),
        ({"received_us": {"at_least": 0}}, {}, False),
        ({"kind": "login", "user": "ann"}, {"kind": "refresh", "user": "ann"}, False),
        ({"kind": ["login", "refresh"]}, {"kind": "logout"}, False),
        ({"not": {"user": "ann"}}, {"user": "bob"}, True),
        ({"not": {"kind": "login"}}, {"kind": "refresh"}, True),
        ({"not": {"kind": "login", "user": "ann"}}, {"kind": "refresh", "user": "ann"}, True),
        ({"any": [{"kind": "login", "user": "ann"}, {"kind": "refresh"}]}, {"kind": "login", "user": "bob"}, False),
        ({"any": [{"user": "ann"}, {"app": "Mail"}]}, {"user": "bob", "app": "Mail"}, True),
        ({"all": [{"user": "ann"}, {"app": "Mail"}]}, {"user": "bob", "app": "Mail"}, False),
    ],
)
def test_a_condition_means_what_it_says(said: dict[str, Any], fields: dict[str, Any], expected: bool) -> None:
    """Text is exact, users are case-folded and whole, and all that is written must hold."""
    assert holds(said, **fields) is expected


@pytest.mark.parametrize(
    "said",
    [
        {"place.country": {"not_in": ["IT"]}},
        {"place.country": {"not_in": ["IT"]}, "user": "ann"},
        {"place.city": {"starts_with": "R"}},
        {"place.city": {"contains": "o"}},
        {"place.asn": {"at_most": 9}},
        {"place.asn": {"not_in_list": "carriers"}},
        {"place.network_class": {"not_in": ["vpn"]}},
        {"ip": {"not_in": ["192.0.2.1"]}},
        {"ip": {"not_in_list": "offices"}},
        {"ip": {"cidr": ["0.0.0.0/0", "::/0"]}},
        {"place": {"known": True}},
    ],
)
def test_nothing_is_said_of_a_place_or_address_that_nobody_knows(said: dict[str, Any]) -> None:
    """Absence of evidence is no evidence: such a test is false, whichever way it asks."""
    assert not holds(said, user="ann")


@pytest.mark.parametrize("field", ["country", "city", "region", "organisation"])
def test_a_place_that_lacks_a_part_is_unknown_in_it(field: str) -> None:
    """A database often knows the country and not the city."""
    assert not holds({f"place.{field}": {"not_in": ["X"]}}, place={"latitude": 1.0, "longitude": 1.0})
    assert holds({f"place.{field}": {"known": False}}, place={"latitude": 1.0, "longitude": 1.0})


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("192.0.2.1", True),
        ("192.0.2.127", True),
        ("192.0.2.128", False),
        ("192.0.20.1", False),
        ("::ffff:192.0.2.1", True),
        ("2001:DB8:0:1::7", True),
        ("2001:db8:1::7", False),
        ("fe80::1%eth0", False),
        ("ec2.amazonaws.com", False),
        ("", False),
    ],
)
def test_an_address_lies_in_a_network_by_its_number(ip: str, expected: bool) -> None:
    """Networks that are compared as text never match anything."""
    for said in (
        {"ip": {"cidr": ["192.0.2.0/25", "2001:db8::/48"]}},
        {"ip": {"in_list": "offices"}},
        {"any": [{"ip": {"cidr": "192.0.2.0/25"}}, {"ip": {"cidr": "2001:db8::/48"}}]},
    ):
        assert holds(said, ip=ip) is expected


def test_an_address_has_many_spellings() -> None:
    """An address in a rule and one in a log are compared by value."""
    assert holds({"ip": "2001:DB8::0001"}, ip="2001:db8::1")
    assert holds({"ip": ["203.0.113.9", "2001:db8::1"]}, ip="2001:db8:0:0::1")
    assert not holds({"ip": "10.0.0.1"}, ip="10.0.0.10")


@pytest.mark.parametrize(
    ("said", "kinds", "has_test"),
    [
        ({"kind": "login"}, {"login"}, False),
        ({"kind": ["login", "refresh"]}, {"login", "refresh"}, False),
        ({"kind": ["login", "refresh"], "user": "a"}, {"login", "refresh"}, True),
        ({"kind": {"not_in": ["login"]}}, set(KINDS) - {"login"}, False),
        ({"not": {"kind": "login"}}, set(KINDS) - {"login"}, False),
        ({"all": [{"kind": ["login", "logout"]}, {"kind": ["login", "export"]}]}, {"login"}, False),
        ({"any": [{"kind": "login"}, {"kind": "export"}]}, {"login", "export"}, False),
        ({"any": [{"kind": "login", "user": "a"}, {"kind": "export"}]}, {"login", "export"}, True),
        ({"any": [{"kind": "login"}, {"user": "a"}]}, set(KINDS), True),
        ({"not": {"kind": "login", "user": "a"}}, set(KINDS), True),
        ({"user": "a"}, set(KINDS), True),
        ({"kind": "login", "all": [{"kind": "logout"}]}, set(), False),
    ],
)
def test_kinds_are_taken_out_of_the_condition(said: dict[str, Any], kinds: set[str], has_test: bool) -> None:
    """The engine dispatches on kinds, so an event of another kind costs nothing; inside any and all too."""
    compiled = compile_condition(said)
    assert compiled.kinds == kinds
    assert (compiled.test is not None) is has_test


def test_what_a_condition_reads_is_told() -> None:
    """Keys of attributes that no rule reads may be dropped, and lists are part of a rule's version."""
    said = {
        "attributes.a": "1",
        "any": [{"attributes.b": "1"}, {"not": {"attributes.c.d": {"known": True}}}],
        "user": {"not_in_list": "staff"},
        "ip": {"in_list": "offices"},
    }
    compiled = compile_condition(said, LISTS)
    assert compiled.reads == {"a", "b", "c.d"}
    assert compiled.lists == {"staff", "offices"}


def test_every_fault_of_a_condition_is_gathered() -> None:
    """A condition is mended once."""
    said = {"usr": "a", "any": [{"kind": "logn"}, {"not": {"count": "x"}}], "ip": {"cidr": ["1.2.3.4/8"]}}
    with pytest.raises(ConditionError) as caught:
        compile_condition(said)
    assert [misfit.path for misfit in caught.value.misfits] == [
        ("usr",),
        ("any", 0, "kind"),
        ("any", 1, "not", "count"),
        ("ip", "cidr", 0),
    ]


def test_every_field_of_an_event_can_be_named() -> None:
    """A field that is added to events must be given a type here."""
    plain = {name for name in FIELDS if not name.startswith("place.")}
    assert plain == set(PlacedEvent.__struct_fields__) - {"attributes"}
    parts = {name.removeprefix("place.") for name in FIELDS if name.startswith("place.")}
    assert parts < set(Place.__struct_fields__)
    event = placed(place=ROME)
    for field in FIELDS.values():
        field.read(event)


# The slow evaluator: straight from the words of the format, without kinds taken out, closures or ranges.

UNKNOWN = object()


def value_of(event: PlacedEvent, name: str) -> Any:
    """The value of a field, or UNKNOWN."""
    if name.startswith("attributes."):
        return event.attributes.get(name.removeprefix("attributes."), "")
    if name.startswith("place."):
        part = name.removeprefix("place.")
        value = UNKNOWN if event.place is None else getattr(event.place, part)
        return UNKNOWN if value in {"", 0} and part != "network_class" else value
    value = getattr(event, name)
    return UNKNOWN if value is None or (name == "ip" and not value) else value


MEANINGS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "is": lambda value, wanted: value in wanted,
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value not in wanted,
    "starts_with": lambda value, wanted: any(value.startswith(text) for text in wanted),
    "ends_with": lambda value, wanted: any(value.endswith(text) for text in wanted),
    "contains": lambda value, wanted: any(text in value for text in wanted),
    "at_least": lambda value, wanted: bool(value >= wanted[0]),
    "at_most": lambda value, wanted: bool(value <= wanted[0]),
}


def agrees(event: PlacedEvent, name: str, operator: str, operand: Any) -> bool:
    """Whether one test holds."""
    value = value_of(event, name)
    if operator == "known":
        return (value is not UNKNOWN and value != "") is operand
    if value is UNKNOWN:
        return False
    if operator in {"in_list", "not_in_list"}:
        named: NamedList = LISTS[operand]
        operator, operand = operator.removesuffix("_list"), list(named.entries)
    wanted = operand if isinstance(operand, list) else [operand]
    if name == "ip":
        inside = any(ip_address(value) in ip_network(each) for each in wanted)
        return inside is (operator != "not_in")
    if name == "user":
        value, wanted = value.casefold(), [text.casefold() for text in wanted]
    return MEANINGS[operator](value, wanted)


def reference(said: dict[str, Any], event: PlacedEvent) -> bool:
    """Whether `said` holds of `event`."""
    for name, test in said.items():
        match name:
            case "any":
                result = any(reference(inner, event) for inner in test)
            case "all":
                result = all(reference(inner, event) for inner in test)
            case "not":
                result = not reference(test, event)
            case _:
                operators = test if isinstance(test, dict) else {"in" if isinstance(test, list) else "is": test}
                result = all(agrees(event, name, operator, operand) for operator, operand in operators.items())
        if not result:
            return False
    return True


WORDS = {
    "kind": ["login", "refresh", "export"],
    "outcome": ["success", "failure"],
    "user": ["ann", "Ann", "bob", "an"],
    "app": ["Mail", "mail", "Ma"],
    "attributes.x": ["1", "11"],
    "ip": ["192.0.2.1", "192.0.2.200", "2001:db8::1", "10.0.0.1"],
    "place.country": ["IT", "JP"],
    "place.network_class": ["vpn", "hosting", ""],
}
NETWORKS = ["192.0.2.0/25", "192.0.2.0/24", "2001:db8::/32", "0.0.0.0/1", "10.0.0.1/32"]


def field_tests() -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on one field."""

    def of(name: str) -> st.SearchStrategy[Any]:
        word = st.sampled_from(WORDS[name])
        words = st.lists(word, min_size=1, max_size=3)
        operators: dict[str, st.SearchStrategy[Any]] = {"is": word, "in": words, "not_in": words}
        if name in {"user", "app", "attributes.x"}:
            operators |= {"starts_with": words, "ends_with": word, "known": st.booleans()}
            operators |= {"in_list": st.just("staff"), "not_in_list": st.just("staff")}
        if name in {"app", "attributes.x"}:
            operators |= {"contains": words}
        if name == "ip":
            operators |= {"cidr": st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=3), "known": st.booleans()}
            operators |= {"in_list": st.just("offices"), "not_in_list": st.just("offices")}
        if name.startswith("place."):
            operators |= {"known": st.booleans()}
        several = st.fixed_dictionaries({}, optional=operators).filter(bool)
        return st.one_of(word, words, several).map(lambda test: {name: test})

    numbers = st.fixed_dictionaries(
        {}, optional={"at_least": st.integers(0, 4), "at_most": st.integers(0, 4), "is": st.integers(0, 4)}
    ).filter(bool)
    flags = st.one_of(st.booleans(), st.booleans().map(lambda known: {"known": known}))
    return st.one_of(
        st.sampled_from(sorted(WORDS)).flatmap(of),
        numbers.map(lambda test: {"count": test}),
        numbers.map(lambda test: {"place.asn": test}),
        flags.map(lambda test: {"mfa": test}),
        st.booleans().map(lambda known: {"place": {"known": known}}),
    )


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One mapping of several."""
    return {name: test for part in parts for name, test in part.items()}


CONDITIONS = st.recursive(
    st.lists(field_tests(), min_size=1, max_size=4).map(merged),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        inner.map(lambda part: {"not": part}),
        st.lists(inner, min_size=1, max_size=3).map(merged),
    ),
    max_leaves=8,
)

PLACES = st.none() | st.builds(
    lambda country, asn, network_class: Place(country=country, asn=asn, network_class=network_class),
    st.sampled_from(["", "IT", "JP"]),
    st.integers(0, 4),
    st.sampled_from(["", "vpn", "hosting"]),
)
EVENTS = st.builds(
    lambda x, **fields: placed(**fields, attributes={"x": x} if x else {}),
    x=st.sampled_from(["", "1", "11", "2"]),
    kind=st.sampled_from(["login", "refresh", "export", "logout"]),
    outcome=st.sampled_from(["success", "failure", "unknown"]),
    user=st.sampled_from(["", "ann", "ANN", "maria", "bob"]),
    app=st.sampled_from(["", "Mail", "mail"]),
    ip=st.sampled_from(["", *WORDS["ip"]]),
    mfa=st.sampled_from([None, True, False]),
    count=st.integers(0, 4),
    place=PLACES,
)


@settings(max_examples=400)
@given(CONDITIONS, st.lists(EVENTS, min_size=1, max_size=8))
def test_compiled_conditions_agree_with_the_slow_evaluator(said: dict[str, Any], events: list[PlacedEvent]) -> None:
    """Taking kinds out and specialising operators changes what a condition costs, never what it means."""
    compiled = compile_condition(said, LISTS)
    for event in events:
        before = msgspec.msgpack.encode(event)
        expected = reference(said, event)
        assert compiled.holds(event) is expected
        dispatched = event.kind in compiled.kinds and (compiled.test is None or compiled.test(event))
        assert dispatched is expected
        assert msgspec.msgpack.encode(event) == before


def test_all_kinds_means_all() -> None:
    """The set that stands for no restriction is that of every kind."""
    assert set(KINDS) == ALL_KINDS


@given(CONDITIONS, st.lists(EVENTS, min_size=1, max_size=4))
def test_a_loaded_rule_selects_and_exempts_what_its_file_says(said: dict[str, Any], events: list[PlacedEvent]) -> None:
    """From the text of a rule to what the engine is handed, a condition keeps its meaning."""
    when = {"kind": ["login", "refresh", "export"], "all": [said]}
    text = changed("  kind: login\n", f"  {json.dumps(when)}\n")
    text = changed("    when: {user: svc-scan}", f"    when: {json.dumps(said)}", text)
    source = SourceText("many_logins.yaml", text)
    rule = read_rule(source, Surroundings(DETECTORS, LISTS))
    if rule is None:
        assert {fault.message for fault in source.faults} == {'"when" can never hold: no kind of event is left'}
        return
    compiled = rule.compiled
    for event in events:
        selected = event.kind in compiled.kinds and (compiled.when is None or compiled.when(event))
        assert selected is reference(when, event)
        assert compiled.exemptions[0].when(event) is reference(said, event)
