"""A certificate authority of one server's own, and the server's certificate."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

_KEY = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-x509")


def create(folder: Path, *hosts: str) -> None:
    """Write ca.crt, ca.key, server.crt and server.key into `folder`; nothing where they are there already."""
    if (folder / "server.crt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(
        *(*_KEY, "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt")),
        *("-subj", "/CN=a test's own authority", "-addext", "basicConstraints=critical,CA:TRUE"),
        *("-addext", "keyUsage=critical,keyCertSign"),
    )
    names = ",".join(f"{'IP' if host[0].isdigit() else 'DNS'}:{host}" for host in hosts)
    _openssl(
        *(*_KEY, "-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")),
        *("-subj", f"/CN={hosts[0]}", "-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName={names}"),
        *("-addext", "extendedKeyUsage=serverAuth"),
    )


def context(folder: Path) -> ssl.SSLContext:
    """For the server's side of a connection."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "server.crt", folder / "server.key")
    made.set_alpn_protocols(["http/1.1"])
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
