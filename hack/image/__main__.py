"""The project's images as archives: `python3 hack/image build|list`. Standard library only.

Builds with Docker where an engine answers, otherwise with buildah on a base that mmdebstrap makes (as root on
Debian). An archive is named by the hash of all that went into it: what is built already is not built again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import archives
import inputs

from console import Failure, say


def main(arguments: list[str]) -> int:
    """Run one verb; returns the exit code."""
    top = parser()
    options = top.parse_args(arguments)
    try:
        if options.verb == "build":
            if unknown := set(options.targets) - set(inputs.TARGETS):
                top.error(f"no such target: {', '.join(sorted(unknown))}")
            show(archives.build(options.targets or list(inputs.TARGETS), options.fresh_base), options.json)
        else:
            show(archives.present(), options.json)
    except Failure as failure:
        say(f"image: {failure}")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python3 hack/image", description="The project's images as archives.")
    verbs = top.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build", help="build what has changed")
    build.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"{', '.join(inputs.TARGETS)}; all by default"
    )
    build.add_argument("--fresh-base", action="store_true", help="renew Debian below the images first")
    listing = verbs.add_parser("list", help="the archives of this checkout as it stands")
    for verb in (build, listing):
        verb.add_argument("--json", action="store_true", help="reference and archive by target")
    return top


def show(images: dict[str, Path], as_json: bool) -> None:
    """Print the archives to stdout."""
    if as_json:
        entries = {
            target: {"reference": inputs.reference(target), "archive": str(archive)}
            for target, archive in images.items()
        }
        print(json.dumps(entries))
        return
    for target, archive in images.items():
        print(f"{inputs.reference(target)} {archive} {archive.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
