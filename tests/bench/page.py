"""docs/benchmarks.md, written from the records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from measurements import Record, benchmark_of, shown
from registry import Benchmark

HEAD = """# Benchmarks

Written by `make bench`, which measures everything below in one run of about an hour;
`make bench ONLY=duckdb` measures one part again. Ours and its peer run on the same machine, one after the
other. A ratio is ours divided by the peer's. The load beside a time is the system's, of which a benchmark
makes one or two: where it is higher, others worked on the machine meanwhile, and values say little but in
their ratios. The same figures are in `build/bench.json`, for programs.
"""

COLUMNS = ("what", "ours", "peer", "ratio", "aim", "met")


def page(records: Sequence[Record], benchmarks: Sequence[Benchmark]) -> str:
    """The whole page: each benchmark that has records, in the order of the registry."""
    parts = [HEAD]
    known = {item.name: item for item in benchmarks}
    names = [name for name in known if any(benchmark_of(record) == name for record in records)]
    parts += _environments(records, known, names)
    for name in names:
        own = [record for record in records if benchmark_of(record) == name]
        parts += [f"## {known[name].title}\n", known[name].about.strip() + "\n", _figures(own)]
    return "\n".join(parts)


def _environments(
    records: Sequence[Record], known: Mapping[str, Benchmark], names: Sequence[str]
) -> list[str]:
    """One table where everything was measured on the same machine, else one for each."""
    places: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in names:
        first = next(record for record in records if benchmark_of(record) == name)
        places.setdefault(tuple(first["environment"].items()), []).append(_when(name, first))
    return [
        _table(("measured on", ""), [*place, ("taken (UTC)", ", ".join(taken))])
        for place, taken in places.items()
    ]


def _when(name: str, record: Record) -> str:
    load = f" (load {record['load']:.0f})" if "load" in record else ""
    return f"`{name}` {record['taken']}{load}"


def _figures(records: Sequence[Record]) -> str:
    return _table(COLUMNS, [_row(record) for record in records])


def _row(record: Record) -> tuple[str, ...]:
    peer = f"{record['peer_name']}: {shown(record['peer'])}" if record["peer"] is not None else ""
    return (
        record["title"],
        f"{shown(record['value'])} {record['unit']}",
        peer,
        f"{record['ratio']:.2f}" if record["ratio"] is not None else "",
        record["aim"] or "",
        {True: "yes", False: "**no**", None: ""}[record["met"]],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
