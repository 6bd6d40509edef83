"""What is printed of every kind of fault in a mapping, to the letter; one bad line refuses it whole."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from sessionwatch.errors import MappingError
from streams.adapters import adapters
from streams.mapping.loading import load_mappings

SMALL = """\
name: small
title: A small log
about: >
  A log that is only here to be broken, with one field of each sort, so that each fault of a mapping can be made in it.
lateness: 5m
recognised_by:
  - [who, what]
nothing: ["?"]
input: {form: csv}
id: no
at: {path: when, written: iso}
kinds:
  - when: {what: ping}
    drop: heartbeat
  - kind: login
    outcome: success
drops:
  heartbeat: The log tells that it is alive.
fields:
  user: who
  action: what
  mfa: {path: factor, lookup: flags}
lookups:
  flags:
    values: {"1": true, "0": false}
examples:
  - title: somebody
    record: {no: a1, who: ann, what: in, when: "2026-03-02T09:00:00Z", factor: "1"}
    events: [{kind: login, user: ann, mfa: true}]
  - title: nobody
    record: {no: a2, who: "?", what: ping}
    dropped: heartbeat
"""


class Case(NamedTuple):
    """A change to the small mapping, and what is printed of it."""

    old: str
    new: str
    printed: str


def cases() -> dict[str, Case]:
    """The cases of mapping_faults.txt by their names."""
    text = (Path(__file__).parent / "mapping_faults.txt").read_text(encoding="utf-8")
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


def said_of(text: str) -> str:
    """What is printed of the faults of a mapping in the file small.yaml; empty where there are none."""
    Path("small.yaml").write_text(text, encoding="utf-8")
    try:
        load_mappings([Path("small.yaml")], adapters())
    except MappingError as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, so that file names are short."""
    monkeypatch.chdir(tmp_path)


def test_the_small_mapping_has_no_fault() -> None:
    """What the cases change is right before."""
    assert said_of(SMALL) == ""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_fault_is_told_at_its_place_and_in_plain_words(case: Case) -> None:
    """Each fault names the offending key or value, its line and column, and what was probably meant."""
    assert case.old in SMALL
    assert said_of(SMALL.replace(case.old, case.new, 1)) == case.printed


def test_all_faults_are_told_at_once() -> None:
    """Four faults in four places of a file, and one in another file: five are told, in order."""
    broken = SMALL.replace("lateness: 5m", "lateness: 5").replace("  user: who", "  usr: who")
    broken = broken.replace("written: iso", "written: never").replace("kind: login", "kind: logon", 1)
    Path("small.yaml").write_text(broken, encoding="utf-8")
    Path("other.yaml").write_text("name: other\n", encoding="utf-8")
    with pytest.raises(MappingError) as told:
        load_mappings([Path("small.yaml"), Path("other.yaml"), Path("missing.yaml")])
    assert [(fault.file, fault.line) for fault in told.value.faults] == [
        ("missing.yaml", 1),
        ("other.yaml", 1),
        *(("small.yaml", line) for line in (5, 11, 15, 20)),
    ]
