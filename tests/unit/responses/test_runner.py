"""The runner: once, in order, within the caps, never too late, and on record before it is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.actions import Outcome
from models.policies import Protected
from sessionwatch.errors import AuditError
from sessionwatch.responses.audit_reading import records, verify
from sessionwatch.responses.breaker import FAILURES_MAX, Breaker, Rate
from sessionwatch.responses.runner import ATTEMPTS_MAX
from tests.unit.responses.working import WRITTEN, Work, about, act, action

DOWN = Outcome(result="retryable", detail="timed_out")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """A runner with nothing to do."""
    made = Work(tmp_path)
    yield made
    made.close()


def with_caps(work: Work, **caps: Any) -> None:
    """Other caps."""
    written = WRITTEN.model_copy(update={"caps": WRITTEN.caps.model_copy(update=caps)})
    work.runner.policy = type(work.runner.policy)(written, "v")


def test_an_action_is_done_once_and_stands_on_record_before(work: Work) -> None:
    """However often it is told; the log has the attempt before the outcome."""
    work.sign_in("ann", "s1")
    kill = act(action("kill_session", "ann", "s1"))
    work.tell(kill, kill)
    work.work()
    work.tell(kill)
    work.work()
    assert work.results() == [("kill_session", "final", "applied")]
    assert work.sessions.effects == {kill.action.id: 1}  # type: ignore[union-attr] # an act has one
    whats = [record["what"] for record in records([work.folder / "audit"])]
    assert [what for what in whats if what in {"attempt", "outcome"}] == ["attempt", "outcome"]
    assert verify([work.folder / "audit"], None).faults == []


def test_a_user_is_served_in_order_and_the_next_waits_behind_a_retry(work: Work) -> None:
    """What was decided first is done first, for each user; others do not wait for them."""
    for user in ("ann", "bo"):
        work.sign_in(user, f"{user}1")
    work.broker.answers = [DOWN]
    work.tell(act(action("step_up", "ann")), act(action("kill_session", "ann", "ann1", alert="a2")))
    work.tell(act(action("step_up", "bo")))
    work.work()
    assert [(verb, user) for verb, user, _ in work.broker.asked] == [("step_up", "ann"), ("step_up", "bo")]
    work.work(timedelta(seconds=2))
    assert [(verb, user) for verb, user, _ in work.broker.asked[2:]] == [("step_up", "ann"), ("kill_session", "ann")]
    assert {result for _, _, result in work.results()} == {"applied"}


def test_a_broker_says_when_to_come_again_and_jitter_does_not_come_sooner(work: Work) -> None:
    """Retry-After is kept."""
    work.sign_in("ann", "s1")
    work.broker.answers = [Outcome(result="retryable", retry_after_s=120)]
    work.tell(act(action("step_up", "ann")))
    work.work()
    work.work(timedelta(seconds=100))
    assert len(work.broker.asked) == 1
    work.work(timedelta(seconds=30))
    assert len({id_ for _, _, id_ in work.broker.asked}) == 1
    assert work.results() == [("step_up", "final", "applied")]


def test_the_last_try_is_dead_and_lets_the_next_go(work: Work) -> None:
    """Told as such, to be tried anew by hand; a refusal is not tried again at all."""
    work.sign_in("ann", "s1")
    refused = Outcome(result="rejected", status=403)
    work.broker.answers = [DOWN] * ATTEMPTS_MAX + [refused]
    work.tell(act(action("step_up", "ann", expires_at=work.now + timedelta(days=1))))
    work.tell(act(action("kill_user", "ann", alert="a2", expires_at=work.now + timedelta(days=1))))
    for _ in range(ATTEMPTS_MAX * 3):
        work.work(timedelta(minutes=2))
    assert work.results() == [("step_up", "dead", "retryable"), ("kill_user", "final", "rejected")]
    assert len(work.broker.asked) == ATTEMPTS_MAX + 1


def test_a_dead_broker_is_left_alone_and_uses_up_no_tries(work: Work) -> None:
    """After failures in a row one try at a time; when it works again all is done."""
    for n in range(20):
        work.sign_in(f"u{n}", f"s{n}")
        work.tell(act(action("step_up", f"u{n}", expires_at=work.now + timedelta(days=1))))
    with_caps(work, actions_per_minute_max=100, rule_actions_per_minute_max=100)
    work.broker.answers = [DOWN] * 40
    work.work()
    first = len(work.broker.asked)
    for _ in range(10):
        work.work(timedelta(seconds=1))
    assert len(work.broker.asked) - first <= 10
    work.broker.answers = []
    for _ in range(5):
        work.work(timedelta(minutes=1))
    assert {result for _, _, result in work.results()} == {"applied"}


def test_too_late_is_not_done(work: Work) -> None:
    """A kill an hour late hits whoever signed in meanwhile."""
    work.sign_in("ann", "s1")
    work.tell(act(action("kill_session", "ann", "s1", expires_at=work.now + timedelta(minutes=30))))
    work.work(timedelta(hours=1))
    assert work.results() == [("kill_session", "final", "expired")]
    assert work.broker.asked == []


def test_a_session_that_has_ended_by_itself_is_not_asked_for(work: Work) -> None:
    """The broker is looked at right before."""
    work.sign_in("ann", "s1")
    work.sessions.sessions["s1"].alive = False
    work.tell(act(action("kill_session", "ann", "s1")))
    work.work()
    assert work.results() == [("kill_session", "final", "already_applied")]
    assert work.broker.asked == []


def test_what_is_withdrawn_is_not_done_and_a_demand_is_taken_back(work: Work) -> None:
    """Before the deed nothing is done; after it a demand is cleared, and a kill stays and is told."""
    for n in (1, 2, 3):
        work.sign_in("ann", f"s{n}")
    late = action("kill_user", "ann", alert="a1", act="when_settled")
    work.tell(act(late), about("cancel", alert="a1"))
    work.tell(act(action("step_up", "ann", alert="a2")), act(action("kill_session", "ann", "s3", alert="a3")))
    work.work()
    assert work.sessions.demanded == {"ann"}
    work.tell(about("cancel", alert="a2"), about("cancel", alert="a3"))
    work.work()
    assert work.sessions.demanded == set()
    assert work.results() == [
        ("kill_user", "final", "suppressed"),
        ("step_up", "final", "applied"),
        ("kill_session", "final", "applied"),
        ("clear_step_up", "final", "applied"),
    ]
    told = [report["outcome"] for report in work.reports]
    assert {"result": "applied", "detail": "withdrawn_after_the_deed"} in told
    # Raised again, it is demanded again, under a key of its own.
    work.tell(act(action("step_up", "ann", alert="a2")))
    work.work()
    assert work.sessions.demanded == {"ann"}
    assert len({id_ for verb, _, id_ in work.broker.asked if verb == "step_up"}) == 2


def test_a_user_is_killed_when_the_alert_has_settled(work: Work) -> None:
    """Not before, and at once where it had settled already."""
    work.sign_in("ann", "s1")
    work.tell(act(action("kill_user", "ann", act="when_settled")))
    work.work()
    assert work.results() == [("kill_user", "unsettled", "")]
    work.tell(about("settle"))
    work.work()
    assert work.results() == [("kill_user", "final", "applied")]


def test_a_storm_is_held_and_one_command_lets_it_go(work: Work) -> None:
    """Caps hold whatever comes; what is held is kept and visible."""
    for n in range(60):
        work.sign_in(f"u{n}", f"s{n}")
        work.tell(act(action("kill_session", f"u{n}", f"s{n}", alert=f"a{n}", rule=f"r{n % 3}")))
    work.work()
    caps = WRITTEN.caps
    assert len(work.broker.asked) == caps.kills_per_minute_max
    assert work.outbox.counts() == {"final": caps.kills_per_minute_max, "held": 60 - caps.kills_per_minute_max}
    work.work(timedelta(minutes=5))
    assert len(work.broker.asked) == caps.kills_per_minute_max
    with work.outbox.transaction():
        for row in work.rows("state = 'held'"):
            work.outbox.change(row.n, state="waiting", lifted=1)
    work.work()
    assert work.outbox.counts() == {"final": 60}
    assert set(work.sessions.effects.values()) == {1}
    assert work.broker.going_most <= work.runner.concurrency_max


@pytest.mark.parametrize(("live", "why"), [(100, "live_share_max"), (None, "no_fresh_count")])
def test_kills_are_a_small_share_of_those_alive(work: Work, live: int | None, why: str) -> None:
    """Above a handful an hour; without a fresh count they wait for a person."""
    work.told.live = live
    for n in range(8):
        work.sign_in(f"u{n}", f"s{n}")
        work.tell(act(action("kill_session", f"u{n}", f"s{n}", alert=f"a{n}")))
    work.work()
    assert len(work.broker.asked) == WRITTEN.caps.live_share_from == 5
    assert {row.detail for row in work.rows("state = 'held'")} == {why}


def test_the_same_is_not_done_again_so_soon(work: Work) -> None:
    """Another alert about the same session asks for the same: once is enough."""
    work.sign_in("ann", "s1")
    work.tell(act(action("step_up", "ann", alert="a1")))
    work.work()
    work.tell(act(action("step_up", "ann", alert="a2")))
    work.work(timedelta(minutes=1))
    assert work.results()[1] == ("step_up", "final", "suppressed")
    work.tell(act(action("step_up", "ann", alert="a3")))
    work.work(WRITTEN.cool_down)
    assert work.results()[2][2] == "already_applied"


def test_a_factor_that_is_not_shown_is_escalated_by_the_feed_and_not_the_clock(work: Work) -> None:
    """The clock alone proves nothing while the feed lags; one that is shown ends the demand."""
    for user in ("ann", "bo"):
        work.sign_in(user, f"{user}1")
        work.tell(act(action("step_up", user, alert=f"of {user}")))
    work.work()
    work.work(timedelta(minutes=30))
    assert all(session.alive for session in work.sessions.sessions.values())
    work.tell(about("passed", "bo", at=work.now - timedelta(minutes=29)))
    work.tell(about("progress", "", at=work.now - timedelta(minutes=25)))
    work.work()
    assert all(session.alive for session in work.sessions.sessions.values())
    work.tell(about("progress", "", at=work.now))
    work.work()
    assert {session.id: session.alive for session in work.sessions.sessions.values()} == {"ann1": False, "bo1": True}
    assert work.sessions.demanded == {"ann"}
    assert ("kill_user", "final", "applied") in work.results()


def test_whoever_breaks_the_glass_is_let_go_at_once(work: Work) -> None:
    """What waits is not done, a demand is taken back, and nothing is escalated; others are not spared for it."""
    for user in ("ann", "bo"):
        work.sign_in(user, f"{user}1")
        work.tell(act(action("step_up", user, alert=f"of {user}")))
        work.tell(act(action("kill_user", user, alert=f"more of {user}", act="when_settled")))
    work.work()
    assert work.sessions.demanded == {"ann", "bo"}
    work.tell(about("spare", "ann", at=work.now + timedelta(hours=12)), about("settle", alert="more of ann"))
    work.work()
    assert work.sessions.demanded == {"bo"}
    work.work(timedelta(minutes=30))
    work.tell(about("progress", "", at=work.now))
    work.work()
    assert {session.id: session.alive for session in work.sessions.sessions.values()} == {"ann1": True, "bo1": False}


def test_a_protected_account_is_not_escalated_against(work: Work) -> None:
    """A factor at most, also when it is not shown."""
    protected = Protected(users=("ann",), at_most="step_up", reason="On call.", owner="chief")
    written = WRITTEN.model_copy(update={"protected": (protected,)})
    work.runner.policy = type(work.runner.policy)(written, "v")
    work.sign_in("ann", "s1")
    work.tell(act(action("step_up", "ann")))
    work.work()
    work.work(timedelta(minutes=30))
    work.tell(about("progress", "", at=work.now))
    work.work()
    assert work.results() == [("step_up", "final", "applied")]
    assert work.sessions.demanded == {"ann"}


def test_the_factor_of_the_sign_in_itself_meets_no_demand(work: Work) -> None:
    """Only what was shown after it was demanded."""
    work.sign_in("ann", "s1")
    work.tell(act(action("step_up", "ann")))
    work.work(timedelta(minutes=1))
    work.tell(about("passed", "ann", at=work.now - timedelta(seconds=30)))
    work.work()
    assert work.sessions.demanded == {"ann"}


def test_stopped_it_does_nothing_and_keeps_everything(work: Work) -> None:
    """The switch is looked at before each claim."""
    work.sign_in("ann", "s1")
    work.outbox.keep("stopped", "by bo")
    work.tell(act(action("step_up", "ann")))
    work.work()
    assert work.broker.asked == []
    work.outbox.keep("stopped", "")
    work.work()
    assert work.results() == [("step_up", "final", "applied")]


def test_what_cannot_be_recorded_is_not_done(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk stops the runner with nothing asked of the broker; with room it goes on."""
    work.sign_in("ann", "s1")
    work.tell(act(action("step_up", "ann")))

    def full(*_: Any) -> None:
        raise AuditError("no room")

    with monkeypatch.context() as without_room:
        without_room.setattr(work.audit, "append", full)
        with pytest.raises(AuditError):
            work.work()
    assert work.broker.asked == []
    work.work()
    assert work.results() == [("step_up", "final", "applied")]


def test_a_replaced_action_is_not_done(work: Work) -> None:
    """The same alert, updated, asks for another action before the first was done."""
    work.sign_in("ann", "s1")
    work.outbox.keep("stopped", "yes")
    work.tell(act(action("step_up", "ann")))
    work.work()
    work.tell(act(action("kill_session", "ann", "s1")))
    work.work()
    work.outbox.keep("stopped", "")
    work.work()
    assert work.results() == [("step_up", "final", "suppressed"), ("kill_session", "final", "applied")]


def test_a_breaker_lets_one_try_and_closes_with_its_answer() -> None:
    """Closed, open, one probe, closed."""
    breaker = Breaker()
    for _ in range(FAILURES_MAX):
        assert breaker.lets(0, 9) == 9
        breaker.failed(0)
    assert breaker.lets(0.5, 9) == 0
    assert breaker.lets(2, 9) == 1
    breaker.going()
    assert breaker.lets(2, 9) == 0
    breaker.answered()
    assert breaker.lets(2, 9) == 9


def test_a_rate_is_kept() -> None:
    """Over any while, and no more than a second's worth at once."""
    rate = Rate(10)
    gone = 0
    for tenth in range(101):
        may = rate.lets(tenth / 10, 100)
        rate.took(may)
        gone += may
    assert 100 <= gone <= 111
