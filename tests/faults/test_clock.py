"""The operator's clock a minute off: dates in its statuses are, and nothing else."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

import truth
from api_proxy import ApiProxy
from deployment import Image, Kubectl, until
from operator_process import Replica

FAKETIME = "/usr/$LIB/faketime/libfaketime.so.1"
"""Where Debian puts the library; the dynamic linker knows what $LIB is."""


def off_by(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is off by so much."""
    assert shutil.which("faketime"), "Debian's package faketime is not installed: apt-get install faketime"
    return {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.parametrize("offset", [60, -60], ids=["a minute fast", "a minute slow"])
def test_a_clock_that_is_off(
    kubectl: Kubectl, api: ApiProxy, replica: Replica, images: dict[str, Image], offset: int
) -> None:
    leader = replica("first", **off_by(offset)).start().wait_leading()
    lease = kubectl.get("lease", "databackbone-operator")["spec"]
    ahead = datetime.fromisoformat(lease["renewTime"]) - datetime.now(UTC)
    assert abs(ahead - timedelta(seconds=offset)) < timedelta(seconds=20), "its clock is off"
    standby = replica("second").start()
    truth.create(kubectl)
    truth.wait_delivered(kubectl)
    truth.annotate(kubectl, "again")
    truth.wait_run(kubectl, "again")
    assert "standing by" in standby.page("/healthz")[1], (
        "a Lease's age is not told by the clocks of two nodes"
    )
    assert len(truth.runs(kubectl)) == 2
    leader.kill()
    standby.wait_leading()
    truth.annotate(kubectl, "by-another-clock")
    truth.wait_run(kubectl, "by-another-clock")
    assert len(truth.runs(kubectl)) == 3
    assert truth.stored_rows(kubectl, images) == {"dailyBars": truth.DAILY_ROWS}
    until(
        lambda: truth.current(kubectl.get("databackbone", "market")),
        lambda seen: seen == ("True", "Available"),
        truth.TRUE_AGAIN,
        "market is Available",
    )
    truth.nothing_twice(api)
    truth.told_once(kubectl)
