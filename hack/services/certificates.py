"""An authority of a folder's own, and a server's certificate that it signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from console import Failure

_KEY = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365", "-x509")


def certify(folder: Path, host: str, name: str) -> None:
    """Write ca.crt, ca.key, server.crt and server.key, for an address and with a name."""
    folder.mkdir(parents=True, mode=0o700)
    _openssl(
        *(*_KEY, "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt")),
        *("-subj", "/CN=services for development", "-addext", "basicConstraints=critical,CA:TRUE"),
        *("-addext", "keyUsage=critical,keyCertSign"),
    )
    _openssl(
        *(*_KEY, "-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")),
        *("-subj", f"/CN={name}", "-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
        *("-addext", f"subjectAltName=IP:{host}"),
    )


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise Failure(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
