"""The identity of each topic at the last check, in `looks/kafka.json` on the backbone's volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .look_files import read_file, reason_of, replace_file

FILE = Path("looks") / "kafka.json"
VERSION = 2


def known_identities(volume: Path, cluster: str, tell: Callable[[str], None]) -> dict[str, str]:
    """The UUID of each topic of a Kafka cluster at the last check, by name; empty before the first one.

    What was seen on another cluster says nothing of this one. A file that cannot be read counts as none, and
    `tell` says so: the next check replaces it.
    """
    path = volume / FILE
    try:
        return _topics(read_file(path, VERSION), cluster)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        tell(
            f"{path} does not read ({reason_of(error)}): this check cannot say which topics somebody deleted "
            "and created again since the last one"
        )
        return {}


def remember_identities(volume: Path, cluster: str, identities: Mapping[str, str]) -> None:
    """Replace what is known by this cluster's. Raises StoreError; then the former file is still there."""
    content = {"version": VERSION, "cluster": cluster, "topics": dict(sorted(identities.items()))}
    replace_file(volume / FILE, content)


def _topics(found: Mapping[str, object], cluster: str) -> dict[str, str]:
    """The identities in the file's content, if they are of the cluster.

    Raises ValueError for what no check has written.
    """
    topics = found.get("topics")
    if not isinstance(topics, dict) or not all(isinstance(item, str) for item in topics.values()):
        raise ValueError("it has no identities of topics")
    return topics if found.get("cluster") == cluster else {}
