"""Whether data is fit to decide on: readings in, yes or no with reasons out. What is not known is no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..documented import Documented
from ..ports.store import LastAttempt, Line
from ..vocabulary import Outcome


class Unfit(Documented):
    """Why data is not fit to decide on."""

    MISSING = ("Missing", "The copy holds no row of it, or none from the source that was named.")
    STALE = ("Stale", "Its last row is older than it may be.")
    FAILED = ("Failed", "The last run that asked for it did not get it, or ended before it asked.")
    QUARANTINED = ("Quarantined", "Recent rows of it are in quarantine, and nobody has decided on them.")
    UNKNOWN = ("Unknown", "It could not be looked at, or nothing says how it stands.")


@dataclass(frozen=True, slots=True)
class FitnessFinding:
    """One reason why one symbol, series or calendar is not fit."""

    subject: str
    reason: Unfit
    message: str


@dataclass(frozen=True, slots=True)
class Fitness:
    """The answer about some subjects of a dimension at a moment (UTC); true in a condition if all are fit.

    Flags of rows that are kept, such as GapBefore, are no reason: they are in the rows' own column.
    `version` is the copy that was looked at, None if there was none.
    """

    dimension: str
    at: datetime
    version: str | None
    findings: tuple[FitnessFinding, ...]

    def __bool__(self) -> bool:
        """Whether nothing speaks against deciding."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Reading:
    """What was seen of one subject.

    `lines` are those that answer to the question. `due` is the earliest time that its rows may end at; where
    there is none, `undue` says why. `quarantined` counts recent rows that nobody has decided on.
    """

    subject: str
    lines: tuple[Line, ...]
    due: datetime | None
    undue: str
    attempts: tuple[LastAttempt, ...]
    quarantined: int


def judge(reading: Reading) -> tuple[FitnessFinding, ...]:
    """Everything that speaks against deciding on a subject; empty if nothing does."""
    if len(reading.lines) == 1:
        line = reading.lines[0]
        found = (_age(reading, line), _last_run(reading, line), _quarantine(reading))
    else:
        found = (_unclear(reading), None, _quarantine(reading))
    return tuple(item for item in found if item is not None)


def _unclear(reading: Reading) -> FitnessFinding:
    if not reading.lines:
        return FitnessFinding(reading.subject, Unfit.MISSING, "no rows are held")
    told = ", ".join(line_name(line) for line in reading.lines)
    return FitnessFinding(reading.subject, Unfit.UNKNOWN, f"which one is meant? It is held as {told}")


def _age(reading: Reading, line: Line) -> FitnessFinding | None:
    if reading.due is None:
        return FitnessFinding(reading.subject, Unfit.UNKNOWN, reading.undue)
    covered = line.last_at + timedelta(seconds=line.interval_seconds or 0)
    if covered >= reading.due:
        return None
    return FitnessFinding(
        reading.subject, Unfit.STALE, f"ends at {_said(covered)}; due is {_said(reading.due)} or later"
    )


def _last_run(reading: Reading, line: Line) -> FitnessFinding | None:
    """What speaks against it in the journal of the backbone that it speaks against least.

    A database may hold runs of several; what one of them did not get says nothing of what another did.
    """
    last: dict[str, LastAttempt] = {}
    for item in sorted(reading.attempts, key=lambda item: item.sequence):
        if item.source == line.source:
            last[item.backbone] = item
    if not last:
        return FitnessFinding(reading.subject, Unfit.UNKNOWN, "the journal names no run that asked for it")
    found = [_attempt(reading, item) for item in sorted(last.values(), key=lambda item: item.sequence)]
    return None if None in found else found[-1]


def _attempt(reading: Reading, last: LastAttempt) -> FitnessFinding | None:
    if last.outcome != Outcome.SUCCEEDED:
        return FitnessFinding(
            reading.subject, Unfit.FAILED, f"run {last.sequence} of plan {last.plan}: {last.outcome}"
        )
    # The greater one is of a run that stored this part and has not ended yet.
    if last.plan_sequence <= last.sequence:
        return None
    if last.plan_outcome in {Outcome.SUCCEEDED, Outcome.PARTIAL}:
        return FitnessFinding(
            reading.subject, Unfit.UNKNOWN, f"plan {last.plan} does not ask for it any more"
        )
    return FitnessFinding(
        reading.subject,
        Unfit.FAILED,
        f"run {last.plan_sequence} of plan {last.plan} ended before it: {last.plan_outcome}",
    )


def _quarantine(reading: Reading) -> FitnessFinding | None:
    if not reading.quarantined:
        return None
    return FitnessFinding(
        reading.subject, Unfit.QUARANTINED, f"{reading.quarantined:,} rows wait for a decision"
    )


def line_name(line: Line) -> str:
    """A line as messages name it."""
    return line.source if line.interval_seconds is None else f"{line.source} at {line.interval_seconds} s"


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
