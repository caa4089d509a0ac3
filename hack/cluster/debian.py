"""The Debian packages that the native path needs, installed only where missing."""

import os
import shutil
import subprocess
from pathlib import Path

from report import Problem, note, step

# A file or program that each package brings: looking for it is quick, and a machine
# that has it from elsewhere is left alone.
PACKAGES: dict[str, tuple[str, ...]] = {
    "containerd": ("containerd", "ctr", "containerd-shim-runc-v2"),
    "runc": ("runc",),
    "containernetworking-plugins": ("bridge", "host-local", "loopback", "portmap"),
    "iptables": ("iptables", "ip6tables", "iptables-save", "iptables-restore"),
    "nftables": ("nft",),
    "iproute2": ("ip", "ss"),
    "busybox-static": ("busybox",),
    "openssl": ("openssl",),
    "mount": ("mount", "umount"),
    "util-linux": ("nsenter",),
    "faketime": ("faketime",),  # for tests of the operator with a clock that is off
}
CNI_DIRECTORIES = ("/usr/lib/cni", "/opt/cni/bin")
SEARCH_PATH = os.pathsep.join(("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# written by hack/cluster while it installs packages: start no service\nexit 101\n"


def find(program: str) -> str:
    """The full path of a program that one of the packages brought."""
    path = shutil.which(program, path=SEARCH_PATH)
    if path is None:
        raise Problem(f"{program} is not on this machine")
    return path


def cni_directory() -> str:
    """Where the CNI plugins are."""
    for directory in CNI_DIRECTORIES:
        if Path(directory, "bridge").exists():
            return directory
    raise Problem(f"no CNI plugins in {' or '.join(CNI_DIRECTORIES)}")


def missing() -> list[str]:
    """Packages of which at least one program is not on this machine."""
    return [
        package
        for package, programs in PACKAGES.items()
        if not all(_present(package, program) for program in programs)
    ]


def _present(package: str, program: str) -> bool:
    if package == "containernetworking-plugins":  # `bridge` is also a tool of iproute2
        return any(Path(directory, program).exists() for directory in CNI_DIRECTORIES)
    return shutil.which(program, path=SEARCH_PATH) is not None


def ensure() -> None:
    """Install what is missing, without letting any of it start a service."""
    if POLICY.exists() and POLICY.read_text(errors="replace") == POLICY_TEXT:
        POLICY.unlink()  # of a killed run
    packages = missing()
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise Problem(f"please install: {' '.join(packages)} (there is no apt-get here)", code=2)
    note(f"  installing Debian packages, which stay: {' '.join(packages)}")
    with step("Debian packages"):
        _install(packages)
    left = missing()
    if left:
        raise Problem(f"still missing after apt-get install: {' '.join(left)}")


def _install(packages: list[str]) -> None:
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        if not _apt("install", *packages):
            _apt("update")
            if not _apt("install", *packages, show=True):
                raise Problem(f"apt-get could not install: {' '.join(packages)}")
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
    if "containerd" in packages and Path("/run/systemd/system").is_dir():
        # The package enables its service for the next boot; the cluster runs its own.
        subprocess.run(["systemctl", "disable", "--now", "containerd"], check=False)


def _apt(verb: str, *packages: str, show: bool = False) -> bool:
    command = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300", verb]
    if verb == "install":
        command.append("--no-install-recommends")
    done = subprocess.run(
        [*command, *packages],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=not show,
        check=False,
    )
    return done.returncode == 0
