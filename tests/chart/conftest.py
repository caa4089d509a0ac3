"""The chart as Helm renders it; the same Helm that installs it on the local cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "databackbone"
KUBERNETES = "1.34.0"
BUILD_DEADLINE = 1800

Helm = Callable[..., "subprocess.CompletedProcess[str]"]
Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Runs Helm with a home of its own, so that no setting of the machine's counts."""
    build = [sys.executable, str(ROOT / "hack" / "cluster"), "build"]
    built = subprocess.run(build, capture_output=True, text=True, timeout=BUILD_DEADLINE, check=False)
    paths = dict(line.strip().split(": ", 1) for line in built.stdout.splitlines() if ": /" in line)
    if built.returncode != 0 or "helm" not in paths:
        pytest.fail(f"no Helm: `python3 hack/cluster build` should make it and says:\n{built.stderr}")
    home = tmp_path_factory.mktemp("helm")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "none")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [paths["helm"], *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def template(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """`helm template` with values, whatever comes of it."""
    folder = tmp_path_factory.mktemp("values")

    def run(values: dict[str, Any] | None = None, release: str = "databackbone", *flags: str) -> Any:
        file = folder / "values.json"
        file.write_text(json.dumps(values or {}))
        where = ["--namespace", "backbone-system", "--kube-version", KUBERNETES]
        return helm("template", release, str(CHART), *where, "--values", str(file), *flags)

    return run


@pytest.fixture(scope="session")
def render(template: Helm) -> Render:
    """The documents that the chart renders; fails with Helm's own message."""

    def run(*arguments: Any) -> list[dict[str, Any]]:
        done = template(*arguments)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return run
