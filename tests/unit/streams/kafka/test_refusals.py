"""What Kafka refuses is one line: what, where, what to do; never a trace, never a password."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
from kafka import errors

from sessionwatch.cli.main import main
from streams.kafka import topics
from streams.kafka.connection import Connection
from streams.kafka.topics import refused

PASSWORD = "planted-password"  # noqa: S105  # in no line
BROKER = Connection.model_validate(
    {
        "servers": ("kafka-1:9093",),
        "protocol": "SASL_PLAINTEXT",
        "mechanism": "PLAIN",
        "username": "sessionwatch",
        "password": PASSWORD,
    }
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.TopicAuthorizationFailedError(), "does not allow this (TopicAuthorizationFailed); give the user"),
        (errors.GroupAuthorizationFailedError(), "does not allow this (GroupAuthorizationFailed); give the user"),
        (errors.ClusterAuthorizationFailedError(), "does not allow this"),
        (errors.SaslAuthenticationFailedError(PASSWORD), "refuses the credentials"),
        (errors.KafkaTimeoutError(), "does not answer at kafka-1:9093; is it running"),
    ],
)
def test_each_refusal_says_what_to_do(error: Any, said: str) -> None:
    """By the kind of the client's error."""
    told = str(refused(BROKER, error))
    assert said in told
    assert "kafka-1:9093" in told
    assert "\n" not in told
    assert PASSWORD not in told


@pytest.mark.parametrize("words", [["live"], ["topics", "check"], ["dead-letter", "list"]])
def test_kafka_that_is_down_at_the_start_is_one_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends the command with 2, before anything else."""
    monkeypatch.setattr(topics, "CONNECT_MAX_MS", 300)
    monkeypatch.setattr("streams.kafka.letters.CONNECT_MAX_MS", 300)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    monkeypatch.setenv("SESSIONWATCH_KAFKA", f"127.0.0.1:{port}")
    monkeypatch.setattr(sys, "argv", ["sessionwatch", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert said.splitlines()[-1].startswith(f"Kafka does not answer at 127.0.0.1:{port}; is it running")
    assert "Traceback" not in said


def test_a_port_of_the_monitor_that_is_taken_is_one_line(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a watch here; nothing was judged."""
    log = tmp_path / "log.jsonl"
    log.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        words = ["watch", str(log), "--state", str(tmp_path / "watch.db"), "--monitor", taken]
        monkeypatch.setattr(sys, "argv", ["sessionwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("choose another port or address")
