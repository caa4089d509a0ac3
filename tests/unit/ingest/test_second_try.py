"""A store that was gone for a moment is worth one more try of the run, and no fault that stays is."""

from __future__ import annotations

import pytest
from support.ingest_runs import BOTH, WHOLE, Ledger, run

from backbone.ingest.second_try import PAUSE_SECONDS, SecondTry
from backbone.ports.database import DatabaseFault
from backbone.ports.store_errors import StoreError
from backbone.reports.run import RunReport
from backbone.vocabulary import Outcome

LOST = StoreError(Outcome.STORE_UNREACHABLE, "the session ended", DatabaseFault.CONNECTION_LOST)


def executed(faults: dict[str, list[BaseException]]) -> tuple[RunReport, list[float], Ledger]:
    pauses: list[float] = []
    store = Ledger(faults)
    report = run(WHOLE, BOTH, store, again=SecondTry(pauses.append, lambda _: None)).execute()
    return report, pauses, store


@pytest.mark.parametrize("place", ["lock", "begin", "upsert macroSeries", "commit", "publish"])
def test_a_session_that_ends_anywhere_is_made_up_in_the_same_run(place: str) -> None:
    report, pauses, store = executed({place: [LOST]})
    assert (report.outcome, report.again, pauses) == (Outcome.SUCCEEDED, 1, [PAUSE_SECONDS])
    assert "the first try ended with StoreUnreachable: the session ended" in report.message
    assert (report.rows, [item.name for item in report.dimensions]) == (3, ["dailyBars", "macroSeries"])
    assert RunReport.decode(report.encode().decode()).again == 1
    assert store.done[-2] == "publish"


def test_a_second_end_is_the_runs() -> None:
    report, pauses, _ = executed({"begin": [LOST, LOST]})
    assert (report.outcome, report.again, len(pauses)) == (Outcome.STORE_UNREACHABLE, 1, 1)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            StoreError(Outcome.STORE_UNREACHABLE, "no", DatabaseFault.AUTHENTICATION_FAILED),
            id="a password, for which the connection waits by itself",
        ),
        pytest.param(
            StoreError(Outcome.STORE_UNREACHABLE, "no", DatabaseFault.TLS_FAILED), id="a certificate"
        ),
        pytest.param(StoreError(Outcome.STORE_FULL, "no", DatabaseFault.DISK_FULL), id="a full disk"),
        pytest.param(StoreError(Outcome.STORE_BUSY, "held", DatabaseFault.LOCKED), id="a lock"),
        pytest.param(StoreError(Outcome.VOLUME_FULL, "no space"), id="a volume"),
    ],
)
def test_what_stays_is_not_tried_again(error: StoreError) -> None:
    report, pauses, _ = executed({"begin": [error]})
    assert (report.outcome, report.again, pauses) == (error.outcome, 0, [])


def test_who_is_told_to_stop_in_the_pause_stops() -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    store = Ledger({"begin": [LOST]})
    with pytest.raises(KeyboardInterrupt):
        run(WHOLE, BOTH, store, again=SecondTry(stop, lambda _: None)).execute()
