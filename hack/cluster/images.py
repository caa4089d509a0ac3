"""The two tiny images of the native cluster, made from the machine's static busybox."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import debian
from layout import BUSYBOX_IMAGE, PAUSE_IMAGE
from report import Problem

NOBODY = "65534"
DIRECTORIES = ("bin", "etc", "tmp")
FILES = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(path: Path, machine: str) -> None:
    """A docker-archive with a busybox to run scripts in and the pause container's image."""
    layer = _layer(Path(debian.find("busybox")))
    layer_id = hashlib.sha256(layer).hexdigest()
    manifest = []
    with tarfile.open(path, "w") as archive:
        _add(archive, f"{layer_id}.tar", layer)
        for image, settings in (
            (BUSYBOX_IMAGE, {"Cmd": ["/bin/sh"]}),
            (PAUSE_IMAGE, {"Entrypoint": ["/bin/sleep", "infinity"], "User": NOBODY}),
        ):
            config = _config(settings, layer_id, ARCHITECTURES.get(machine, machine))
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(archive, name, config)
            manifest.append({"Config": name, "RepoTags": [image], "Layers": [f"{layer_id}.tar"]})
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def names(archive: Path) -> list[str]:
    """The tags that a docker-archive carries."""
    with tarfile.open(archive) as opened:
        manifest = opened.extractfile("manifest.json")
        if manifest is None:
            raise Problem(f"{archive} is no docker-archive")
        return [tag for image in json.load(manifest) for tag in image["RepoTags"] or ()]


def _config(settings: Mapping[str, object], layer_id: str, architecture: str) -> bytes:
    content = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "WorkingDir": "/", **settings},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_id}"]},
    }
    return json.dumps(content).encode()


def _layer(busybox: Path) -> bytes:
    program = busybox.resolve().read_bytes()
    if b"/ld-linux" in program[:4096]:
        raise Problem("the busybox here is not static: apt-get install busybox-static", code=2)
    tools = subprocess.run(
        [str(busybox), "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as layer:
        for name in DIRECTORIES:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            layer.addfile(entry)
        _add(layer, "bin/busybox", program, mode=0o755)
        for tool in tools:
            if tool != "busybox":
                entry = tarfile.TarInfo(f"bin/{tool}")
                entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                layer.addfile(entry)
        for name, text in FILES.items():
            _add(layer, name, text.encode())
    return output.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
