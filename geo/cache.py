"""Where things are kept that can be made again: the user's cache folder, and files in it that processes share."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

CACHE_VARIABLE: Final = "SESSIONWATCH_CACHE"
"""Names the folder of the cache, instead of `sessionwatch` in XDG_CACHE_HOME or in ~/.cache."""

LEFT_BEHIND_MAX_S: Final = 3_600
"""How old a half-written file gets before somebody else removes it: whoever wrote it has died."""

_HALF: Final = ".part"


def cache_folders() -> Iterator[Path]:
    """Folders to try, best first: the one that is named, else the user's, then one in the folder for temporary files.

    XDG_CACHE_HOME counts where it is absolute, as its specification says. The temporary one carries the user's number.
    """
    named, xdg = os.environ.get(CACHE_VARIABLE, ""), os.environ.get("XDG_CACHE_HOME", "")
    if named:
        yield Path(named)
    elif xdg.startswith("/"):
        yield Path(xdg) / "sessionwatch"
    else:
        with contextlib.suppress(RuntimeError):  # nobody knows where home is
            yield Path.home() / ".cache" / "sessionwatch"
    yield Path(tempfile.gettempdir()) / f"sessionwatch-{os.getuid()}"


def trusted(folder: Path) -> bool:
    """Whether what lies in `folder` is the user's own or the administrator's doing: nobody else can write there."""
    try:
        about = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid in {0, os.getuid()} and not about.st_mode & stat.S_IWOTH


def usable(folder: Path) -> bool:
    """Whether files can be kept in `folder`, which is made where it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return trusted(folder) and os.access(folder, os.W_OK)


def kept(folder: Path, name: str, *, sound: Callable[[Path], bool], make: Callable[[BinaryIO], None]) -> Path:
    """The file `name` in `folder`, made by `make` where it is missing or not `sound`.

    Several processes may ask at once: one makes it, the others wait for it. It appears whole or not at all, also where
    the power fails.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / name
    if sound(path):
        return path
    with _alone(folder):
        if sound(path):
            return path
        half, half_path = tempfile.mkstemp(dir=folder, prefix=path.stem, suffix=_HALF)
        try:
            with open(half, "wb") as file:  # noqa: PTH123  # a descriptor has no path
                hold(file)
                make(file)
                file.flush()
                os.fsync(file.fileno())  # else the name may reach the disk before the contents do
            Path(half_path).replace(path)
            _settle(folder)
        except BaseException:
            Path(half_path).unlink(missing_ok=True)
            raise
    return path


def _settle(folder: Path) -> None:
    """Bring the names in `folder` to the disk, where its file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(file: BinaryIO) -> None:
    """Say that this file is in use, for as long as it, or a mapping of it, is open; so that nobody sweeps it away."""
    with contextlib.suppress(OSError):  # where locks do not work, nobody can tell
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def sweep(path: Path) -> None:
    """Remove what lies beside `path` and nobody uses: files with its suffix, of other versions, and half-written ones.

    A half-written one must be older than `LEFT_BEHIND_MAX_S` as well. Who may not remove anything leaves it.
    """
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            if other == path or other.suffix not in {path.suffix, _HALF}:
                continue
            with contextlib.suppress(OSError):
                if other.suffix == path.suffix or time.time() - other.stat().st_mtime > LEFT_BEHIND_MAX_S:
                    _remove_unused(other)


def _remove_unused(path: Path) -> None:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for whoever makes something here. Where locks do not work, two make the same, and the later one stays."""
    with (folder / "lock").open("wb") as lock:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
