"""What is true of the database, by the last check of it, and whether rows can be stored and read there."""

from __future__ import annotations

from ..evaluation import Finding
from ..grading.chain import Chain, first
from ..jobs.looks import out_of_date, pending
from ..migrations import newest
from ..ports.database import DatabaseFault
from ..vocabulary import Reason
from .database_look import CHECK, Checked

_FOR_A_PERSON = {DatabaseFault.DATABASE_TAKEN, DatabaseFault.DATABASE_REPLACED}
"""Faults that no retry mends: somebody has to say which database is meant."""
_OF_POLICIES = {
    Reason.MIGRATED,
    DatabaseFault.LOCKED,
    DatabaseFault.STATEMENT_TIMED_OUT,
    DatabaseFault.ROLE_NOT_ALLOWED,
}
"""Outcomes of a look at a current schema that leave it readable and writable, whatever became of policies."""


def migrated(checked: Checked) -> Finding:
    """Whether schema and policies of the database are as they should be."""
    return first(MIGRATED, checked) or _is_migrated(checked)


def serves(found: Finding, checked: Checked) -> Finding:
    """Whether rows can be stored and read, where `found` is what `migrated` or somebody after it found.

    What waits for a table, or for a look since the spec's policies changed, keeps nobody from the rows.
    """
    database = checked.look.status
    schema = database.pending == 0 and (database.migration or 0) >= newest()
    current = schema and database.outcome in _OF_POLICIES and database.place == checked.request.place
    if found.holds is True or not (checked.look.fresh and current and database.policies_set):
        return found
    what = "The readers' role is" if found.reason is DatabaseFault.ROLE_NOT_ALLOWED else "Its policies are"
    return Finding(True, Reason.AVAILABLE, f"{what} not as the spec asks yet: {found.message}")


def _never_checked(checked: Checked) -> Finding | None:
    """First: all others speak of a verdict."""
    database = checked.look.status
    if database.outcome is not None and database.checked_at is not None:
        return None
    return Finding(False, *pending(CHECK, database))


def _checked_for_another_spec(checked: Checked) -> Finding | None:
    """Before its age: a verdict on another spec, however new, says nothing of the present one."""
    database = checked.look.status
    if database.request == checked.request.sections:
        return None
    reason, message = pending(CHECK, database)
    return Finding(None, reason, f"The spec, or the version of the operator, has changed. {message}")


def _out_of_date(checked: Checked) -> Finding | None:
    """Before the verdict itself, good or bad: the database may have changed since."""
    if checked.look.fresh:
        return None
    return Finding(None, Reason.OUT_OF_DATE, out_of_date("the database", checked.look.status))


def _fault(checked: Checked) -> Finding | None:
    """Last: what is left is a database that is as it should be."""
    database = checked.look.status
    if database.outcome == Reason.MIGRATED:
        return None
    reason = DatabaseFault.named(database.outcome) or Reason.DATABASE_CHECK_FAILED
    return Finding(False, reason, database.message or reason.meaning, stuck=reason in _FOR_A_PERSON)


def _is_migrated(checked: Checked) -> Finding:
    database = checked.look.status
    but = ", except for changes that wait to be confirmed" if database.unconfirmed else ""
    policies = "its policies match the spec" if database.policies_set else "no policies are set"
    message = f"The database is at migration {database.migration}; {policies}{but}."
    return Finding(True, Reason.MIGRATED, message)


MIGRATED: Chain[Checked] = (_never_checked, _checked_for_another_spec, _out_of_date, _fault)
"""In this order, before the database is found to be as it should be."""
