"""The packaged SQL files, and how a file is read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backbone.market.dimensions import DIMENSIONS
from backbone.migrations import Hypertable, packaged, parse

TEXT = """
-- a comment; with a semicolon
CREATE TABLE market.one (a TEXT);

SELECT create_hypertable('market.one', by_range('a', INTERVAL '7 days'),
                         create_default_indexes => FALSE);
"""


def test_a_file_is_statements_without_comments_and_layout() -> None:
    assert parse("0007_one.timescale.sql", TEXT).statements == (
        "CREATE TABLE market.one (a TEXT)",
        "SELECT create_hypertable('market.one', by_range('a', INTERVAL '7 days'), "
        "create_default_indexes => FALSE)",
    )


def test_a_file_tells_its_tables_and_hypertables() -> None:
    found = parse("0007_one.timescale.sql", TEXT)
    assert (found.number, found.name, found.needs_timescale) == (7, "one", True)
    assert found.tables == ("market.one",)
    assert found.hypertables == (Hypertable("market.one", "a", timedelta(days=7)),)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param(TEXT.replace("-- a comment; with", "-- another"), True, id="a comment is no change"),
        pytest.param(TEXT.replace("\n", "\r\n"), True, id="line ends are no change"),
        pytest.param(TEXT.replace("7 days", "8 days"), False, id="a width is a change"),
        pytest.param(TEXT.replace("a TEXT", "a TEXT NOT NULL"), False, id="a column is a change"),
    ],
)
def test_the_checksum_is_of_the_meaning(text: str, same: bool) -> None:
    assert (parse("0007_one.sql", text).checksum == parse("0007_one.sql", TEXT).checksum) is same


@pytest.mark.parametrize("name", ["7_one.sql", "0007-one.sql", "0007_One.sql", "0007_one.postgres.sql"])
def test_a_misnamed_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="0001_what_it_makes"):
        parse(name, TEXT)


def test_every_dimension_becomes_a_hypertable_by_its_time() -> None:
    found = {item.table: item.column for migration in packaged() for item in migration.hypertables}
    assert found == {f"market.{item.table}": item.time for item in DIMENSIONS}


def test_what_only_timescale_understands_stands_in_its_own_files() -> None:
    for migration in (item for item in packaged() if not item.needs_timescale):
        assert not any("create_hypertable" in statement for statement in migration.statements)
    assert any(migration.needs_timescale for migration in packaged())


CHECKSUMS = {
    1: "956fe4759c680ef7",
    2: "fe8ee28e40d49f35",
    3: "e11828822449bc12",
    4: "77929e6368a54161",
    5: "5a1d5f4c751c1cef",
    6: "920bb38835be676c",
    7: "53be95ac1c75017a",
    8: "3f3d29828f6e4da0",
    9: "492a6fe67c153670",
    10: "bf5c3eb4b80ac709",
    11: "97f1c59ac5fc3665",
    12: "bbf73b683e52cf73",
    13: "21251d8055b7a16d",
    14: "6962e983463affde",
}
"""Of what a release has applied somewhere: such a file is never edited, a change is a new one."""


def test_no_migration_was_edited() -> None:
    assert {item.number: item.checksum[:16] for item in packaged()} == CHECKSUMS
