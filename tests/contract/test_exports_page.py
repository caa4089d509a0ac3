"""docs/exports.md is true: its lines read the rows of the current export, whichever tool has them.

Spark's line alone is not run: its package has 400 MB.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest
from support.exports import export, year

from backbone.adapters.exports.folder import ExportFolder
from backbone.client import exports
from backbone.market.canonical import rows_hash
from backbone.market.dimensions import DAILY_BARS
from backbone.parts.exports.partitions import Partition
from worker import ROOT

PAGE = (ROOT / "docs" / "exports.md").read_text()
(OPEN,) = re.findall(r"```python client\n(.*?)```", PAGE, re.DOTALL)
(SQL,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
LINES = dict(re.findall(r"^\| (\w+) \| `(.*)` \|$", PAGE, re.MULTILINE))
WRITTEN = {
    "Arrow": "import pyarrow.parquet\npyarrow.parquet.write_table({}, 'out.parquet')",
    "pandas": "({}).to_parquet('out.parquet', index=False)",
    "Polars": "import polars\n({}).write_parquet('out.parquet')",
    "DuckDB": "import duckdb\n({}).write_parquet('out.parquet')",
}
"""What a program does with the line of each tool."""
FIRST = pa.concat_tables([year("yahoo", 2025, 1.0), year("a/b=c d", 2025, 2.0)])
SECOND = pa.concat_tables([year("yahoo", 2025, 3.0), year("a/b=c d", 2025, 2.0)])
"""Three rows were corrected, so their partition has an old file and a new one."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "exports" / "bars"
    folder.mkdir(parents=True)
    export(ExportFolder(folder), FIRST)
    export(ExportFolder(folder), SECOND, changed=[Partition("yahoo", "2025")], job="bars-2")
    return folder


@pytest.fixture(scope="module")
def polars() -> Path:
    subprocess.run([ROOT / "hack" / "readers", "polars"], check=True, timeout=300)
    return ROOT / "build" / "polars"


def same(rows: pa.Table, expected: pa.Table) -> bool:
    return rows_hash(rows, DAILY_BARS.schema) == rows_hash(expected, DAILY_BARS.schema)


@pytest.mark.parametrize("tool", WRITTEN)
def test_the_line_of_a_tool_reads_the_current_rows(
    tmp_path: Path, target: Path, polars: Path, tool: str
) -> None:
    program = f"import sys\nsys.path.append({str(polars)!r})\n{OPEN}\n{WRITTEN[tool].format(LINES[tool])}"
    path = {"PYTHONPATH": str(ROOT / "operator")}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=path, check=True)
    assert same(pa.parquet.read_table(tmp_path / "out.parquet"), SECOND)


def test_duckdb_reads_them_alone(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection:
        found = connection.sql(SQL)
        assert found is not None
        assert same(found.to_arrow_table(), SECOND)


def test_an_older_manifest_is_read_as_it_was(target: Path) -> None:
    assert same(exports.open(target, manifest=1).to_table(), FIRST)


def test_the_folder_of_all_exports_names_them(target: Path) -> None:
    (target.parent / "owner.json").write_text("{}")
    with pytest.raises(exports.Rejected, match="name the folder of one: bars"):
        exports.open(target.parent)
    with pytest.raises(exports.NothingPublished):
        exports.open(target.parent / "trades")
