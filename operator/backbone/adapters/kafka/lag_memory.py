"""What the next look at lag must know of this one: `looks/lag.json` on the backbone's volume.

It is a file of its own beside that of the topics' check, since each of the two Jobs replaces its file whole.
The document of the last look stands beside it, for who wants every partition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from .look_files import read_file, reason_of, replace_file

MEMORY = Path("looks") / "lag.json"
DOCUMENT = Path("looks") / "telemetry.kafka.lag.json"
VERSION = 1


def last_look(volume: Path, cluster: str, tell: Callable[[str], None]) -> Mapping[str, object]:
    """What the last look at a Kafka cluster remembered, as JSON has it; empty before the first one.

    What was seen of another cluster says nothing of this one. A file that cannot be read counts as none, and
    `tell` says so: the next look replaces it.
    """
    path = volume / MEMORY
    try:
        found = read_file(path, VERSION)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        tell(
            f"{path} does not read ({reason_of(error)}): this look cannot say which commits went back or "
            "stood still since the last one"
        )
        return {}
    return found if found.get("cluster") == cluster else {}


def remember_look(volume: Path, cluster: str, memory: Mapping[str, object]) -> None:
    """Replace what is remembered by this cluster's. Raises StoreError; then the former file stays."""
    replace_file(volume / MEMORY, {"version": VERSION, "cluster": cluster, **memory})


def keep_document(volume: Path, document: Mapping[str, object]) -> None:
    """Replace the document of the last look. Raises StoreError; then the former file is still there."""
    replace_file(volume / DOCUMENT, document)
