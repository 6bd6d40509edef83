"""`sessionwatch replay` and `convert` as a user types them: what is told, what is written, how it ends."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.replay.command import alerts_in, sessionwatch

SUMMARY_KEYS = {
    "records_read", "mapped", "dropped", "dead_letter", "events_made", "events", "duplicates", "formats", "users",
    "alerts", "not_evaluable", "seconds", "events_per_second",
}  # fmt: skip


@pytest.fixture(scope="module")
def day(example_day: Path) -> list[Path]:
    """The files of the example."""
    return [example_day / "warm-up.jsonl.gz", example_day / "day.jsonl.gz"]


@pytest.fixture(scope="module")
def whole(day: list[Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The alerts of the whole example."""
    path = tmp_path_factory.mktemp("whole") / "alerts.jsonl"
    sessionwatch("replay", *day, "--alerts", path)
    return path.read_bytes()


def log(path: Path, *lines: dict | str) -> Path:
    """A small log of our own format."""
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


EVENT = {"id": "1", "at": "2026-03-02T09:00:00Z", "kind": "login", "user": "ann"}


def test_any_number_of_workers_finds_the_same(day: list[Path], whole: bytes, tmp_path: Path) -> None:
    """Three processes, the same bytes and the same sums."""
    shared = sessionwatch("replay", *day, "--workers", "3", "--alerts", tmp_path / "a.jsonl", "--json").summary
    alone = sessionwatch("replay", *day, "--json").summary
    assert (tmp_path / "a.jsonl").read_bytes() == whole
    for key in ("events", "duplicates", "alerts", "not_evaluable", "evaluated", "fired", "users"):
        assert shared[key] == alone[key]


def test_files_may_come_in_any_order_and_from_a_pipe(day: list[Path], whole: bytes, tmp_path: Path) -> None:
    """A replay sorts."""
    sessionwatch("replay", *reversed(day), "--alerts", tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == whole
    piped = b"".join(gzip.decompress(path.read_bytes()) for path in reversed(day))
    ended = sessionwatch("replay", "-", "--alerts", "-", stdin=piped)
    assert ended.out.encode() == whole
    assert "alerts" in ended.err


def test_the_json_summary_has_what_is_promised(day: list[Path]) -> None:
    """One object, with every key that scripts rely on, and nothing else on standard output."""
    assert sessionwatch("replay", *day, "--json").summary.keys() >= SUMMARY_KEYS


def test_from_to_and_user_limit_what_is_reported(day: list[Path], whole: bytes, tmp_path: Path) -> None:
    """Earlier events still warm the state up: the alerts left are bytes of the whole."""
    lines = whole.splitlines()
    first = json.loads(lines[2])
    sessionwatch("replay", *day, "--user", first["user"].upper(), "--alerts", tmp_path / "u.jsonl")
    wanted = [line for line in lines if json.loads(line)["user"] == first["user"]]
    assert (tmp_path / "u.jsonl").read_bytes().splitlines() == wanted
    begin = "2026-03-31T12:00:00Z"
    sessionwatch("replay", *day, "--from", begin, "--alerts", tmp_path / "f.jsonl")
    later = [line for line in lines if json.loads(line)["last_at"] >= begin]
    assert 0 < len(later) < len(lines)
    assert (tmp_path / "f.jsonl").read_bytes().splitlines() == later
    ended = sessionwatch("replay", *day, "--to", begin, "--alerts", tmp_path / "t.jsonl", "--json")
    assert all(alert["first_at"] <= begin for alert in alerts_in(tmp_path / "t.jsonl"))
    assert ended.summary["outside"] > 0
    assert ended.summary["events_made"] == sum(ended.summary[k] for k in ("events", "duplicates", "outside"))


def test_cold_judges_without_history(day: list[Path], tmp_path: Path) -> None:
    """Without the fortnight before, what is new cannot be told from what is usual."""
    sessionwatch("replay", *day, "--from", "2026-03-30T23:00:00Z", "--cold", "--alerts", tmp_path / "c.jsonl")
    assert "new_country" not in {alert["rule"]["id"] for alert in alerts_in(tmp_path / "c.jsonl")}


def test_the_dead_letter_says_where_and_why(tmp_path: Path) -> None:
    """File, line, offset, reason, raw text; readable by the owner alone; or without the text."""
    path = log(tmp_path / "log.jsonl", EVENT, '{"id": "2", "at": "never"', {**EVENT, "id": "3"})
    dead = tmp_path / "dead.jsonl"
    ended = sessionwatch("replay", path, "--dead-letter", dead)
    assert ended.code == 3
    (entry,) = [json.loads(line) for line in dead.read_text().splitlines()]
    assert (entry["file"], entry["line"]) == (str(path), 2)
    assert entry["raw"].startswith('{"id": "2"')
    assert dead.stat().st_mode & 0o777 == 0o600
    sessionwatch("replay", path, "--dead-letter", dead, "--redact")
    assert '"raw"' not in dead.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-file"], "no-such-file"),
        (["LOG", "--format", "nonsense"], "nonsense"),
        (["LOG", "--from", "yesterday"], "--from"),
        (["LOG", "--geo", "LOG"], "LOG"),
        (["LOG", "--rules", "no-such-folder"], "no-such-folder"),
        (["LOG", "--json", "--alerts", "-"], "--json"),
        (["LOG", "--workers", "0"], "workers"),
        (["LOG", "--from", "2026-03-03", "--to", "2026-03-02"], "later than"),
        ([], "PATH"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(words: list[str], said: str, tmp_path: Path) -> None:
    """Nothing is processed, and the message names what is wrong."""
    path = str(log(tmp_path / "log.jsonl", EVENT))
    ended = sessionwatch("replay", *(word.replace("LOG", path) for word in words))
    assert ended.code == 2
    assert said.replace("LOG", path) in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ["replay", "LOG", "--alerts", "LOG"],
        ["replay", "LOG", "--dead-letter", "LOG"],
        ["replay", "FOLDER", "--alerts", "FOLDER/alerts.jsonl"],
        ["replay", "LOG", "--alerts", "OTHER", "--dead-letter", "OTHER"],
        ["replay", "LOG", "--alerts", "FOLDER"],
        ["convert", "LOG", "-o", "LOG"],
    ],
)
def test_no_command_writes_over_what_it_reads(words: list[str], tmp_path: Path) -> None:
    """Evidence is not destroyed: refused before anything is opened."""
    folder = tmp_path / "case"
    folder.mkdir()
    path = log(folder / "log.jsonl", EVENT)
    before = path.read_bytes()
    names = {"LOG": str(path), "FOLDER": str(folder), "OTHER": str(tmp_path / "other.jsonl")}
    for name, value in names.items():
        words = [word.replace(name, value) for word in words]
    assert sessionwatch(*words).code == 2
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]


def test_a_day_counts_whole_and_the_window_is_told(day: list[Path], tmp_path: Path) -> None:
    """`--to 2026-03-31` includes that day; what was understood is printed."""
    ended = sessionwatch("replay", *day, "--from", "2026-03-31", "--to", "2026-03-31", "--alerts", tmp_path / "a.jsonl")
    assert "from 2026-03-31 00:00:00 to 2026-03-31 23:59:59 UTC" in ended.out
    assert len(alerts_in(tmp_path / "a.jsonl")) > 10


def test_a_user_whom_nobody_has_seen_is_no_all_clear(day: list[Path]) -> None:
    """A typo is told, with what was probably meant."""
    ended = sessionwatch("replay", *day, "--user", "alice.mos@thames.example")
    assert "no event is of user 'alice.mos@thames.example'; did you mean 'alice.moss@thames.example'?" in ended.out


def test_done_ends_with_0(tmp_path: Path) -> None:
    """Nothing to complain about."""
    assert sessionwatch("replay", log(tmp_path / "log.jsonl", EVENT)).code == 0


def test_a_truncated_file_is_named_with_what_was_read(tmp_path: Path) -> None:
    """The run goes on, the file is named, and the exit code says that something is missing."""
    path = tmp_path / "cut.jsonl.gz"
    lines = "".join(json.dumps({**EVENT, "id": str(i), "user": f"u{i * 7919}"}) + "\n" for i in range(5000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    ended = sessionwatch("replay", path, log(tmp_path / "log.jsonl", {**EVENT, "id": "whole"}))
    assert ended.code == 3
    assert "cut.jsonl.gz: cut short after" in ended.out


def test_alerts_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A folder that cannot be written ends the command with the path; nothing half-written stays."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    ended = sessionwatch("replay", log(tmp_path / "log.jsonl", EVENT), "--alerts", blocked / "alerts.jsonl")
    assert ended.code == 2
    assert str(blocked) in ended.err


def test_ctrl_c_ends_with_what_was_found_so_far(day: list[Path]) -> None:
    """An idle pipe takes it twice: once to ask, once to leave the waiting; what came is judged and told."""
    words = [sys.executable, "-m", "sessionwatch.cli.main", "replay", "-", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(gzip.decompress(path.read_bytes()) for path in day))
        process.stdin.flush()
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    summary = json.loads(out)
    assert summary["interrupted"] is True
    assert summary["records_read"] > 1_000
    assert summary["events"] + summary["duplicates"] + summary["not_judged"] == summary["events_made"]


def test_no_progress_bar_in_a_pipe(day: list[Path]) -> None:
    """Standard error stays empty where nobody looks at it."""
    assert sessionwatch("replay", *day).err == ""


def test_alerts_are_sorted_by_instant_and_not_by_its_text(tmp_path: Path) -> None:
    """Half a second past the minute comes after the minute, though its text sorts before."""
    lines = [
        {"id": f"{user}{i}", "at": f"2026-03-02T09:{i:02}:00{fraction}Z", "kind": "login_failed", "user": user}
        for user, fraction in (("bob", ".5"), ("ann", ""))
        for i in range(25)
    ]
    sessionwatch(
        "replay", log(tmp_path / "log.jsonl", *lines), "--alerts", tmp_path / "a.jsonl", "--rules", fast(tmp_path)
    )
    assert [alert["user"] for alert in alerts_in(tmp_path / "a.jsonl")] == ["ann", "bob"]


def fast(tmp_path: Path) -> Path:
    """The bundled rule on failures, with a window wide enough for one failure a minute."""
    text = (Path(__file__).parents[2] / "rules" / "brute_force.yaml").read_text().replace("window: 10m", "window: 2h")
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "brute_force.yaml").write_text(text)
    return folder


def test_converted_logs_find_the_same(day: list[Path], whole: bytes, tmp_path: Path) -> None:
    """Our own format loses nothing that rules read."""
    native = tmp_path / "native.jsonl"
    assert sessionwatch("convert", *day, "-o", native).code == 3
    sessionwatch("replay", native, "--alerts", tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == whole


def test_addresses_are_placed_by_the_bundled_map_and_its_makers_are_thanked(tmp_path):
    """With any number of workers; the alert names the build. `--geo none` leaves them without a place."""
    path, alerts = tmp_path / "log.jsonl", tmp_path / "alerts.jsonl"
    log(
        path,
        {"id": "1", "at": "2026-03-02T09:00:00Z", "kind": "login", "user": "ann", "ip": "133.13.1.1"},
        {"id": "2", "at": "2026-03-02T10:00:00Z", "kind": "login", "user": "ann", "ip": "81.2.69.142"},
    )
    for workers in ("1", "2"):
        told = sessionwatch("replay", path, "--alerts", alerts, "--workers", workers)
        assert "places: IP Geolocation by DB-IP" in told.out
        (alert,) = [alert for alert in alerts_in(alerts) if alert["rule"]["id"] == "impossible_travel"]
        assert alert["geo_build"].startswith("dbip-lite-")
    blind = sessionwatch("replay", path, "--geo", "none", "--json").summary
    assert (blind["alerts"], blind["geo_build"], blind["geo_attributions"]) == ({}, "", [])
