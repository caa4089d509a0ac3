"""Killed anywhere, two at once, read all the while: no row lost, none doubled, no read failed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import content
from backbone.adapters.duckdb.quarantine import published_quarantine
from backbone.adapters.duckdb.store import DuckDBStore
from backbone.ports.quarantine import QuarantineFilter
from thorough import EVERY_STATEMENT
from worker import SAMPLES, Emp, command, report

EVERY_ENTRY = QuarantineFilter()
SMALL_PLAN = """
apiVersion: backbone.emp.dev/v1alpha1
kind: IngestPlan
metadata: {name: small}
spec:
  backboneRef: {name: market}
  schedule: "@daily"
  dailyBars: {provider: Sample, symbols: [AAPL, AMZN, GOOG, IBM, MSFT, ^GSPC]}
  intradayBars: {provider: Sample, symbols: [ES], intervalSeconds: 60}
  macroEvents: {provider: Sample, calendars: [FOMC]}
"""
EVERYTHING = {
    "dailyBars": 38_410,
    "intradayBars": 2_264,
    "intradayTrades": 500_000,
    "macroSeries": 13_881,
    "macroEvents": 5_603,
}


@pytest.fixture(scope="session")
def whole(home: Path) -> str:
    """The digest of a run of all samples that nothing disturbed."""
    data = home / "backbone-data" / "market"
    assert content.rows(data) == EVERYTHING
    return content.digest(data)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A plan of three dimensions, without the half million trades."""
    path = tmp_path / "small.yaml"
    path.write_text(f"{(SAMPLES / 'backbone.yaml').read_text()}\n---\n{SMALL_PLAN}")
    return path


@pytest.fixture
def small_whole(tmp_path: Path, small: Path, emp: Emp) -> str:
    """The digest of a small run that nothing disturbed."""
    data = tmp_path / "undisturbed"
    done = emp("ingest-once", "-f", small, "--data-dir", data, EMP_TERMINATION_LOG="")
    assert done.returncode == 0, done.stderr
    held = {name: count for name, count in content.rows(data).items() if count}
    assert held == {"dailyBars": 25_086, "intradayBars": 2_264, "macroEvents": 5_603}
    return content.digest(data)


def test_everything_arrives_once_and_a_replay_changes_nothing(tmp_path: Path, emp: Emp, whole: str) -> None:
    data = tmp_path / "data"
    for sequence, changed in ((1, sum(EVERYTHING.values())), (2, 0), (3, 0)):
        done = emp("ingest-once", "-f", SAMPLES, "--data-dir", data)
        assert done.returncode == 0, done.stderr
        told = report(tmp_path)
        assert told["sequence"] == sequence
        assert told["rows"] == sum(EVERYTHING.values())
        assert sum(item.get("changed", 0) for item in told["dimensions"]) == changed
    assert content.rows(data) == EVERYTHING
    assert content.digest(data) == whole


STEPS = (
    "dailyBars: asking",
    "dailyBars: Succeeded",
    "intradayBars: asking",
    "macroEvents: Succeeded",
    "publishing",
)


@pytest.mark.parametrize("delay", [0.0, 0.05], ids=["at once", "50 ms later"])
@pytest.mark.parametrize("step", STEPS, ids=lambda item: f"after {item}")
def test_a_run_that_is_killed_is_made_good_by_the_next(
    *,
    tmp_path: Path,
    environment: dict[str, str],
    emp: Emp,
    small: Path,
    small_whole: str,
    step: str,
    delay: float,
) -> None:
    killed(tmp_path, environment, small, step, delay)
    made_good(tmp_path, emp, small, small_whole)


@pytest.mark.parametrize(
    ("step", "delay"),
    [
        pytest.param("intradayTrades: asking", 0.05, id="while half a million rows are stored"),
        pytest.param("publishing", 0.0, id="while a copy of them is written"),
    ],
)
def test_a_large_run_that_is_killed_is_made_good_by_the_next(
    *, tmp_path: Path, environment: dict[str, str], emp: Emp, whole: str, step: str, delay: float
) -> None:
    killed(tmp_path, environment, SAMPLES, step, delay)
    made_good(tmp_path, emp, SAMPLES, whole)


def killed(folder: Path, environment: dict[str, str], plan: Path, step: str, delay: float) -> None:
    """A run that dies some seconds after it told a step."""
    run = subprocess.Popen(
        command("ingest-once", "-f", plan, "--data-dir", folder / "data"),
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    with run.stderr:
        for line in run.stderr:
            if step in line:
                break
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
    run.wait(timeout=10)


def made_good(folder: Path, emp: Emp, plan: Path, whole: str) -> None:
    """The next run leaves what one run would have."""
    data = folder / "data"
    done = emp("ingest-once", "-f", plan, "--data-dir", data)
    assert done.returncode == 0, done.stderr
    assert content.digest(data) == whole
    assert "storeRecovery" not in report(folder)
    assert not list(data.glob("*/.incoming-*"))
    assert [item["outcome"] for item in report(folder)["recent"]] in (["DiedWithoutMessage"], ["Succeeded"])


def test_a_run_that_is_killed_before_any_of_its_writes_loses_and_doubles_nothing(
    tmp_path: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One write in three, or every one, the quarantine's too; what is published is whole, old or new."""

    command = [sys.executable, str(Path(__file__).with_name("killed_before.py"))]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runs:

        def run(folder: Path, version: int, write: int = 0) -> tuple[int, str]:
            assert runs.stdin is not None
            assert runs.stdout is not None
            runs.stdin.write(f"{folder} {version} {write}\n")
            runs.stdin.flush()
            code, _, said = runs.stdout.readline().partition(" ")
            return int(code), said.strip()

        first, both = tmp_path / "first", tmp_path / "both"
        assert run(first, 1)[0] == 0
        shutil.copytree(first, both)
        writes = int(run(both, 2)[1])
        old, new = content.digest(first), content.digest(both)
        seen = []
        step = 1 if EVERY_STATEMENT else 3
        # To the last, which is after the new copy is published.
        for write in range(1 + (writes - 1) % step, writes + 1, step):
            data = tmp_path / "killed"
            shutil.copytree(first, data)
            assert run(data, 2, write)[0] == -signal.SIGKILL
            seen.append(content.digest(data))
            code, said = run(data, 2)
            assert (code, said.isdigit()) == (0, True), f"after write {write}: {said}"
            assert content.digest(data) == new, f"after write {write}"
            shutil.rmtree(data)
    with capsys.disabled():
        sys.stdout.write(f" killed before {len(seen)} of {writes} writes ")
    with published_quarantine(both) as quarantine:
        held = {(item["reason"], item["state"]): item["entries"] for item in quarantine.counts(EVERY_ENTRY)}
    assert held == {("OffSession", "Held"): 5, ("NotFinite", "Held"): 1, ("NotFinite", "Superseded"): 1}
    assert old != new
    assert writes > 20
    assert seen == sorted(seen, key=lambda digest: digest == new), "once published, always published"
    assert set(seen) == {old, new}


def test_two_runs_at_once_take_turns(tmp_path: Path, emp_anew: Emp, whole: str) -> None:
    data = tmp_path / "data"
    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(
                emp_anew,
                "ingest-once",
                "-f",
                SAMPLES,
                "--data-dir",
                data,
                EMP_TERMINATION_LOG=str(tmp_path / f"log-{number}"),
            )
            for number in range(4)
        ]
    assert [run.result().returncode for run in runs] == [0] * 4
    assert content.rows(data) == EVERYTHING
    assert content.digest(data) == whole


READ_UNTIL_TOLD = """
import sys
from pathlib import Path
from backbone.adapters.duckdb.reader import published
from backbone.market.dimensions import INTRADAY_TRADES
from backbone.ports.store import Selection
reads, copies, seen = 0, set(), set()
while not Path(sys.argv[2]).exists():
    copies.add((Path(sys.argv[1]) / "published" / "backbone.duckdb").stat().st_mtime_ns)
    with published(Path(sys.argv[1])) as reader:
        seen.add(sum(batch.num_rows for batch in reader.batches(Selection(INTRADAY_TRADES))))
    reads += 1
assert len(seen) == 1, seen
print(reads, len(copies), *seen)
"""


def test_readers_meanwhile_never_fail_and_never_see_less(
    tmp_path: Path, environment: dict[str, str], emp: Emp, small: Path
) -> None:
    """Each run publishes all that is stored, half a million trades, whatever it brought itself."""
    data = tmp_path / "data"
    assert emp("ingest-once", "-f", SAMPLES, "--data-dir", data).returncode == 0
    reading = subprocess.Popen(
        [*command()[:1], "-c", READ_UNTIL_TOLD, str(data), str(tmp_path / "enough")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(6):
        assert emp("ingest-once", "-f", small, "--data-dir", data).returncode == 0
    (tmp_path / "enough").touch()
    told, _ = reading.communicate(timeout=30)
    reads, copies, seen = (int(word) for word in told.split())
    assert reading.returncode == 0
    assert reads >= 20
    assert copies >= 6
    assert seen == EVERYTHING["intradayTrades"]


def test_a_run_that_is_told_to_stop_leaves_a_report_and_the_next_goes_on(
    tmp_path: Path, environment: dict[str, str], emp: Emp, whole: str
) -> None:
    data = tmp_path / "data"
    run = subprocess.Popen(
        command("ingest-once", "-f", SAMPLES, "--data-dir", data),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    with run.stderr:
        for line in run.stderr:
            if "intradayTrades: asking" in line:
                break
        run.send_signal(signal.SIGTERM)
        run.stderr.read()
    assert run.wait(timeout=30) == 128 + signal.SIGTERM
    stopped = report(tmp_path)
    assert (stopped["outcome"], stopped["sequence"]) == ("Stopped", 1)

    assert emp("ingest-once", "-f", SAMPLES, "--data-dir", data).returncode == 0
    assert content.digest(data) == whole
    assert report(tmp_path)["recent"][0]["outcome"] == "Stopped"


def test_a_run_that_waits_for_the_lock_stops_at_once_when_told(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with DuckDBStore(tmp_path / "data").writer("run first", timedelta()):
        run = subprocess.Popen(
            command("ingest-once", "-f", SAMPLES, "--data-dir", tmp_path / "data"),
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stderr is not None
        with run.stderr:
            for line in run.stderr:
                if "plan sample into" in line:
                    break
            time.sleep(0.3)
            run.send_signal(signal.SIGTERM)
            assert run.wait(timeout=10) == 128 + signal.SIGTERM
            assert "interrupted" in run.stderr.read()
    assert report(tmp_path)["outcome"] == "Stopped"


def test_a_lock_that_stays_held_is_an_outcome(tmp_path: Path, emp_anew: Emp) -> None:
    plan = tmp_path / "plan.yaml"
    text = "\n---\n".join((SAMPLES / name).read_text() for name in ("backbone.yaml", "ingestplan.yaml"))
    plan.write_text(
        text.replace("spec:\n  backboneRef:", "spec:\n  worker: {storeWaitSeconds: 1}\n  backboneRef:")
    )
    with DuckDBStore(tmp_path / "data").writer("run first", timedelta()):
        done = emp_anew("ingest-once", "-f", plan, "--data-dir", tmp_path / "data")
    assert (done.returncode, report(tmp_path)["outcome"]) == (3, "StoreBusy")
    assert "waited 1 s for the lock held by run first since" in done.stderr
