"""New values: after learning, against what is known, never on missing evidence, never learned from a flagged event."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.new_value import NewValue, NewValueParams
from detectors.worlds import an_event, feed
from models.events import PlacedEvent
from models.findings import Finding, NotEvaluable, Verdict
from models.instants import DAY_US, HOUR_US
from models.places import Place


def new_value(**params: Any) -> NewValue:
    """The detector with `params`."""
    return NewValue(NewValueParams(**params))


def logins(count: int, gap_us: int = HOUR_US, **fields: Any) -> list[PlacedEvent]:
    """Sign-ins from Milan, a gap apart."""
    return [an_event("login", n * gap_us, **{"city": "Milan", **fields}) for n in range(count)]


def found(verdicts: list[Verdict]) -> list[int]:
    """The positions of findings."""
    return [n for n, verdict in enumerate(verdicts) if isinstance(verdict, Finding)]


def test_finds_a_first_country_after_enough_events() -> None:
    """Ten sign-ins from Italy, then one from Japan: found, with the baseline it is new against."""
    verdicts = feed(new_value(), [*logins(10), an_event("login", 11 * HOUR_US, city="Tokyo", session="s9")])
    assert found(verdicts) == [10]
    last = verdicts[10]
    assert isinstance(last, Finding)
    told = msgspec.to_builtins(last.evidence)
    assert told["value"] == {"place.country": "JP"}
    assert (told["known"], told["known_values"], told["learned_events"]) == (1, ("IT",), 10)
    assert last.key == "JP"
    assert [(one.session, one.unfamiliar) for one in last.candidates] == [("s9", ("place",))]


def test_learning_ends_by_time_too() -> None:
    """Two sign-ins a fortnight ago are a baseline; two sign-ins a minute ago are none."""
    tokyo = an_event("login", 14 * DAY_US, city="Tokyo")
    assert found(feed(new_value(), [*logins(2), tokyo])) == [2]
    assert found(feed(new_value(), [*logins(2), an_event("login", 14 * DAY_US - 1, city="Tokyo")])) == []


def test_while_learning_findings_are_low_where_asked() -> None:
    """Before the end of learning: none, or two steps less severe; on an empty history never."""
    events = [*logins(2), an_event("login", 3 * HOUR_US, city="Tokyo")]
    assert found(feed(new_value(), events)) == []
    verdicts = feed(new_value(while_learning="low"), events)
    assert found(verdicts) == [2]
    assert isinstance(verdicts[2], Finding)
    assert verdicts[2].severity_shift == -2


def test_a_flagged_value_stays_new_until_vouched_for() -> None:
    """Japan fires each time, until MFA passes from that session; then it is known."""
    tokyo = [an_event("login", (20 + n) * HOUR_US, city="Tokyo", session="s") for n in range(4)]
    mfa = an_event("mfa_result", 22 * HOUR_US - 1, outcome="success", session="s")
    verdicts = feed(new_value(), [*logins(10), *tokyo[:2], mfa, *tokyo[2:]], kinds=frozenset({"login"}))
    assert found(verdicts) == [10, 11]


def test_what_is_only_heard_teaches_nothing_of_its_own() -> None:
    """The phone's place in an MFA result is not the person's: Japan stays new."""
    phone = an_event("mfa_result", 12 * HOUR_US, city="Tokyo", outcome="success")
    events = [*logins(10), phone, an_event("login", 13 * HOUR_US, city="Tokyo")]
    assert found(feed(new_value(), events, kinds=frozenset({"login"}))) == [11]


def test_a_flagged_event_teaches_nothing_also_where_its_value_is_forgotten() -> None:
    """A value unseen for longer than remembered is new again, and flagged it stays new."""
    week = logins(10)
    rome = an_event("login", 11 * HOUR_US, city="London", id="x")
    later = [an_event("login", day * DAY_US, city="Milan") for day in range(20, 120, 20)]
    back = [an_event("login", 101 * DAY_US + n, city="London") for n in range(2)]
    state = (this := new_value()).State()
    this.learn(rome, state, suspect=False)
    assert found(feed(this, [*week, *later, *back], state)) == [15, 16]


def test_silence_begins_the_learning_anew() -> None:
    """After three months of silence nothing is new any more: it learns again."""
    events = [
        *logins(10),
        an_event("login", 100 * DAY_US, city="Tokyo"),
        an_event("login", 101 * DAY_US, city="London"),
    ]
    assert found(feed(new_value(), events)) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"city": None}, "no_place"),
        ({"city": None, "place": Place(network_class="private")}, "private_address"),
        ({"city": None, "place": Place(country="US", network_class="anycast")}, None),
        ({"city": None, "place": Place(network_class="anycast")}, "anycast"),
    ],
)
def test_a_missing_value_is_not_evaluable(fields: dict[str, Any], reason: str | None) -> None:
    """No country accuses nobody: counted by its reason."""
    fields = {name: value for name, value in fields.items() if value is not None}
    last = feed(new_value(), [*logins(10), an_event("login", 11 * HOUR_US, **fields)])[-1]
    assert last == NotEvaluable(reason) if reason else isinstance(last, Finding)


def test_a_combination_is_one_value() -> None:
    """Each known alone, together new."""
    params = {"fields": ("app", "place.country"), "learn_min_events": 2}
    events = [
        an_event("login", 0, app="ehr", city="Milan"),
        an_event("login", 1, app="mail", city="Tokyo"),
        an_event("login", 2, app="ehr", city="Tokyo"),
    ]
    verdicts = feed(new_value(**params), events)
    assert found(verdicts) == [2]
    assert isinstance(verdicts[2], Finding)
    assert verdicts[2].key == "ehr / JP"


def test_a_version_is_no_new_agent() -> None:
    """Normalised to its fingerprint an update is known, another program is new."""
    params = {"fields": ("user_agent",), "normalise": {"user_agent": "fingerprint"}, "learn_min_events": 1}
    events = [
        an_event("login", n, user_agent=agent) for n, agent in enumerate(["curl/7.1", "curl/8.2", "python-requests/2"])
    ]
    verdicts = feed(new_value(**params), events)
    assert found(verdicts) == [2]
    assert isinstance(verdicts[2], Finding)
    assert verdicts[2].key == "python"


def test_no_record_name_leaves_in_evidence() -> None:
    """A resource may name a patient: only a digest is told, and no known values."""
    events = [an_event("activity", n, resource=name) for n, name in enumerate(["jane-doe", "john-roe"])]
    last = feed(new_value(fields=("resource",), learn_min_events=1), events)[-1]
    assert isinstance(last, Finding)
    assert "j" not in last.key
    assert "roe" not in str(last)
    assert "doe" not in str(last)


def test_known_values_are_bounded() -> None:
    """However many values come by, no more than `known_max` are kept."""
    this = new_value(fields=("app",), known_max=5, learn_min_events=10_000)
    state = this.State()
    feed(this, [an_event("login", n, app=f"a{n}") for n in range(100)], state)
    assert sorted(state.known) == [f"a{n}" for n in range(95, 100)]


def test_the_sentence_says_it_in_words() -> None:
    """What is new, against what."""
    last = feed(new_value(), [*logins(10), an_event("login", 11 * HOUR_US, city="Tokyo")])[-1]
    assert isinstance(last, Finding)
    assert NewValue.sentence(msgspec.to_builtins(last.evidence), "Ann") == (
        "Ann: country JP for the first time in 10 events; known: IT"
    )
    learning = new_value(while_learning="low")
    last = feed(learning, [*logins(1), an_event("login", 11 * HOUR_US, city="Tokyo")])[-1]
    assert isinstance(last, Finding)
    assert NewValue.sentence(msgspec.to_builtins(last.evidence), "Ann") == (
        "Ann: country JP for the first time in 1 event; known: IT; two steps less severe: still learning what is usual"
    )
