"""The identity of each topic at the last check, in `looks/kafka.json` on the backbone's volume.

A check replaces the file by rename, without the store's lock: a reader sees the file of one check in full.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from ..duckdb.volume import INCOMING, naming_faults, sync_folder

FILE = Path("looks") / "kafka.json"
VERSION = 2
LARGEST_BYTES = 4 << 20
"""Far more than the names and identities of a thousand topics."""


def known_identities(volume: Path, cluster: str, tell: Callable[[str], None]) -> dict[str, str]:
    """The UUID of each topic of a Kafka cluster at the last check, by name; empty before the first one.

    What was seen on another cluster says nothing of this one. A file that cannot be read counts as none, and
    `tell` says so: the next check replaces it.
    """
    path = volume / FILE
    try:
        return _topics(_content(path), cluster)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        tell(
            f"{path} does not read ({reason}): this check cannot say which topics somebody deleted and "
            "created again since the last one"
        )
        return {}


def remember_identities(volume: Path, cluster: str, identities: Mapping[str, str]) -> None:
    """Replace what is known by this cluster's. Raises StoreError; then the former file is still there."""
    path = volume / FILE
    prepared = path.with_name(f"{INCOMING}{os.getpid()}-{path.name}")
    content = {"version": VERSION, "cluster": cluster, "topics": dict(sorted(identities.items()))}
    with naming_faults(f"write {FILE}"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with prepared.open("w", encoding="utf-8") as stream:
                stream.write(f"{json.dumps(content)}\n")
                stream.flush()
                os.fsync(stream.fileno())
            prepared.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                prepared.unlink(missing_ok=True)


def _content(path: Path) -> bytes:
    # Not blocking: what is not a file of ours may be a pipe, which nobody writes into.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError("it is not a file")
        content = stream.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"it has more than {LARGEST_BYTES} bytes")
    return content


def _topics(content: bytes, cluster: str) -> dict[str, str]:
    """The identities in the file's content, if they are of the cluster.

    Raises ValueError for what no check has written.
    """
    found = json.loads(content)
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(f"it is not of version {VERSION}")
    topics = found.get("topics")
    if not isinstance(topics, dict) or not all(isinstance(item, str) for item in topics.values()):
        raise ValueError("it has no identities of topics")
    return topics if found.get("cluster") == cluster else {}
