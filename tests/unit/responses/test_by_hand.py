"""What people do by hand: who may, who must agree, and that it stands on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from models.policies import People, Person
from sessionwatch.errors import UsageError
from sessionwatch.responses.audit import AuditLog
from sessionwatch.responses.audit_reading import records
from sessionwatch.responses.by_hand import AGREED_FOR, Hand
from tests.unit.responses.working import Work, act, action

PEOPLE = People(
    named=(
        Person(name="bo", may=("act", "resume", "hold", "stop")),
        Person(name="cy", may=("resume", "retry", "stop")),
    ),
    second_person=("resume",),
)
LOGS: dict[str, AuditLog] = {}


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """A runner with nothing to do."""
    made = Work(tmp_path)
    yield made
    made.close()
    for log in LOGS.values():
        log.close()
    LOGS.clear()


def hand(work: Work, by: str, people: People = PEOPLE) -> Hand:
    """Somebody's hand, with a log of its own."""
    log = LOGS.get(by) or LOGS.setdefault(by, AuditLog(work.folder / "audit", f"hand-{by}"))
    return Hand(work.outbox, log, people, by, "a test", work.now)


def test_only_whom_the_policy_names_may(work: Work) -> None:
    """Others are told where it says who; where it names nobody, everybody may."""
    with pytest.raises(UsageError, match="people"):
        hand(work, "cy").ask("step_up", "ann")
    with pytest.raises(UsageError, match="people"):
        hand(work, "eve").stop()
    assert hand(work, "dan", People()).ask("step_up", "ann").by == "dan"
    assert [row.action.user for row in work.rows()] == ["ann"]


def test_a_second_person_must_agree_within_the_hour(work: Work) -> None:
    """The same person twice is one person, and an old wish is none."""
    work.outbox.keep("stopped", "yes")
    work.tell(act(action("step_up", "ann")))
    work.work()
    hand(work, "bo").move("hold", [])
    one, other = hand(work, "bo"), hand(work, "cy")
    assert one.move("resume", [])[1]
    assert one.move("resume", [])[1]
    other.at += AGREED_FOR + timedelta(seconds=1)
    assert other.move("resume", [])[1]
    one.at = other.at
    assert not one.move("resume", [])[1]
    assert [row.state for row in work.rows()] == ["waiting"]
    said = [(record["what"], record["by"]) for record in records([work.folder / "audit"])]
    assert ("asked_second", "bo") in said
    assert ("resume", "bo") in said


def test_what_is_held_stays_until_it_is_let_go_and_has_time_then(work: Work) -> None:
    """Also where its own time is over by then: whoever lets it go has looked."""
    work.sign_in("ann", "s1")
    work.outbox.keep("stopped", "yes")
    work.tell(act(action("step_up", "ann")))
    work.work()
    free = People()
    (held,), _ = hand(work, "bo", free).move("hold", [work.rows()[0].id[:6]])
    hand(work, "cy", free).go_on()
    work.work(timedelta(hours=3))
    assert work.broker.asked == []
    hand(work, "dan", free).move("resume", [held.id])
    work.work()
    assert work.results() == [("step_up", "final", "applied")]
    with pytest.raises(UsageError, match="nothing to resume"):
        hand(work, "eve", free).move("resume", ["ffff"])


def test_a_stop_is_on_record_and_ends_with_a_word(work: Work) -> None:
    """Who, when and why stand in the outbox for all to see, and in the log."""
    work.sign_in("ann", "s1")
    hand(work, "bo").stop()
    work.tell(act(action("step_up", "ann")))
    work.work()
    assert work.broker.asked == []
    assert "by bo: a test" in work.outbox.meta("stopped")
    assert not hand(work, "cy").go_on()
    work.work()
    assert work.results() == [("step_up", "final", "applied")]
    assert [r["what"] for r in records([work.folder / "audit"]) if r["writer"].startswith("hand")] == ["stop", "go_on"]
