"""Words of others become a text that every store, report and terminal can hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.plain_text import plain
from backbone.ports.journal import RunEnd
from backbone.providers.trouble import Trouble
from backbone.reports.run import DimensionReport, RunReport
from backbone.reports.volume import VolumeProbeReport
from backbone.vocabulary import Outcome

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
ODD = {
    "half of a character": ("no \ud83d data", "no \ufffd data"),
    "a character of number 0": ("no\0data", "no␀data"),
    "a terminal's commands": ("\x1b[31mno\x7f", "␛[31mno␡"),
    "lines": ("no\r\ndata\u2028here", "no  data here"),
    "spaces of every kind": ("Société\u00a0générale", "Société générale"),
    "what turns the line around": ("no \u202edata", "no \ufffddata"),
}


@pytest.mark.parametrize(("given", "told"), ODD.values(), ids=ODD)
def test_words_of_others_can_be_held_everywhere(given: str, told: str) -> None:
    assert plain(given) == told == told.encode().decode()
    assert str(Trouble(Outcome.ACCESS_REFUSED, given)) == told
    assert RunEnd(Outcome.PARTIAL, NOW, 0, 0, given).message == told
    dimension = DimensionReport(name="dailyBars", outcome=Outcome.PARTIAL, message=given)
    report = RunReport(
        run_id="r",
        plan="p",
        outcome=Outcome.PARTIAL,
        start=NOW,
        end=NOW,
        dimensions=(dimension,),
        message=given,
    )
    read = RunReport.decode(report.encode().decode())
    assert (read.message, read.dimensions[0].message) == (told, told)
    assert VolumeProbeReport(outcome="VolumeFull", message=given, at=NOW).encode().count(told.encode())


def test_what_is_plain_stays_as_it_is() -> None:
    text = "Yahoo does not know 株, Ä and 😀; look them up"
    assert plain(text) is text
