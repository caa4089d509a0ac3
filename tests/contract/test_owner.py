"""A database is one backbone's: another is refused by name before it writes, and an emptied one is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from backbone.adapters.timescale.guard import DatabaseGuard, read
from backbone.adapters.timescale.session import connected
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.authority.owner import Owner
from backbone.ports.database import DatabaseError, DatabaseFault
from databases import Database, execute, packaged
from stores import OnTimescale
from test_institutional import PLAN, backbone, given, rows
from test_migrate_cli import secret
from worker import Emp, report

US = Owner("cluster-1", "traders", "market")


def in_cluster(
    cluster: str = "cluster-1",
    namespace: str = "traders",
    name: str = "market",
    uid: str = "uid-1",
    **tier: str,
) -> dict[str, Any]:
    """A backbone as the operator writes it for its workers."""
    document = backbone()
    document["metadata"] = {"name": name, "namespace": namespace, "uid": uid}
    document["status"] = {
        "tier": {"active": "Bootstrap", "requested": "Institutional", "cluster": cluster, **tier}
    }
    return document


def serving(document: dict[str, Any], **tier: str) -> dict[str, Any]:
    """The same, once Institutional serves."""
    return {**document, "status": {"tier": {**document["status"]["tier"], "active": "Institutional", **tier}}}


def plan(of: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "bars", "namespace": of["metadata"]["namespace"]}
    return {
        **PLAN,
        "metadata": metadata,
        "spec": {**PLAN["spec"], "backboneRef": {"name": of["metadata"]["name"]}},
    }


def token(message: str) -> str:
    found = re.search(r"backbone\.emp\.dev/confirm=(\S+),", message)
    assert found, message
    return found[1]


def content(settings: ConnectionSettings) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of ours."""
    tables = execute(
        settings,
        "SELECT place.nspname || '.' || item.relname FROM pg_class AS item "
        "JOIN pg_namespace AS place ON place.oid = item.relnamespace "
        "WHERE nspname IN ('market', 'telemetry') AND relkind IN ('r', 'p')",
    )
    return {name: sorted(execute(settings, f"SELECT * FROM {name}"), key=str) for (name,) in tables}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"cluster": "cluster-2"}, id="of the same names in another cluster"),
        pytest.param({"namespace": "research"}, id="of another namespace"),
        pytest.param({"name": "second"}, id="of another name"),
    ],
)
def test_a_second_backbone_is_refused_by_name_before_it_writes_until_it_is_confirmed(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, other: dict[str, str]
) -> None:
    secret(tmp_path, timescale)
    first, second = in_cluster(), in_cluster(**other, uid="uid-2")
    assert emp("database", "-f", given(tmp_path, first, plan(first))).returncode == 0
    assert report(tmp_path)["mark"]
    before = content(timescale)

    files = given(tmp_path, second, plan(second))
    looked = emp("database", "-f", files)
    told = report(tmp_path)
    assert (looked.returncode, told["outcome"]) == (3, "DatabaseTaken")
    assert "DataBackbone traders/market" in told["message"]
    assert "version" not in told
    assert "DatabaseTaken" in emp("database", "-f", files, "--plan").stderr
    given(tmp_path, serving(second), plan(second))
    ran = emp("ingest-once", "-f", files)
    assert ran.returncode == 3
    assert "belongs to DataBackbone traders/market" in ran.stderr + ran.stdout
    assert "belongs to" in emp("quarantine", "release", "--all", "-f", files).stderr
    assert content(timescale) == before, "nothing was written"

    given(tmp_path, second, plan(second))
    assert emp("database", "-f", files, "--confirm", "take-000000000000").returncode == 3
    assert content(timescale) == before
    taken = emp("database", "-f", files, "--confirm", token(told["message"]))
    assert taken.returncode == 0, taken.stderr
    assert "nothing waits for" not in taken.stderr
    assert emp("database", "-f", files).returncode == 0, "it is its own now"
    assert emp("database", "-f", given(tmp_path, first, plan(first))).returncode == 3


def test_an_object_created_again_takes_its_own_database_up(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    first, again = in_cluster(), in_cluster(uid="uid-9")
    assert emp("database", "-f", given(tmp_path, first, plan(first))).returncode == 0
    mark = report(tmp_path)["mark"]
    files = given(tmp_path, again, plan(again))
    assert emp("database", "-f", files).returncode == 0
    assert report(tmp_path)["mark"] == mark
    given(tmp_path, serving(again, database=mark), plan(again))
    assert emp("ingest-once", "-f", files).returncode == 0
    assert rows(timescale) > 0


def test_a_database_of_a_version_without_owners_is_taken_up(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    (owners,) = [item.number for item in packaged() if item.name == "authority"]
    earlier = tuple(item for item in packaged() if item.number < owners)
    Database("timescale", timescale, earlier).migrator().migrate()
    upgraded = serving(in_cluster())
    assert emp("database", "-f", given(tmp_path, upgraded, plan(upgraded))).returncode == 0
    with connected(timescale) as connection:
        found = read(connection)
    assert found is not None
    assert (found.owner, found.mark) == (US, report(tmp_path)["mark"])


EMPTIED = "DROP SCHEMA market CASCADE; DROP SCHEMA telemetry CASCADE"


@pytest.mark.parametrize(
    ("after", "known"),
    [
        pytest.param(EMPTIED, True, id="emptied"),
        pytest.param(EMPTIED, False, id="emptied, of a version without marks"),
        pytest.param("UPDATE telemetry.authority SET mark = gen_random_uuid()", True, id="another of ours"),
        pytest.param("DELETE FROM telemetry.authority", True, id="one that nobody has taken"),
    ],
)
def test_a_database_that_is_not_the_one_with_the_rows_is_told_and_waits(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, after: str, *, known: bool
) -> None:
    secret(tmp_path, timescale)
    document = in_cluster()
    files = given(tmp_path, document, plan(document))
    assert emp("database", "-f", files).returncode == 0
    mark = report(tmp_path)["mark"]
    given(tmp_path, serving(document, **({"database": mark} if known else {})), plan(document))
    assert emp("database", "-f", files).returncode == 0
    for statement in after.split("; "):
        execute(timescale, statement)
    before = content(timescale)

    assert emp("database", "-f", files).returncode == 3
    told = report(tmp_path)
    assert told["outcome"] == "DatabaseReplaced"
    assert "nothing was written there" in told["message"]
    assert content(timescale) == before
    done = emp("database", "-f", files, "--confirm", token(told["message"]))
    assert done.returncode == 0, done.stderr
    given(tmp_path, serving(document, database=report(tmp_path)["mark"]), plan(document))
    assert emp("database", "-f", files).returncode == 0


@pytest.mark.parametrize(
    "after",
    [
        pytest.param("UPDATE telemetry.authority SET mark = gen_random_uuid()", id="another of ours"),
        pytest.param("DELETE FROM telemetry.authority", id="one that nobody has taken"),
    ],
)
@pytest.mark.parametrize("command", ["ingest-once", "quarantine release --all"])
def test_nor_does_a_run_store_there_before_anybody_has_looked(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp, after: str, command: str
) -> None:
    """A Secret changes at any time, and a schedule waits for no look."""
    secret(tmp_path, timescale)
    document = in_cluster()
    files = given(tmp_path, document, plan(document))
    assert emp("database", "-f", files).returncode == 0
    given(tmp_path, serving(document, database=report(tmp_path)["mark"]), plan(document))
    execute(timescale, after)
    before = content(timescale)
    ran = emp(*command.split(), "-f", files)
    assert ran.returncode == 3
    assert "is another one than the one with its rows: nothing was written there" in ran.stderr + ran.stdout
    assert content(timescale) == before


def test_without_a_cluster_a_data_folder_is_the_owner(
    timescale: ConnectionSettings, tmp_path: Path, emp: Emp
) -> None:
    secret(tmp_path, timescale)
    files = given(tmp_path, backbone(), PLAN)
    assert emp("database", "-f", files, "--plan").returncode == 0
    assert not (tmp_path / "backbone-data").exists(), "a plan leaves nothing behind"
    assert emp("ingest-once", "-f", files).returncode == 3, "it has not been migrated"
    assert emp("database", "-f", files).returncode == 0
    assert emp("ingest-once", "-f", files).returncode == 0
    before = content(timescale)
    for command in ("database", "ingest-once"):
        other = emp(command, "-f", files, "--data-dir", tmp_path / "other")
        assert other.returncode == 3
        assert (
            "belongs to DataBackbone market of another cluster or data folder" in other.stderr + other.stdout
        )
    assert content(timescale) == before


def test_two_that_come_at_once_do_not_both_get_it(institutional: OnTimescale) -> None:
    """On PostgreSQL, whose sessions are real."""
    settings = institutional.settings
    others = [Owner("cluster-1", "traders", f"market-{number}") for number in range(2)]
    with connected(settings) as one, connected(settings) as two:
        for guard, connection in zip(
            (DatabaseGuard(settings, owner) for owner in others), (one, two), strict=True
        ):
            guard.permit(connection, empty=False)
        mark = DatabaseGuard(settings, others[0]).claim(one)
        with pytest.raises(DatabaseError, match="traders/market-0") as caught:
            DatabaseGuard(settings, others[1]).claim(two)
        assert caught.value.fault is DatabaseFault.DATABASE_TAKEN
        assert DatabaseGuard(settings, others[0]).claim(one) == mark
