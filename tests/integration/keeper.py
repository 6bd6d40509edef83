"""Servers for the tests: each has a keeper, which starts it and ends it with the tests, whatever ends those.

A keeper is a module that is run. With several test workers there is one, started by whoever needs it first; it ends
when the process that it watches has ended or when it is told to, and the server cannot outlive it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JAVA_OLDEST = 17
MAVEN_MAX_S = 300


class NoBrokerError(Exception):
    """There is no broker to be had here; the message says what is missing."""


def give_up(what: str, error: NoBrokerError) -> NoReturn:
    """Skip the test, or fail it where SESSIONWATCH_REQUIRE_KAFKA (or _KEYCLOAK) is 1."""
    if os.environ.get(f"SESSIONWATCH_REQUIRE_{what.upper()}") == "1":
        pytest.fail(f"no {what}: {error}")
    pytest.skip(f"no {what}: {error} (SESSIONWATCH_{what.upper()} can name one)")


@contextlib.contextmanager
def common(what: str, servers: Callable[[Path, int], str], base: Path) -> Iterator[str]:
    """The address of one server for all test workers, in a folder of `base`'s; it ends with the tests.

    SESSIONWATCH_KAFKA (or _KEYCLOAK) names one; where there is none and none can be started, tests give up.
    """
    if named := os.environ.get(f"SESSIONWATCH_{what.upper()}"):
        yield named
        return
    shared = "PYTEST_XDIST_WORKER" in os.environ
    folder = (base.parent if shared else base) / what.lower()
    try:
        yield servers(folder, os.getppid() if shared else os.getpid())
    except NoBrokerError as error:
        give_up(what, error)
    finally:
        if not shared:
            folder.mkdir(exist_ok=True)
            (folder / "stop").touch()


def cache() -> Path:
    """Where what was fetched stays for the next run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sessionwatch-tests"


def fetch(what: str, pom: Path, folder: Path, *more: str) -> None:
    """Have Maven put into `folder` what `pom` depends on."""
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBrokerError(f"no mvn to fetch {what} with (Debian: apt install maven)")
    words = [maven, "-q", "-B", "-f", pom, PLUGIN, f"-DoutputDirectory={folder}", *more]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=MAVEN_MAX_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoBrokerError(f"mvn has not fetched {what} within {MAVEN_MAX_S} s") from error
    if done.returncode:
        raise NoBrokerError(f"mvn cannot fetch {what}: {(done.stdout + done.stderr).strip()[-500:]}")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def java(what: str) -> str:
    """A Java that is new enough."""
    found = shutil.which("java")
    if found is None:
        raise NoBrokerError(f"no java to run {what} with; it needs {JAVA_OLDEST} or newer")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_OLDEST:
        raise NoBrokerError(f"{what} needs Java {JAVA_OLDEST} or newer; {found} is {said.splitlines()[:1]}")
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def die_with_parent() -> None:
    """Have Linux end this process with the one that started it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody sees half of it."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)


def kept(module: str, folder: Path, watched: int, start_max_s: float) -> str:
    """The address of the server in `folder`; where it is not there yet, `module` is started to keep it.

    Raises:
        NoBrokerError: there is none to be had.
    """
    said = folder / "said"
    with locked(folder / "lock"):
        if not said.exists():
            words = [sys.executable, "-m", module, folder, str(watched)]
            keeper = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
            until = time.monotonic() + start_max_s
            while not said.exists():
                if keeper.poll() is not None and not said.exists():
                    raise NoBrokerError(f"what keeps the server ended with {keeper.returncode}")
                if time.monotonic() > until:
                    keeper.kill()
                    raise NoBrokerError("the server did not start in time")
                time.sleep(0.05)
            # It is ended by the process that it watches, and is nobody's to wait for.
            keeper.returncode = 0
    kind, _, text = said.read_text().partition(" ")
    if kind != "ok":
        raise NoBrokerError(text)
    return text
