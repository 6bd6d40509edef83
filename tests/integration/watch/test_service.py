"""A watch as a service: events over HTTP, a pipe, growing files, stops and refusals."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.integration.watch.checks import counted, day, late, told, watched
from tests.integration.watch.running import call, running
from tests.replay.command import sessionwatch


def test_what_was_acknowledged_over_http_outlives_a_kill(example_day: Path, day_alerts: bytes, tmp_path: Path) -> None:
    """POSTs, a kill, the same POST again, the rest: the alerts of a replay, every record counted once."""
    lines = late(day(example_day), 3)
    state, notices = tmp_path / "watch.db", tmp_path / "notices.jsonl"
    words = ("--listen", "127.0.0.1:0", "--state", state, "--notices", notices)
    bodies = [b"".join(lines[start : start + 100]) for start in range(0, len(lines), 100)]
    with running(*words) as watch:
        port = watch.until(r"port=(\d+)")[1]
        for n, body in enumerate(bodies[:5]):
            status, said, _ = call(port, "/v1/events", body, Idempotency_Key=f"body-{n}")
            assert (status, said["records"]) == (200, 100)
        watch.kill()
    with running(*words) as watch:
        port = watch.until(r"port=(\d+)")[1]
        for n, body in enumerate(bodies[4:], start=4):
            assert call(port, "/v1/events", body, Idempotency_Key=f"body-{n}")[0] == 200
        status, metrics, _ = call(port, "/metrics")
        assert (status, call(port, "/readyz")[0], call(port, "/healthz")[0]) == (200, 200, 200)
        assert f"sessionwatch_records_total {len(lines)}\n" in metrics
        assert 'sessionwatch_dead_letters_total{reason="' in metrics
        assert call(port, "/v1/events", bodies[0], Authorization="Bearer wrong")[0] == 401
        assert call(port, "/v1/events", b"x" * (8 * 1024 * 1024 + 1))[0] == 413
        status, said, _ = call(port, "/v1/events", b"dear diary\n")
        assert (status, "?format=NAME" in said["error"]) == (400, True)
        assert call(port, "/v1/events?format=songs", bodies[0])[0] == 400
        assert watch.stop() == 0
    ended = sessionwatch("watch", "--state", state, "--notices", notices, "--once", _empty(tmp_path))
    assert ended.code == 3, ended.err
    assert watched(state) == day_alerts
    assert len(told(notices)) == len(day_alerts.splitlines())
    assert counted(state)[0].records_read == len(lines)


def _empty(folder: Path) -> Path:
    """A log with nothing in it, to end the input with."""
    path = folder / "empty.jsonl"
    path.write_bytes(b"")
    return path


def test_files_that_grow_and_are_renamed_while_it_runs(example_day: Path, day_alerts: bytes, tmp_path: Path) -> None:
    """Rotation in the middle of a line's journey, SIGTERM, a start again: what a replay of both files finds."""
    lines = day(example_day)
    log, state = tmp_path / "log.jsonl", tmp_path / "watch.db"
    log.write_bytes(b"".join(lines[:300]))
    with running(log, "--state", state) as watch:
        watch.until(r"ready")
        watch.until(r"records=300 ")
        with log.open("ab") as file:
            file.write(b"".join(lines[300:500]))
        log.rename(tmp_path / "log.jsonl.1")
        log.write_bytes(b"".join(lines[500:700]) + lines[700][:50])
        watch.until(r"records=700 ")
        assert watch.stop() == 0
        assert "watch stopped" in watch.said[-1]
    with log.open("ab") as file:
        file.write(lines[700][50:] + b"".join(lines[701:]))
    assert sessionwatch("watch", log, "--state", state, "--once").code == 3
    assert watched(state) == day_alerts
    assert counted(state)[0].records_read == len(lines)


def test_a_pipe_is_judged_to_its_end(example_day: Path, day_alerts: bytes, tmp_path: Path) -> None:
    """Then the watch ends by itself."""
    lines = day(example_day)
    with running("-", "--state", tmp_path / "watch.db", "--notices", "-", stdin=subprocess.PIPE) as watch:
        out, _ = watch.process.communicate(b"".join(lines))
        assert watch.process.returncode == 3
    assert watched(tmp_path / "watch.db") == day_alerts
    (tmp_path / "notices.jsonl").write_bytes(out)
    assert len(told(tmp_path / "notices.jsonl")) == len(day_alerts.splitlines())
