"""Which archive fits a checkout, what a build is told about the machine, and which archives go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import archives
import commands
import inputs
import pytest
import settings

from console import Failure

Edit = Callable[[Path], object]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    inputs.snapshot(tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda root: append(root / "Dockerfile", "#"), id="the Dockerfile"),
        pytest.param(lambda root: append(root / ".dockerignore", "#"), id=".dockerignore"),
        pytest.param(lambda root: append(root / "requirements/worker.txt", "#"), id="a lock"),
        pytest.param(lambda root: append(root / "operator/backbone/errors.py", "#"), id="the code"),
        pytest.param(
            lambda root: (root / "operator/backbone/new.py").write_text(""), id="a new empty module"
        ),
        pytest.param(lambda root: (root / "operator/backbone/errors.py").unlink(), id="a module that goes"),
    ],
)
def test_a_change_of_what_goes_in_means_another_archive(checkout: Path, edit: Edit) -> None:
    before = inputs.key(checkout)
    edit(checkout)
    assert inputs.key(checkout) != before


@pytest.mark.parametrize(
    "name",
    [
        "operator/backbone/__pycache__/errors.cpython-311.pyc",
        "README.md",
        "tests/unit/test_new.py",
        "crds/new.yaml",
    ],
)
def test_a_change_of_what_stays_outside_means_the_same_archive(checkout: Path, name: str) -> None:
    before = inputs.key(checkout)
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("new")
    assert inputs.key(checkout) == before


def test_another_base_means_another_archive(checkout: Path) -> None:
    assert inputs.key(checkout, "buildah", "sha256:a") != inputs.key(checkout, "buildah", "sha256:b")


def append(path: Path, what: str) -> None:
    path.write_text(path.read_text() + what)


def test_old_archives_go_and_those_of_other_images_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "cache", lambda: tmp_path)
    for age in range(5):
        for target in ("worker", "worker-sample"):
            archive = tmp_path / f"backbone-{target}-{age:016x}.tar"
            archive.touch()
            os.utime(archive, (1_000 - age, 1_000 - age))
    archives.prune("worker")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted(
        [f"backbone-worker-{age:016x}.tar" for age in range(3)]
        + [f"backbone-worker-sample-{age:016x}.tar" for age in range(5)]
    )


def test_pips_own_files_reach_the_build_as_one_and_the_later_ones_win(tmp_path: Path) -> None:
    machine, user, merged = tmp_path / "machine.conf", tmp_path / "user.conf", tmp_path / "merged.conf"
    machine.write_text("[global]\ntimeout = 1\nretries = 7\n")
    user.write_text("[global]\ntimeout = 2\n")
    assert settings.merge([machine, user, tmp_path / "absent.conf"], merged)
    assert merged.read_text().split() == ["[global]", "timeout", "=", "2", "retries", "=", "7"]


def test_without_files_of_pips_nothing_is_passed(tmp_path: Path) -> None:
    assert not settings.merge([tmp_path / "absent.conf"], tmp_path / "merged.conf")


def test_pips_variables_of_the_shell_stay_out_of_a_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "somewhere")
    log = tmp_path / "log"
    commands.logged([sys.executable, "-c", "import os; print(sorted(os.environ))"], log, 30, {"GIVEN": "yes"})
    assert "GIVEN" in log.read_text()
    assert "PIP_" not in log.read_text()


DOCKER = """#!/bin/sh
echo "$@" >> "$0.calls"
[ "$1" != save ] || echo image > "$3"
"""


def test_where_a_docker_engine_answers_it_builds_and_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("EMP_CACHE", str(tmp_path / "cache"))
    [archive] = archives.build(["worker"], fresh_base=False).values()
    assert archive.read_text() == "image\n"
    question, build, save = (tmp_path / "docker.calls").read_text().splitlines()
    assert question.startswith("version")
    assert "--target worker --tag docker.io/library/backbone-worker:" in build
    assert save.endswith(f"docker.io/library/{inputs.reference('worker')}")
    assert archives.build(["worker"], fresh_base=False) == {"worker": archive}
    assert "is built already" in capsys.readouterr().err
    assert len((tmp_path / "docker.calls").read_text().splitlines()) == 4, "one more question, no build"


def test_with_neither_docker_nor_root_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure, match="a Docker engine that answers, or root on Debian"):
        archives.build(["worker"], fresh_base=False)


def test_a_command_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    script = "print('first'); print('the reason'); raise SystemExit(4)"
    with pytest.raises(Failure, match=r"exit code 4(.|\n)*the reason"):
        commands.logged([sys.executable, "-c", script], tmp_path / "log", 30)


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="not done within"):
        commands.logged([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", 0.2)
