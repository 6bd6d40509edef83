"""A rule set from files: what is read, what is refused, and what identifies a rule."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from models.instants import HOUR_US, to_us
from sessionwatch.errors import RulesetError
from sessionwatch.ruleset.loading import bundled_rules, expired_exemptions, load_rules, load_ruleset, ruleset_of
from tests.unit.ruleset.small import DETECTORS, RULE, Counting, changed, load, placed, said, write

OFFICES = "id: offices\ntitle: Offices\ntype: networks\nentries: [10.0.0.0/8]\n"


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, so that file names are short."""
    monkeypatch.chdir(tmp_path)


def test_a_rule_is_read_whole() -> None:
    """What the engine is handed has everything that the file says."""
    rule = load(write(Path(), many_logins=RULE))
    compiled = rule.compiled
    assert (compiled.id, compiled.title, compiled.severity) == ("many_logins", "Many sign-ins of one person", "high")
    assert (compiled.by, compiled.mode, compiled.fold_us) == ("user", "alert", HOUR_US)
    assert (compiled.kinds, compiled.when) == ({"login"}, None)
    assert compiled.maps_to == {"attack": ("T1078",)}
    assert isinstance(compiled.detector, Counting)
    assert (compiled.detector.params.at_least, compiled.detector.params.window) == (3, timedelta(minutes=10))
    assert compiled.detector.near_misses is False
    (exemption,) = compiled.exemptions
    assert exemption.until_us == to_us(datetime(2027, 3, 1, tzinfo=UTC))
    assert exemption.when(placed(user="SVC-scan"))
    assert not exemption.when(placed(user="svc-scanner"))
    assert rule.written.why == "Somebody signs in too often."
    assert [event.at.strftime("%H:%M") for event in rule.tests[0].events] == ["10:00", "10:30"]
    assert [event.id for event in rule.tests[0].events] == ["e1", "e2"]
    assert (rule.tests[1].name, rule.tests[1].line, rule.tests[1].alerts) == ("quiet", 33, ())


def test_near_misses_reach_the_detector() -> None:
    """Whoever tunes a rule asks for them when the rules are loaded."""
    folder = write(Path(), many_logins=RULE)
    ruleset = load_ruleset([folder], near_misses=True, detectors=DETECTORS)
    assert ruleset.rules[0].detector.near_misses is True


def test_rules_come_in_the_order_of_their_ids() -> None:
    """The order of files and folders changes nothing."""
    texts = {f"{folder}{name}": RULE.replace("many_logins", name) for folder, name in (("a__", "zebra"), ("", "ant"))}
    write(Path(), **texts)
    loaded = load_ruleset([Path()], detectors=DETECTORS)
    assert [rule.id for rule in loaded.rules] == ["ant", "zebra"]
    assert load_ruleset([Path("a"), Path("ant.yaml")], detectors=DETECTORS).version == loaded.version
    assert ruleset_of(reversed(load_rules([Path()], detectors=DETECTORS))).version == loaded.version


def test_a_rule_keeps_its_version_from_release_to_release() -> None:
    """A version that changed by itself would say that every rule was edited."""
    compiled = load(write(Path(), many_logins=RULE)).compiled
    assert (compiled.version, compiled.definition) == ("9994e28623dc", "ea7cf19220da")


def test_events_of_a_test_may_have_ids_and_full_instants() -> None:
    """Copies of one event have one id; a day later needs no arithmetic."""
    old = '      - {at: "10:00", kind: login, user: ann}\n      - {at: "+30m", kind: login, user: ann}\n'
    new = (
        '      - {at: "23:59:30", kind: login, id: same}\n      - {at: "+1h30m", kind: login}\n'
        '      - {at: "2026-03-04T01:00+01:00", kind: export, received_at: "10:00", count: 3}\n'
    )
    first, second, third = load(write(Path(), many_logins=changed(old, new))).tests[0].events
    assert [event.id for event in (first, second, third)] == ["same", "e2", "e3"]
    assert second.at - first.at == timedelta(minutes=90)
    assert third.at == datetime(2026, 3, 4, tzinfo=UTC)
    assert third.received_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("status: stable\nseverity: high\n", "severity: high\nstatus: stable # sure\n\n"),
        ("{at_least: 3, window: 10m}", "\n  window: 600s\n  at_least: 3"),
        ("mode: alert\n", ""),
        ("why: >\n  Somebody signs in too often.", 'why: "Somebody signs in too often."'),
        ("fold: 1h", "fold: 60m"),
    ],
    ids=["order and comments", "style", "a default", "quotes", "a span"],
)
def test_a_version_is_that_of_what_is_meant(old: str, new: str) -> None:
    """Comments, order of keys and ways of writing one thing leave a rule what it is."""
    before = load(write(Path(), many_logins=RULE)).compiled
    after = load(write(Path(), many_logins=changed(old, new))).compiled
    if old.startswith("{at_least"):
        # Parameters are hashed as they are written: their meaning is the detector's.
        assert after.version != before.version
        assert after.detector.params == before.detector.params
    else:
        assert after.version == before.version
    assert after.definition == before.definition


@pytest.mark.parametrize(
    ("old", "new", "redefines"),
    [
        ("severity: high", "severity: low", False),
        ("{at_least: 3, window", "{at_least: 4, window", False),
        ("mode: alert", "mode: shadow", False),
        ("user: svc-scan", "user: svc-other", False),
        ("  kind: login\n", "  kind: [login, refresh]\n", True),
        ("by: user", "by: session", True),
    ],
)
def test_a_change_of_meaning_changes_the_version(old: str, new: str, redefines: bool) -> None:
    """Only a change of detector, `by` or `when` makes what was learned meaningless."""
    before = load(write(Path(), many_logins=RULE)).compiled
    after = load(write(Path(), many_logins=changed(old, new))).compiled
    assert after.version != before.version
    assert (after.definition != before.definition) is redefines


def test_the_order_of_a_list_of_values_does_not_redefine_a_rule() -> None:
    """[login, refresh] and [refresh, login] select the same events, so nothing learned is lost."""
    kinds = ["[login, refresh]", "[refresh, login]"]
    both = [load(write(Path(), many_logins=changed("kind: login", f"kind: {text}"))).compiled for text in kinds]
    assert both[0].definition == both[1].definition


def test_a_version_covers_the_lists_that_are_named_and_no_others() -> None:
    """A rule that names a list changes with the list's entries, not with its title or their order."""
    rule = changed("  kind: login\n", "  kind: login\n  ip: {not_in_list: offices}\n")

    def version(**lists: str) -> str:
        write(Path(), many_logins=rule, **{f"lists__{name}": text for name, text in lists.items()})
        return str(load(Path()).compiled.version)

    first = version(offices=OFFICES, others=OFFICES.replace("offices", "others"))
    assert version(others=OFFICES.replace("offices", "others").replace("10.", "11.")) == first
    assert version(offices=OFFICES.replace("title: Offices", "title: Our offices")) == first
    two = version(offices=OFFICES.replace("10.0.0.0/8", "10.0.0.0/8, 192.0.2.0/24"))
    assert two != first
    assert version(offices=OFFICES.replace("10.0.0.0/8", "192.0.2.0/24, 10.0.0.0/8")) == two


def test_lists_are_found_beside_a_single_file() -> None:
    """One rule of a folder can be checked by itself."""
    rule = changed("  kind: login\n", "  kind: login\n  ip: {in_list: offices}\n")
    write(Path(), rules__travel__many_logins=rule, rules__lists__offices=OFFICES)
    for path in ("rules", "rules/travel", "rules/travel/many_logins.yaml"):
        assert said(Path(path)) == ""
    write(Path(), lists__broken="[")
    assert said(Path("rules")) == ""
    when = load(Path("rules")).compiled.when
    assert when is not None
    assert when(placed(ip="10.9.9.9"))
    assert not when(placed(ip="11.9.9.9"))


def test_a_condition_among_parameters_is_compiled() -> None:
    """A detector asks it; lists and attributes in it count as the rule's."""
    unless = "unless: {ip: {in_list: offices}, attributes.x: {known: true}}}"
    rule = changed("window: 10m}", f"window: 10m, {unless}")
    rule = changed("  window: ten minutes are\n", "  window: ten minutes are\n  unless: offices are quiet\n", rule)
    write(Path(), many_logins=rule, lists__offices=OFFICES)
    compiled = load(Path()).compiled
    assert compiled.reads == {"x"}
    assert compiled.detector.params.unless.holds(placed(ip="10.0.0.1", attributes={"x": "1"}))
    assert not compiled.detector.params.unless.holds(placed(ip="10.0.0.1"))
    before = compiled.version
    write(Path(), lists__offices=OFFICES.replace("10.", "11."))
    assert load(Path()).compiled.version != before


def test_a_broken_list_is_one_fault() -> None:
    """Rules that name it are not told that it is missing."""
    rule = changed("  kind: login\n", "  kind: login\n  ip: {in_list: offices}\n")
    write(Path(), many_logins=rule, lists__offices=OFFICES.replace("networks", "network"))
    assert said(Path()) == (
        'lists/offices.yaml:3:7: "type" must be values or networks, not "network"\n'
        "    type: network\n"
        "          ^\n"
        '    did you mean "networks"?'
    )


@pytest.mark.parametrize(
    ("entries", "type_", "test", "printed"),
    [
        ("[a]", "values", "ip: {in_list: offices}", 'the list "offices" has values, and ip is an address'),
        ("[10.0.0.0/8]", "networks", "user: {in_list: offices}", 'the list "offices" has networks, and user is no'),
        ("[1]", "values", "user: {in_list: offices}", 'the list "offices" does not go with user: user is text'),
        ("[a]", "values", "place.asn: {in_list: offices}", "place.asn is a number, not text"),
        ("[a, b, a]", "values", "user: {in_list: offices}", '"a" stands twice; the first is on line 4'),
        ("[1, 10.0.0.0/8]", "networks", "ip: {in_list: offices}", "1 is no network"),
        ("[]", "values", "user: {in_list: offices}", '"entries" must not be empty'),
        ("[1.5]", "values", "user: {in_list: offices}", 'an item of "entries" must be text, not a number'),
        ("[a]", "values", "user: {in_list: office}", 'did you mean "offices"?'),
    ],
)
def test_a_list_must_go_with_the_field(entries: str, type_: str, test: str, printed: str) -> None:
    """A list that can never match is a fault, not a quiet rule."""
    rule = changed("  kind: login\n", f"  kind: login\n  {test}\n")
    write(Path(), many_logins=rule, lists__offices=f"id: offices\ntitle: x\ntype: {type_}\nentries: {entries}\n")
    assert printed in said(Path())


def test_a_folder_without_rules_is_a_fault() -> None:
    """A detection engine without rules looks like a quiet day."""
    write(Path(), empty__lists__offices=OFFICES)
    assert said(Path("empty")) == "empty:1:1: there is no rule file in this folder\n    rule files end in .yaml"
    assert said(Path("nowhere")) == "nowhere:1:1: there is no such file or folder"


@pytest.mark.parametrize("name", ["many_logins.yaml.bak", "other.yam", "other.json", "notes.md", "many_logins.YAML"])
def test_a_file_that_would_be_left_out_is_a_fault(name: str) -> None:
    """A rule that silently does not exist is the worst fault of all."""
    write(Path(), many_logins=RULE)
    Path(name).write_text(RULE)
    hint = "rule files end in .yaml; rename it, or move it elsewhere"
    assert said(Path()) == f"{name}:1:1: this file would be silently left out\n    {hint}"


def test_files_that_explain_may_stand_among_rules() -> None:
    """They are known by their names."""
    write(Path(), many_logins=RULE)
    for name in ("README.md", "LICENSE", "CHANGELOG.md", ".gitkeep", "Notice.txt"):
        Path(name).write_text("x")
    Path(".git").mkdir()
    (Path(".git") / "config").write_text("x")
    assert said(Path()) == ""


def test_an_unreadable_file_is_a_fault() -> None:
    """What cannot be read is never taken for empty."""
    write(Path(), many_logins=RULE, more_logins=b"id: \xff\n", huge=b"#" * (4 * 1024 * 1024 + 1))
    os.mkfifo("pipe.yaml")
    Path("dangling.yaml").symlink_to("nowhere.yaml")
    assert said(Path()) == (
        "dangling.yaml:1:1: this is no plain file\n"
        "huge.yaml:1:1: the file is longer than 4194304 bytes\n"
        "more_logins.yaml:1:5: byte 0xff is not UTF-8\n"
        "    id: \N{REPLACEMENT CHARACTER}\n"
        "        ^\n"
        "    save the file as UTF-8\n"
        "pipe.yaml:1:1: this is no plain file"
    )


def test_a_file_that_may_not_be_read_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are told as such."""
    write(Path(), many_logins=RULE)
    refusing = mock.Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))
    monkeypatch.setattr(Path, "open", refusing)
    assert said(Path()) == "many_logins.yaml:1:1: the file cannot be read: Permission denied"


def test_expired_exemptions_are_told_of_a_given_time() -> None:
    """Loading asks no clock; whoever checks rules says what time it is."""
    rules = load_rules([write(Path(), many_logins=RULE)], detectors=DETECTORS)
    assert expired_exemptions(rules, datetime(2027, 2, 28, tzinfo=UTC)) == ()
    (fault,) = expired_exemptions(rules, datetime(2027, 3, 1, tzinfo=UTC))
    assert str(fault) == (
        'many_logins.yaml:26:12: the exemption "scanner" of many_logins ended on 2027-03-01\n'
        "    ask iam-team whether it is still wanted; remove it or give it a new end"
    )


def test_depth_is_bounded() -> None:
    """A file made to break a parser is a fault like any other."""
    deep = "{not: " * 40 + "{user: a}" + "}" * 40
    write(Path(), many_logins=changed("  kind: login\n", f"  kind: login\n  not: {deep}\n"), more_logins="[" * 100_000)
    printed = said(Path())
    assert "many_logins.yaml:15:" in printed
    assert "nest more than 32 deep here" in printed
    assert "more_logins.yaml:1:33: mappings and lists nest more than 32 deep here" in printed


def test_the_faults_are_values_too() -> None:
    """A console or an editor shows them in its own way."""
    write(Path(), many_logins=changed("severity: high", "severity: hihg"))
    with pytest.raises(RulesetError) as caught:
        load_ruleset([Path()], detectors=DETECTORS)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.column, fault.hint) == ("many_logins.yaml", 4, 11, 'did you mean "high"?')


def test_the_rules_that_come_along_load(root: Path) -> None:
    """From a checkout they are the folder rules; every one of them has no fault and names its references."""
    assert bundled_rules() == root / "rules"
    rules = load_rules([bundled_rules()])
    assert rules
    assert all(rule.compiled.maps_to.get("attack") for rule in rules)
    assert not [rule.written.id for rule in rules if not {"hipaa", "nist"} & set(rule.compiled.maps_to)]
