"""Rows in the order in which checks compare them: line by line, each in the order of time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..dimensions import Dimension
from .sheet import Rows

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

OF_HISTORY = -1


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of some lines. A line is what one source says of one subject, bars of one length alone.

    `place` is each row's place in the delivery, OF_HISTORY for one that was stored before. `line` numbers the
    lines, `names` are their (source, subject). `time` is days or microseconds since 1970-01-01. `first` is
    true where a line begins. `distinct` says that no key comes twice; if false, one may.
    """

    table: pa.Table
    place: Whole
    line: Whole
    names: tuple[tuple[str, str], ...]
    time: Whole
    first: Mask
    distinct: bool
    _columns: dict[str, Floats] = field(default_factory=dict, compare=False, repr=False)

    @property
    def delivered(self) -> Mask:
        """Which rows belong to the delivery."""
        return np.not_equal(self.place, OF_HISTORY)

    @property
    def starts(self) -> Whole:
        """Where each line begins."""
        return np.flatnonzero(self.first)

    @property
    def ends(self) -> Whole:
        """Where each line ends: one behind its last row."""
        return np.append(self.starts[1:], len(self.line))

    def column(self, name: str) -> Floats:
        """A column's numbers; NaN where there is none."""
        if name not in self._columns:
            self._columns[name] = floats(self.table[name])
        return self._columns[name]

    def logarithm(self, name: str) -> Floats:
        """The logarithm of prices; NaN where they are not above zero, as of futures and rates."""
        prices = self.column(name)
        return np.asarray(np.log(np.where(prices > 0, prices, np.nan)), np.float64)

    def places(self, rows: Mask) -> Rows:
        """Places in the delivery of some of the rows."""
        return self.places_of(np.flatnonzero(rows))

    def places_of(self, rows: Whole) -> Rows:
        """Places in the delivery of the rows with these numbers."""
        places = self.place[rows]
        found: Whole = places[places != OF_HISTORY]
        return found


def joined(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; Arrow would copy one that is."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def floats(column: pa.ChunkedArray) -> Floats:
    """A column's numbers; NaN where there is none. Not to be written to."""
    return np.asarray(
        joined(column).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64
    )


def lines_of(dimension: Dimension, facts: pa.Table, rows: Mask, history: pa.Table | None) -> Lines:
    """The chosen rows of a delivery with those stored before, in order.

    `facts` and `history` have the dimension's facts columns; the chosen rows have no null in their key.
    """
    place = np.flatnonzero(rows)
    chosen = facts if len(place) == facts.num_rows else facts.take(pa.array(place))
    if history is not None and history.num_rows:
        chosen = pa.concat_tables([history.select(facts.schema.names).cast(facts.schema), chosen])
        place = np.concatenate([np.full(history.num_rows, OF_HISTORY), place])
    line, names = _numbered(dimension, chosen)
    time = _numbers(chosen[dimension.time])
    rest = set(dimension.key) - {"source", dimension.subject, dimension.time}
    numeric = sorted(name for name in rest if not pa.types.is_string(chosen[name].type))
    ranks = [_numbers(chosen[name]) for name in numeric]
    if not _ordered(line, time, ranks):
        order = np.lexsort((*reversed(ranks), time, line))
        chosen, place = chosen.take(pa.array(order)), place[order]
        line, time, ranks = line[order], time[order], [values[order] for values in ranks]
    first = np.ones(len(line), bool)
    first[1:] = line[1:] != line[:-1]
    distinct = len(numeric) == len(rest) and not _repeated(line, time, ranks)
    return Lines(chosen, place, line, names, time, first, distinct)


def _numbered(dimension: Dimension, table: pa.Table) -> tuple[Whole, tuple[tuple[str, str], ...]]:
    """A number per line in each row, and the source and subject of every line."""
    keys = ["source", dimension.subject, *(name for name in dimension.key if name == "interval_seconds")]
    # A subject's rows mostly come together: runs are far fewer than rows.
    runs = [pc.run_end_encode(joined(table[name]), run_end_type=pa.int64()) for name in keys]
    told = [item.run_ends.to_numpy() for item in runs]
    ends = np.unique(np.concatenate(told)) if table.num_rows else np.zeros(0, np.int64)
    number = np.zeros(len(ends), np.int64)
    labels = []
    for item, its_ends in zip(runs, told, strict=True):
        encoded = item.values.dictionary_encode()
        codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)
        labels.append((codes[np.searchsorted(its_ends, ends)], encoded.dictionary.to_pylist()))
        number = number * max(1, len(labels[-1][1])) + labels[-1][0]
    dense, sample = _dense(number)
    (sources, source_names), (subjects, subject_names) = labels[:2]
    names = tuple((source_names[sources[run]], subject_names[subjects[run]]) for run in sample.tolist())
    return np.repeat(dense, np.diff(ends, prepend=0)), names


def _dense(number: Whole) -> tuple[Whole, Whole]:
    """The numbers renumbered from 0 without holes, and the place of one row of each."""
    size = int(number.max(initial=0)) + 1
    if size > 4 * len(number) + 1024:
        _, sample, dense = np.unique(number, return_index=True, return_inverse=True)
        return dense.astype(np.int64), sample.astype(np.int64)
    sample = np.full(size, -1, np.int64)
    sample[number] = np.arange(len(number))
    present = sample >= 0
    return (np.cumsum(present) - 1)[number], sample[present]


def _numbers(column: pa.ChunkedArray) -> Whole:
    array = joined(column)
    if pa.types.is_date(array.type):
        array = array.cast(pa.int32())
    return np.asarray(array.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)


def _ordered(line: Whole, time: Whole, ranks: list[Whole]) -> bool:
    """Whether rows are in order already, so that they need not be sorted."""
    if len(line) < 2:  # noqa: PLR2004 - one row is always in order
        return True
    same = np.ones(len(line) - 1, bool)
    for values in (line, time, *ranks):
        if bool((same & (values[1:] < values[:-1])).any()):
            return False
        same &= values[1:] == values[:-1]
    return True


def _repeated(line: Whole, time: Whole, ranks: list[Whole]) -> bool:
    """Whether two neighbours have one key; equal keys are neighbours, since rows are in order."""
    same = np.ones(max(0, len(line) - 1), bool)
    for values in (line, time, *ranks):
        same &= values[1:] == values[:-1]
    return bool(same.any())
