"""`python -m backbone.crds` writes the generated files; with --check it only names those that differ."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .files import COMMAND, drift, write

CHECKOUT = Path(__file__).resolve().parents[3]


def main() -> int:
    """Write or check; 1 if something differs under --check, 2 outside a checkout."""
    parser = argparse.ArgumentParser(prog="python -m backbone.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    options = parser.parse_args()
    if not (CHECKOUT / "pyproject.toml").is_file():
        sys.stderr.write("the generated files belong to a checkout of the repository; this is none\n")
        return 2
    changed = drift(CHECKOUT) if options.check else write(CHECKOUT)
    verb = "differs" if options.check else "written"
    sys.stdout.writelines(f"{verb}: {name}\n" for name in changed)
    if options.check and changed:
        sys.stderr.write(f"generated files differ from the models; mend them by `{COMMAND}`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
