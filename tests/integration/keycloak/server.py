"""A real Keycloak for the tests: one node, its data in memory, fetched through Maven, gone when the tests are.

A keeper, this module when it is run, starts the server and ends it. The server takes X-Forwarded-For from anybody, so
that a test can sign in from where it likes, and is not to be reached from other machines.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
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

POM = Path(__file__).with_name("pom.xml")
BUILD_MAX_S = 240
START_MAX_S = 240
STOP_MAX_S = 10
ADMIN = "admin"
PASSWORD = os.environ.get("SESSIONWATCH_KEYCLOAK_ADMIN_PASSWORD", "only-for-these-tests")
BUILT_FOR = ("--db=dev-mem", "--cache=local", "--health-enabled=true")
OWN = ("conf", "data")


def home() -> Path:
    """The folder with the server, built for what the tests want of it; fetched once."""
    folder, wanted = cache() / "keycloak", f"{POM.read_text()}\n{BUILT_FOR}"
    made_from = folder / "made-from"
    with locked(cache() / "keycloak.lock"):
        if not (made_from.exists() and made_from.read_text() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            fetch("Keycloak", POM, folder)
            for archive in folder.glob("*.tar.gz"):
                with tarfile.open(archive) as packed:
                    packed.extractall(folder, filter="data")
                archive.unlink()
            build(unpacked(folder))
            made_from.write_text(wanted)
    return unpacked(folder)


def unpacked(folder: Path) -> Path:
    """The server's own folder in it."""
    return next(one.parent.parent for one in folder.glob("keycloak-*/bin/kc.sh"))


def build(server: Path) -> None:
    """Settle what cannot be changed later, which is half of a start."""
    words = [server / "bin" / "kc.sh", "build", *BUILT_FOR]
    done = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_MAX_S, env=environment(), check=False)
    if done.returncode:
        raise NoBrokerError(f"Keycloak cannot be built: {(done.stdout + done.stderr)[-500:]}")


def environment() -> dict[str, str]:
    """Ours, without what would change the server."""
    others = ("KC_", "KEYCLOAK_", "QUARKUS_", "JAVA_OPTS")
    kept_words = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    # The second compiler costs a start of this length more than it saves: 54 seconds of processor and not 33.
    memory = {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m", "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}
    return kept_words | memory | {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD}


class Server:
    """One node on free ports."""

    def __init__(self, folder: Path, server: Path) -> None:
        """Prepare it; `start` starts it. Only data and settings are its own, the rest is the cache's."""
        folder.mkdir(parents=True, exist_ok=True)
        self._own = folder / "server"
        shutil.copytree(server, self._own, copy_function=_linked)
        self._log = folder / "keycloak.log"
        self.port, self._health = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it is ready."""
        words = [self._own / "bin" / "kc.sh", "start", "--optimized", "--http-enabled=true", "--hostname-strict=false"]
        words += ["--http-host=127.0.0.1", f"--http-port={self.port}", f"--http-management-port={self._health}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*words, "--proxy-headers=xforwarded"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # the keeper has one thread
            )
        until = time.monotonic() + START_MAX_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                tail = self._log.read_text(errors="replace")[-2000:]
                raise NoBrokerError(f"Keycloak has not started:\n{tail}")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/health/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        """End it and whatever it has started."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(STOP_MAX_S)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def _linked(source: str, target: str) -> str:
    """A file in the copy: a link where nobody writes to it."""
    if not set(OWN) & set(Path(source).parts[-3:]):
        try:
            os.link(source, target)
        except OSError:  # another disk
            pass
        else:
            return target
    return shutil.copy2(source, target)


def keep(folder: Path, watched: int) -> None:
    """Start a server, say its address in the file `said`, end it when `watched` is gone or `stop` is there."""
    said = folder / "said"
    server = None
    try:
        java("Keycloak")
        server = Server(folder / "node", home())
        server.start()
        write_whole(said, f"ok http://127.0.0.1:{server.port}")
        while alive(watched) and not (folder / "stop").exists():
            time.sleep(0.1)
    except NoBrokerError as error:
        write_whole(said, f"no {error}")
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder / "node", ignore_errors=True)


def addresses(folder: Path, watched: int) -> str:
    """The address of the server in `folder`, which is started where it is not there yet.

    Raises:
        NoBrokerError: there is none to be had.
    """
    return kept("tests.integration.keycloak.server", folder, watched, MAVEN_MAX_S + BUILD_MAX_S + START_MAX_S)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
