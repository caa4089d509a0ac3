"""The sample provider: answers queries from the recorded data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ...vocabulary import Outcome
from ..protocol import Delivery, ProviderFailure, Query, Slice
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
        """Rows of the recordings. Raises ProviderFailure: SampleDataMissing, ProviderFailed."""
        recordings = [item for item in RECORDINGS if item.dimension is query.dimension]
        known = {name for item in recordings for name in item.names}
        asked = [item for item in recordings if set(item.names) & set(query.names)]
        slices = tuple(slice_ for item in asked if (slice_ := self._read(item, query)).facts.num_rows)
        delivered = {
            name for item in slices for name in item.facts[query.dimension.subject].unique().to_pylist()
        }
        return Delivery(
            slices=slices,
            unknown=tuple(name for name in query.names if name not in known),
            without_data=tuple(name for name in query.names if name in known and name not in delivered),
            hint="`emp-runtime sample list` shows the names",
        )

    def _read(self, recording: Recording, query: Query) -> Slice:
        if not recording.file.present(self._root):
            raise ProviderFailure(
                Outcome.SAMPLE_DATA_MISSING,
                f"the recorded data is not under {self._root}: run `emp-runtime sample fetch`",
            )
        path = recording.file.path(self._root)
        try:
            table = recording.read(path, recording, query.interval_seconds)
        except (OSError, ValueError, KeyError) as error:
            raise ProviderFailure(
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
