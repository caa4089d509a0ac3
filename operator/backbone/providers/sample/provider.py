"""The sample provider: answers queries from the recorded data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ...vocabulary import Outcome
from ..protocol import Delivery, Fate, Query, Slice
from ..trouble import SHAPE, Trouble, bug
from .recording import Recording
from .recordings import RECORDINGS


class SampleProvider:
    """A protocol.Provider on the folder of recorded data.

    A name that several recordings hold is answered by each, under its own source. A lookback counts from
    the end of each recording, and no date is shifted.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, query: Query) -> Delivery:
        """Rows of the recordings, and the fate of each other name."""
        recordings = [item for item in RECORDINGS if item.dimension is query.dimension]
        known = {name for item in recordings for name in item.names}
        slices: list[Slice] = []
        fates: dict[str, Fate] = {}
        for recording in recordings:
            asked = [name for name in query.names if name in recording.names]
            try:
                slices += [self._read(recording, query)] if asked else []
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is about this recording's names
                found = error if isinstance(error, Trouble) else bug(", ".join(asked), error)
                fates |= {name: Fate(name, found.outcome, str(found)) for name in asked}
        slices = [item for item in slices if item.facts.num_rows]
        delivered = {
            name for item in slices for name in item.facts[query.dimension.subject].unique().to_pylist()
        }
        return Delivery(
            slices=tuple(slices),
            unknown=tuple(name for name in query.names if name not in known),
            without_data=tuple(name for name in query.names if name in known - delivered - fates.keys()),
            hint="`emp-runtime sample list` shows the names",
            failed=tuple(fates.values()),
        )

    def _read(self, recording: Recording, query: Query) -> Slice:
        if not recording.file.present(self._root):
            raise Trouble(
                Outcome.SAMPLE_DATA_MISSING,
                f"the recorded data is not under {self._root}: run `emp-runtime sample fetch`",
            )
        path = recording.file.path(self._root)
        try:
            table = recording.read(path, recording, query.interval_seconds)
        except (OSError, *SHAPE) as error:
            raise Trouble(
                Outcome.PROVIDER_FAILED,
                f"{path} does not read: {error}; run `emp-runtime sample fetch` to mend it",
            ) from error
        exchanges = dict.fromkeys(recording.names, recording.exchange) if recording.exchange else {}
        return Slice(recording.source, recording.as_of, _windowed(table, recording, query), exchanges)


def _windowed(table: pa.Table, recording: Recording, query: Query) -> pa.Table:
    dimension = query.dimension
    wanted = pc.is_in(table[dimension.subject], value_set=pa.array(query.names, pa.string()))
    if query.lookback is not None:
        after = recording.as_of - query.lookback
        bound = pa.scalar(
            after.date() if dimension.dated else after, dimension.facts.field(dimension.time).type
        )
        wanted = pc.and_(wanted, pc.greater(table[dimension.time], bound))
    return table.filter(wanted)
