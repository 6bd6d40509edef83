"""A watch: what files, a pipe or HTTP give is decoded, judged and committed, a step at a time, and told when it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from geo.locator import Locator
from models.events import SessionEvent
from models.instants import SECOND_US, to_us
from sessionwatch.errors import InputError, UsageError
from sessionwatch.live.exposition import Sample, exposition
from sessionwatch.live.feeds import FeedNotice, Feeds
from sessionwatch.live.geography import Geography
from sessionwatch.live.judging import Judged, LiveJudge
from sessionwatch.live.logs import Log
from sessionwatch.live.metrics import CATALOGUE, Families, Measured, common, lag_s
from sessionwatch.live.readiness import STALLED_S
from sessionwatch.live.records import Records
from sessionwatch.live.state_file import StateFile, Step
from sessionwatch.ruleset.compiled import Ruleset
from streams.collector import Young
from streams.sinks.notice_file import NoticeFile, Written
from streams.sources.following import Following
from streams.sources.pipe import Pipe
from streams.sources.segments import Position

if TYPE_CHECKING:  # the server is for those who listen, and takes a third of a second to import
    from streams.sources.intake import Intake, Posted

STEP_EVENTS: Final = 2_000
"""About how many events one transaction takes in."""
POSTED_BYTES: Final = 8 * 1024 * 1024
"""About how many bytes of POSTs one transaction takes in."""
POLL_S: Final = 0.5
"""Between two looks at files that stand still."""
QUIET_S: Final = 1.0
"""How long the input must be silent before the clock moves timers."""


class Watch:
    """Steps over one state file. One thread; the pipe and the intake read ahead in theirs.

    The order in a step: decode, judge, commit (state, positions, alerts, notices, dead letters at once), then write
    notices and answer POSTs. A crash before the commit leaves nothing of the step; one after it leaves the notices in
    the state file, from where they are written at the next start.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        locator: Locator,
        records: Records,
        state: StateFile,
        notices: NoticeFile | None,
        feeds: Feeds | None = None,
    ) -> None:
        """Go on from what `state` holds; `feeds`: the sources that must not be silent.

        Raises: StateError where an entry is of a newer schema or cannot be read.
        """
        self.records, self.state = records, state
        self.judge = LiveJudge(ruleset, locator, records.bounds(), state)
        self.measured = Measured()
        self.feeds = feeds or Feeds({})
        self.begun = False
        self.geography: Geography | None = None
        """Where the locator is from, when its files may change."""
        self._notices = notices
        self._written_until = 0
        self._quiet_since = self._moved_at = time.monotonic()
        self._collect_young = Young()
        if notices is not None:
            self._commit(Step())
            self._deliver()

    def read_files(self, following: Following, *, final: bool, stop: Callable[[], bool]) -> bool:
        """One look at all files: what they hold beyond their positions is judged in order of time; False where nothing.

        What is more than a step is held in the state file until all of it is read: so that files read one after the
        other are judged as if they had been written together. `stop` is asked between steps.
        """
        step, size = Step(), 0
        positions: dict[str, Position] = {}
        held = bool(self.state.held(1)[0])
        moved = held
        for where, adapter, segment in following.pending(final=final):
            moved = True
            events = self.records.of_segment(where, adapter, segment)
            step.held += events
            size += len(events)
            positions[segment.position.key] = segment.position
            if size >= STEP_EVENTS:
                step.positions = list(positions.values())
                self._commit(step)
                step, size, held = Step(), 0, True
                if stop():
                    return True
        step.positions = list(positions.values())
        if held:
            self._commit(step)
            self._judge_held(stop)
        elif moved:
            events, step.held = step.held, []
            self._judge(events, step)
        return moved

    def take_held(self, stop: Callable[[], bool]) -> None:
        """Judge what a retry of dead letters, or a look that was ended, has left in the state file."""
        if self.state.held(1)[0]:
            self._judge_held(stop)

    def read_pipe(self, pipe: Pipe) -> bool:
        """What has come through the pipe; False where nothing has."""
        moved = False
        for where, adapter, segment in pipe.pending():
            moved = True
            self._judge(self.records.of_segment(where, adapter, segment), Step())
        return moved

    def read_posts(self, intake: Intake) -> bool:
        """The POSTs that wait, in one step, each answered once it is on the disk; False where none waits."""
        posts = intake.take(POSTED_BYTES)
        if not posts:
            return False
        step, events = Step(), list[SessionEvent]()
        answers: list[tuple[Posted, int, bytes]] = []
        given: dict[str, bytes] = {}
        for posted in posts:
            before = given.get(posted.key) or self.state.answer(posted.key) if posted.key else None
            if before is not None:
                answers.append((posted, 200, before))
                continue
            try:
                made, answer = self._of_post(posted)
            except (InputError, UsageError) as error:
                answers.append((posted, 400, json.dumps({"error": str(error)}).encode()))
                continue
            events += made
            answers.append((posted, 200, answer))
            if posted.key:
                given[posted.key] = answer
        step.requests = list(given.items())
        self._judge(events, step)
        for posted, status, answer in answers:
            posted.answer(status, json.loads(answer))
        return True

    def tick(self) -> None:
        """The input is silent: timers move on with the clock from the newest event, and nothing settles by it."""
        silent_s = time.monotonic() - self._quiet_since
        stream = self.judge.stream
        if silent_s < QUIET_S or stream.watermark_us < 0:
            return
        judged = self.judge.fire(stream.watermark_us + int(silent_s * SECOND_US))
        if len(judged.changed) > 1:  # more than the stream itself
            self._commit(Step(judged=judged))
            self._deliver()

    def look_at_feeds(self) -> list[FeedNotice]:
        """Tell of sources that have become silent, or speak again."""
        told = self.feeds.look()
        if told:
            self._commit(Step(lines=[notice.to_json() for notice in told]))
            self._deliver()
        return told

    def finish(self) -> None:
        """The input has ended: what stands now is what a replay of it ends with."""
        self._commit(Step(judged=self.judge.finish()))
        self._deliver()

    def close(self) -> None:
        """Keep what was delivered."""
        self._commit(Step())

    def looked(self) -> None:
        """Note that the watch is at work."""
        self._moved_at = time.monotonic()

    def look_at_geography(self) -> None:
        """Between two steps: take up databases and lists that have changed."""
        if self.geography is not None:
            self.geography.look()

    def unready(self) -> str:
        """Why it is not ready; nothing where it is. Asked from another thread."""
        if not self.begun:
            return "not ready"
        stalled = time.monotonic() - self._moved_at > STALLED_S
        return "stalled: look at standard error and the disk" if stalled else ""

    def metrics(self) -> str:
        """The text of /metrics. Asked from another thread."""
        return exposition(CATALOGUE, self._families())

    def _families(self) -> Families:
        yield from common([self.judge], self.records.accounting, self.measured, self.feeds, self.unready)
        lag = lag_s(self.judge)
        yield "lag_seconds", [] if lag is None else [Sample({}, lag)]
        yield "state_bytes", [Sample({}, self.measured.state_bytes)]
        yield "held_events", [Sample({}, self.measured.held)]
        yield "refused_total", [Sample({}, self.measured.refused)]

    def figures(self) -> dict[str, int]:
        """What a person reads now and then."""
        sums, notices = self.records.accounting, self.measured.notices
        return {
            "records": sums.records_read,
            "events": sums.events_made,
            "dropped": sums.dropped.total(),
            "dead_letters": sums.dead_letter,
            "raised": sum(n for (_, change), n in notices.items() if change == "raised"),
            "steps": self.measured.batches.count,
            "held": self.measured.held,
        }

    def _of_post(self, posted: Posted) -> tuple[list[SessionEvent], bytes]:
        sums = self.records.accounting
        before = (sums.records_read, sums.dropped.total(), sums.dead_letter)
        events = self.records.of_body(posted.body, posted.format)
        after = (sums.records_read, sums.dropped.total(), sums.dead_letter)
        read, dropped, dead = (b - a for a, b in zip(before, after, strict=True))
        told = {"records": read, "events": len(events), "dropped": dropped, "dead_letters": dead}
        return events, json.dumps(told).encode()

    def _judge_held(self, stop: Callable[[], bool]) -> None:
        while not stop():
            rows, events = self.state.held(STEP_EVENTS)
            self.measured.held = len(rows)
            if not rows:
                return
            self._judge(events, Step(judged_held=rows))

    def _judge(self, events: Iterable[SessionEvent], step: Step) -> None:
        begun = time.perf_counter()
        self.look_at_geography()
        bounds = self.records.bounds()
        if bounds != self.judge.lateness:
            self.judge.wait_for(bounds)
        # In order as far as they go: what is within the step costs no second judgement, and no place under the cap.
        ordered = sorted(events, key=lambda event: event.order)
        step.factors = [
            (event.tenant, event.user, to_us(event.at)) for event in ordered if event.user and shows_factor(event)
        ]
        step.judged = self.judge.judge(ordered)
        self._commit(step)
        self._deliver()
        self.measured.batches.observe(time.perf_counter() - begun)
        self._quiet_since = time.monotonic()
        self._collect_young()

    def _commit(self, step: Step) -> None:
        self.feeds.heard(self.records.heard())
        step.dead_letters = self.records.dead_letters()
        step.meta["sums"] = self.records.stored()
        step.written_until = self._written_until
        if self._notices is not None:
            step.meta[f"written:{self._notices.path}"] = msgspec.msgpack.encode(self._notices.written)
        self.state.commit(step, notices=self._notices is not None)
        self.looked()
        if step.judged is not None:
            self._count(step.judged)

    def _deliver(self) -> None:
        """Write the notices that were committed; the next commit drops them from the state file."""
        if self._notices is None:
            return
        waiting = [(n, line) for n, line in self.state.unwritten() if n > self._written_until]
        if waiting:
            self._notices.append([line for _, line in waiting])
            self._written_until = waiting[-1][0]

    def _count(self, judged: Judged) -> None:
        for notice in judged.notices:
            rule = msgspec.json.decode(notice.alert, type=_OfRule).rule.id
            self.measured.notices[rule, notice.change] += 1
        self.measured.state_bytes = self.state.size_bytes


def shows_factor(event: SessionEvent) -> bool:
    """Whether somebody showed a further factor with this event, and it was the right one."""
    return event.outcome == "success" and (event.kind == "mfa_result" or (event.kind == "login" and event.mfa is True))


class _Rule(msgspec.Struct):
    id: str


class _OfRule(msgspec.Struct):
    rule: _Rule


def written_until(state: StateFile, path: str) -> Written:
    """How far the notices file at `path` was written and acknowledged."""
    kept = state.meta(f"written:{path}")
    return Written() if kept is None else msgspec.msgpack.decode(kept, type=Written)


def run(
    watch: Watch,
    following: Following | None,
    pipe: Pipe | None,
    intake: Intake | None,
    wake: threading.Event,
    stop: Callable[[], bool],
    log: Log,
) -> None:
    """Watch until `stop`, or until the pipe ends; `log` is given the figures now and then."""
    told: dict[str, int] = {}
    watch.take_held(stop)
    while not stop():
        wake.clear()
        watch.looked()
        moved = False
        if following is not None:
            moved |= watch.read_files(following, final=False, stop=stop)
        if pipe is not None:
            moved |= watch.read_pipe(pipe)
            if pipe.ended and following is None and intake is None:
                watch.finish()
                break
        if intake is not None:
            watch.measured.refused = intake.refused
            moved |= watch.read_posts(intake)
        watch.begun = True
        for notice in watch.look_at_feeds():
            log(notice.operational, source=notice.source, since=notice.since.isoformat(timespec="seconds"))
        if not moved:
            watch.look_at_geography()
            watch.tick()
            if watch.figures() != told:
                told = watch.figures()
                log("reads", **told)
            wake.wait(POLL_S)
    if intake is not None:
        watch.read_posts(intake)
        intake.close()
    watch.close()
