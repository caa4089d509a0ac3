"""What may leave as a copy: by a row's licence, by what its source declares, and never for want of a word."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from backbone.market.dimensions import DIMENSIONS, MACRO_SERIES, Dimension
from backbone.market.licences import LICENCES, LeftOut, LicenceGate
from backbone.market.lineage import Lineage, stamp
from backbone.providers.sample.recordings import RECORDINGS, declared_licences

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FREE = "public domain: citation requested"
DECLARED = {"sample/free": "NCSA", "sample/held": "copyrighted: pre-approval required"}


def batch(*rows: tuple[str, str, str | None]) -> pa.RecordBatch:
    """One value per row of (source, series, licence)."""
    count = len(rows)
    sources, names, licences = (list(column) for column in zip(*rows, strict=True))
    table = pa.table(
        {
            "source": sources,
            "series": names,
            "period": [date(2026, 1, 1 + number) for number in range(count)],
            "frequency": ["daily"] * count,
            "vintage": [date(2026, 2, 1)] * count,
            "value": [1.0] * count,
            "licence": licences,
            "revision": [0] * count,
        },
        schema=MACRO_SERIES.facts,
    )
    return stamp(MACRO_SERIES, table, Lineage("run", 1, NOW, "Fred")).to_batches()[0]


@pytest.mark.parametrize(
    ("source", "licence", "passes"),
    [
        *(pytest.param("fred", item.name, not item.restricted, id=item.name) for item in LICENCES),
        pytest.param("fred", " Copyrighted: Citation Required", True, id="in other letters"),
        pytest.param("fred", "Copyrighted: Pre-Approval Required", False, id="restricted in other letters"),
        pytest.param("fred", None, False, id="no word"),
        pytest.param("fred", "", False, id="an empty word"),
        pytest.param("fred", "public domain, ask first", False, id="a word that nobody knows"),
        pytest.param(
            "fred",
            "copyrighted: pre-approval required, public domain: citation requested",
            False,
            id="two words",
        ),
        pytest.param("sample/free", None, True, id="no word of a source that declares one"),
        pytest.param("sample/held", None, False, id="no word of a source that declares a restricted one"),
        pytest.param(
            "sample/free",
            "copyrighted: pre-approval required",
            False,
            id="a row's word is before its source's",
        ),
        pytest.param("sample/held", FREE, True, id="and so where it permits"),
    ],
)
def test_a_row_passes_where_its_licence_permits(source: str, licence: str | None, passes: bool) -> None:
    gate = LicenceGate(MACRO_SERIES, DECLARED)
    assert gate.passed(batch((source, "X", licence))).num_rows == passes
    assert sum(gate.left_out.values()) == (not passes)


def test_what_is_left_out_is_counted_by_name_over_all_batches() -> None:
    gate = LicenceGate(MACRO_SERIES, DECLARED)
    first = gate.passed(batch(("fred", "CPI", FREE), ("fred", "VIX", None), ("fred", "VIX", None)))
    second = gate.passed(
        batch(("fred", "VIX", None), ("sample/free", "WTI", None), ("sample/held", "A", None))
    )
    assert [first["series"].to_pylist(), second["series"].to_pylist()] == [["CPI"], ["WTI"]]
    assert gate.left_out == {
        LeftOut("fred", "VIX", ""): 3,
        LeftOut("sample/held", "A", "copyrighted: pre-approval required"): 1,
    }
    assert gate.licences == {FREE, "NCSA"}


@pytest.mark.parametrize(
    "dimension", [item for item in DIMENSIONS if item is not MACRO_SERIES], ids=lambda item: item.name
)
def test_a_dimension_without_licences_passes_whole(dimension: Dimension) -> None:
    rows = pa.RecordBatch.from_pydict({"source": ["fred"]})
    assert LicenceGate(dimension, {}).passed(rows) is rows


def test_every_licence_has_an_authority_and_stands_once() -> None:
    names = [item.name.lower() for item in LICENCES]
    assert len(set(names)) == len(names)
    assert all(item.authority for item in LICENCES)


def test_each_recording_of_series_declares_a_licence_that_permits_copies() -> None:
    declared = declared_licences()
    free = {item.name for item in LICENCES if not item.restricted}
    assert set(declared) == {item.source for item in RECORDINGS if item.dimension is MACRO_SERIES}
    assert set(declared.values()) <= free
