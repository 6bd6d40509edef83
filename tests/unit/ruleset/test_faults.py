"""What is printed of every kind of fault, to the letter."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.ruleset.small import RULE, changed, said, write


class Case(NamedTuple):
    """A change to the small rule, and what is printed of it."""

    old: str
    new: str
    printed: str


def cases() -> dict[str, Case]:
    """The cases of faults.txt by their names."""
    text = (Path(__file__).parent / "faults.txt").read_text(encoding="utf-8")
    found = {}
    for section in text.split("\n=== ")[1:]:
        name, _, rest = section.partition("\n")
        change, _, printed = rest.partition("---\n")
        lines = change.splitlines()
        old = "\n".join(line[2:] for line in lines if line.startswith("- "))
        new = "\n".join(line[2:] for line in lines if line.startswith("+ "))
        found[name] = Case(old, new, printed.strip("\n"))
    return found


CASES = cases()


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, so that file names are short."""
    monkeypatch.chdir(tmp_path)


def test_the_small_rule_has_no_fault() -> None:
    """What the cases change is right before."""
    write(Path(), many_logins=RULE)
    assert said(Path()) == ""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_fault_is_told_at_its_place_and_in_plain_words(case: Case) -> None:
    """Each fault names the offending key or value, its line and column, and what was probably meant."""
    write(Path(), many_logins=changed(case.old, case.new))
    assert said(Path("many_logins.yaml")) == case.printed


def test_no_word_of_the_machinery_is_printed() -> None:
    """Nobody who writes rules need know what validates them."""
    printed = "\n".join(case.printed for case in CASES.values())
    assert not [word for word in ("Input should", "pydantic", "msgspec", "Expected `", "Traceback") if word in printed]


def test_all_faults_of_all_files_come_at_once() -> None:
    """A rule set is refused whole, and nobody mends it one fault at a time."""
    write(
        Path(),
        rules__many_logins=changed("severity: high", "severity: hihg"),
        rules__travel__more_logins=changed("title:", "titel:", changed("many_logins", "more_logins")),
        rules__empty="",
        rules__broken="a: [",
        rules__lists__offices="id: offices\ntitle: x\ntype: networks\nentries: [10.0.0.1/8, 10.0.0.0/8, nowhere]\n",
    )
    places = [line.split(" ")[0] for line in said(Path("rules")).splitlines() if line.startswith("rules")]
    assert places == [
        "rules/broken.yaml:1:5:",
        "rules/empty.yaml:1:1:",
        "rules/lists/offices.yaml:4:11:",
        "rules/lists/offices.yaml:4:35:",
        "rules/many_logins.yaml:4:11:",
        "rules/travel/more_logins.yaml:1:1:",
        "rules/travel/more_logins.yaml:2:1:",
    ]


def test_an_id_is_taken_once_and_both_places_are_named() -> None:
    """Two rules of one id would share state and alerts."""
    write(Path(), a__many_logins=RULE, b__many_logins=RULE)
    assert said(Path("a"), Path("b")) == (
        'b/many_logins.yaml:1:5: the id "many_logins" is taken by a/many_logins.yaml:1:5\n'
        "    id: many_logins\n"
        "        ^\n"
        "    give one of them another"
    )


def test_one_file_named_twice_is_one_rule() -> None:
    """A folder and a file in it may both be given."""
    write(Path(), rules__many_logins=RULE)
    assert said(Path("rules"), Path("rules/many_logins.yaml"), Path("rules/../rules")) == ""


@pytest.mark.parametrize("text", [RULE.replace("\n", "\r\n"), RULE.replace("\n", "\r"), "\ufeff" + RULE])
def test_line_ends_and_byte_order_marks_change_nothing(text: str) -> None:
    """Files come from Windows editors too: they load, and faults stand where an editor shows them."""
    write(Path(), many_logins=text)
    assert said(Path()) == ""
    write(Path(), many_logins=text.replace("stable", "stabel"))
    assert said(Path("many_logins.yaml")) == (
        'many_logins.yaml:3:9: "status" must be experimental or stable, not "stabel"\n'
        "    status: stabel\n"
        "            ^\n"
        '    did you mean "stable"?'
    )
    write(Path(), many_logins=text.replace("id: many_logins", "id: many_login"))
    assert said(Path("many_logins.yaml")).splitlines()[:3] == [
        'many_logins.yaml:1:5: the file is named "many_logins" and the id in it is "many_login"',
        "    id: many_login",
        "        ^",
    ]


def test_what_follows_from_a_fault_is_left_unsaid() -> None:
    """An alias has no value, which need not be told beside it."""
    write(Path(), many_logins=changed("title: Many sign-ins of one person", "title: *other"))
    assert said(Path("many_logins.yaml")) == (
        "many_logins.yaml:2:8: the alias *other is not supported\n"
        "    title: *other\n"
        "           ^\n"
        "    write the value out"
    )


def test_a_tab_is_told_and_the_caret_stands_under_it() -> None:
    """Tabs cannot indent YAML, and before the caret they are as wide as in the line above."""
    write(Path(), many_logins=changed("  attack:", "\tattack:"), more_logins='id: more_logins\ntitle: "\t" x\n')
    assert said(Path()) == (
        "many_logins.yaml:12:1: this is not YAML: found character '\\t' that cannot start any token "
        "(while scanning for the next token)\n"
        "    \tattack: [T1078]\n"
        "    ^\n"
        "    indent with spaces, not tabs\n"
        "more_logins.yaml:2:12: this is not YAML: expected <block end>, but found '<scalar>' "
        "(while parsing a block mapping)\n"
        '    title: "\t" x\n'
        "            \t  ^\n"
        "    mend the indentation, or put the text in quotes"
    )


def test_columns_count_characters_and_carets_count_width() -> None:
    """Wide characters move the caret, not the column; combining ones move neither a second time."""
    exemption = (
        "{name: scanner, owner: \N{CJK UNIFIED IDEOGRAPH-533B}e\N{COMBINING ACUTE ACCENT}\N{GRINNING FACE}, x: 1}"
    )
    write(
        Path(), many_logins=changed("exemptions:\n  - name: scanner", f"exemptions:\n  - {exemption}\n  - name: other")
    )
    _, fault, _ = said(Path("many_logins.yaml")).split("many_logins.yaml:22:")[0:3]
    assert fault.splitlines()[0].startswith("5: the keys")
    (line,) = [part for part in said(Path("many_logins.yaml")).split("many_logins.yaml:") if 'unknown key "x"' in part]
    where, shown, caret = line.splitlines()[:3]
    column = exemption.index("x: 1") + 5
    assert where == f'22:{column}: unknown key "x"'
    # Two wide characters count two cells each, the accent none: one more cell than characters.
    assert len(caret) - len("    ") == column + 1
    assert shown.strip() == f"- {exemption}"


def test_a_long_line_is_shown_around_its_fault() -> None:
    """Ten thousand networks on a line are not printed for one that is wrong."""
    entries = ", ".join(f'"10.0.{i // 256}.{i % 256}"' for i in range(3000))
    text = f'id: offices\ntitle: Offices\ntype: networks\nentries: [{entries}, "10.0.0.1/8", "10.9.9.9"]\n'
    write(Path(), many_logins=RULE, lists__offices=text)
    first, shown, caret, *_ = said(Path()).splitlines()
    column = int(first.split(":")[2])
    assert text.splitlines()[3][column - 1 :].startswith('"10.0.0.1/8"')
    assert len(shown) <= 124
    assert shown[len(caret) - 1 :].startswith('"10.0.0.1/8"')


def test_control_characters_never_reach_a_terminal() -> None:
    """A rule file may come from anybody, and its lines are printed."""
    write(Path(), many_logins="id: \x1b[31mred\n")
    assert said(Path("many_logins.yaml")) == (
        "many_logins.yaml:1:5: character U+001B may not stand in a file like this\n"
        "    id: \N{REPLACEMENT CHARACTER}[31mred\n"
        "        ^"
    )
    write(Path(), many_logins="id: a\u202eb\ntitle: [\n")
    assert "\u202e" not in said(Path("many_logins.yaml"))
