"""A real Apache Kafka for the tests: one node, no container, jars through Maven, gone when the tests are.

A keeper, this module when it is run, starts the broker and watches the process that the tests run in. With several test
workers there is one keeper, started by whoever needs it first; it ends when the process that it watches has ended or
when it is told to, and the broker cannot outlive it.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path

from tests.integration.keeper import (
    MAVEN_MAX_S,
    NoBrokerError,
    alive,
    cache,
    die_with_parent,
    fetch,
    free_ports,
    java,
    kept,
    locked,
    write_whole,
)

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
START_MAX_S = 120
JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disableJmx=true",
)


def jars() -> Path:
    """The folder with the broker's jars. SESSIONWATCH_KAFKA_JARS names one; otherwise Maven fills one, once."""
    if named := os.environ.get("SESSIONWATCH_KAFKA_JARS"):
        return Path(named)
    folder, wanted = cache() / "kafka-jars", POM.read_text()
    made_from = folder / "pom.xml"
    with locked(cache() / "kafka-jars.lock"):
        if made_from.exists() and made_from.read_text() == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        fetch("Apache Kafka", POM, folder, "-DincludeScope=runtime")
        made_from.write_text(wanted)
    return folder


def answers(port: int, timeout_s: float = 2.0) -> bool:
    """Whether a broker there tells of itself: an open port alone says nothing."""
    request = struct.pack(">hhih4si", 3, 1, 1, 4, b"test", 0)  # Metadata v1 of no topic
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as one:
            one.settimeout(timeout_s)
            one.sendall(struct.pack(">i", len(request)) + request)
            head = b""
            while len(head) < 12:
                part = one.recv(12 - len(head))
                if not part:
                    return False
                head += part
    except OSError:
        return False
    return struct.unpack_from(">i", head, 8)[0] > 0


class Broker:
    """One node with its own folder and ports."""

    def __init__(self, folder: Path, java_path: str, jars_folder: Path, more: str = "") -> None:
        """Prepare it; `start` starts it. `more`: lines of settings over those of the file, `@PORT@` in them filled."""
        self.folder = folder
        self.log = folder / "broker.log"
        self.port, controller_port = free_ports(2)
        self._words = [java_path, *JVM, f"-Dlog4j2.configurationFile=file:{HERE / 'log4j2.properties'}"]
        self._words += ["-cp", f"{jars_folder}/*"]
        self._settings = folder / "server.properties"
        folder.mkdir(parents=True, exist_ok=True)
        text = (HERE / "server.properties").read_text() + more
        for name, value in {"PORT": self.port, "CONTROLLER_PORT": controller_port, "DATA": folder / "data"}.items():
            text = text.replace(f"@{name}@", str(value))
        self._settings.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Format the data where there is none, start, wait until it answers."""
        if not (self.folder / "data").exists():
            cluster = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # must not begin with a dash
            words = [*self._words, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", self._settings]
            done = subprocess.run(words, capture_output=True, text=True, timeout=START_MAX_S, check=False)
            if done.returncode:
                raise NoBrokerError(f"Apache Kafka cannot format its data: {(done.stdout + done.stderr)[-500:]}")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._words, "kafka.Kafka", self._settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # the keeper has one thread
            )
        until = time.monotonic() + START_MAX_S
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                tail = self.log.read_text(errors="replace")[-2000:]
                raise NoBrokerError(f"Apache Kafka has not started within {START_MAX_S} s:\n{tail}")
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process; 0 where there is none."""
        return 0 if self._process is None or self._process.poll() is not None else self._process.pid

    def kill(self) -> None:
        """End it at once; the data stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def keep(folder: Path, watched: int) -> None:
    """Start a broker in `folder`, say its port in a file there, end it when `watched` is gone or `stop` is there.

    A file `more` there has settings of its own. The broker's process is in the file `pid`; where it has been killed
    and a file `again` is there, it is started again on its data.
    """
    said, again, more = folder / "said", folder / "again", folder / "more"
    broker = None
    try:
        broker = Broker(folder / "broker", java("Apache Kafka"), jars(), more.read_text() if more.exists() else "")
        broker.start()
        write_whole(folder / "pid", str(broker.pid))
        write_whole(said, f"ok 127.0.0.1:{broker.port}")
        while alive(watched) and not (folder / "stop").exists():
            # Asking for its process is also what lets a dead one go.
            if not broker.pid and again.exists():
                broker.start()
                write_whole(folder / "pid", str(broker.pid))
                again.unlink()
            time.sleep(0.1)
    except NoBrokerError as error:
        write_whole(said, f"no {error}")
    finally:
        if broker is not None:
            broker.kill()
            shutil.rmtree(broker.folder, ignore_errors=True)


def servers(folder: Path, watched: int) -> str:
    """The address of the broker in `folder`, which is started where it is not there yet.

    Raises:
        NoBrokerError: there is none to be had.
    """
    return kept("tests.integration.live.broker", folder, watched, MAVEN_MAX_S + START_MAX_S)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
