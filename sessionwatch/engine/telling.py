"""What is told of a subject's alerts: raised, updated, withdrawn, resolved, each with a revision that only rises."""

from __future__ import annotations

import msgspec

from sessionwatch.engine.judgement import Publication, Published
from sessionwatch.engine.late_subject import LateSubject
from sessionwatch.engine.notices import NoticeRecord, Tracked
from sessionwatch.engine.program import Program


class Telling:
    """Gathers notices; `out` has those since the last `begin`."""

    def __init__(self, program: Program) -> None:
        """Tell of the alerts of `program`."""
        self._program = program
        self._offset = 0
        self._n = 0
        self.out: list[NoticeRecord] = []

    def begin(self, offset: int) -> None:
        """What is told from now on is told at `offset`."""
        if offset != self._offset:
            self._offset, self._n = offset, 0
        self.out = []

    def tell(self, s: LateSubject, out: Published, gone: dict[str, list[Tracked]] | None = None) -> None:
        """Notices for what was published: raised, or updated where the alert was told before and differs now."""
        for alert_id, publication in out.items():
            tracked = s.tracked.get(alert_id)
            if tracked is not None and not tracked.withdrawn:
                tracked.order = publication[2]
                if tracked.alert != publication[3]:
                    tracked.alert = publication[3]
                    self.notice("updated", tracked.alert)
                continue
            if gone is None:
                gone = s.withdrawn()
            self._raise(s, publication, gone)

    def _raise(self, s: LateSubject, publication: Publication, gone: dict[str, list[Tracked]]) -> None:
        alert_id, slot, order, alert = publication
        fold_us = self._program.by_id[slot.partition("|")[0]].fold_us
        before = [t for t in gone.get(slot, ()) if t.alert_id != alert_id and abs(_at(t) - order[0]) <= fold_us]
        taken = before[0] if before else None
        mine = s.tracked.get(alert_id)
        chain = taken.chain if taken is not None else mine.chain if mine is not None else alert_id
        s.tracked[alert_id] = Tracked(alert_id, slot, order, chain, alert)
        if taken is not None:
            gone[slot].remove(taken)
        self.notice("raised", alert, taken.alert_id if taken is not None else None)

    def notice(self, change: str, alert: bytes, supersedes: str | None = None) -> None:
        """Tell one change of one alert."""
        self._n += 1
        self.out.append(NoticeRecord(change, (self._offset, self._n), msgspec.Raw(alert), supersedes))  # type: ignore[arg-type]  # the callers write literals


def _at(tracked: Tracked) -> int:
    return tracked.order[0]
