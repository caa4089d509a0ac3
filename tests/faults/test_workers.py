"""A worker killed before its first row, in the middle, and after its last: no row lost, none doubled."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

import truth
from deployment import Image, Kubectl, until
from operator_process import OperatorProcess

EVERYTHING = {
    "dailyBars": {"provider": "Sample", "symbols": ["AAPL", "IBM", "MSFT"]},
    "intradayTrades": {"provider": "Sample", "symbols": ["ES"]},
    "macroEvents": {"provider": "Sample", "calendars": ["FOMC"]},
}
ROWS = {"dailyBars": truth.DAILY_ROWS, "intradayTrades": 500_000, "macroEvents": 5_603}


def log_lines(kubectl: Kubectl, pod: str) -> Iterator[str]:
    """The worker's progress as it comes."""
    command = [str(kubectl.bin_dir / "kubectl"), "--kubeconfig", str(kubectl.kubeconfig)]
    command += ["--namespace", kubectl.namespace, "logs", "--follow", pod]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as following:
        assert following.stdout is not None
        yield from following.stdout
        following.kill()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("into", id="before its first row"),
        pytest.param("intradayTrades: asking", id="in the middle"),
        pytest.param("macroEvents: Succeeded", id="between its last row and the published copy"),
        pytest.param("publishing", id="after its last row"),
    ],
)
def test_a_worker_that_is_killed_is_made_good(
    kubectl: Kubectl, operator: OperatorProcess, images: dict[str, Image], line: str
) -> None:
    truth.create(kubectl, **EVERYTHING)
    pod = until(lambda: truth.worker_pod(kubectl), lambda name: name is not None, 60, "a worker at work")
    assert pod is not None
    assert any(line in told for told in log_lines(kubectl, pod))
    kubectl.run("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")
    seen = truth.wait_delivered(kubectl, deadline=180)
    assert seen["status"]["lastRun"]["rows"] == sum(ROWS.values())
    assert truth.stored_rows(kubectl, images) == ROWS
    # A pod deleted while it ended takes its report along: then a second run brings one.
    assert len(truth.runs(kubectl)) <= 2, "the Job starts its pod again, or else the operator the run"
    truth.annotate(kubectl, "after")
    after = truth.wait_run(kubectl, "after")["status"]["dimensions"]
    assert sum(item["changed"] for item in after) == 0
    truth.told_once(kubectl)
