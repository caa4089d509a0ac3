"""Run the server until it is stopped: `python -m yahoo --port 8443 --folder build/yahoo`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backbone.providers.sample.files import sample_root

from .service import Yahoo, serve


def main() -> None:
    """Serve on an address, with an authority in a folder."""
    parser = argparse.ArgumentParser(prog="yahoo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--folder", type=Path, required=True, help="of ca.crt and the server's certificate")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that an answer takes")
    given = parser.parse_args()
    server = serve(Yahoo(sample_root(), delay=given.delay), given.folder, given.host, given.port)
    sys.stdout.write(f"{server.address}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
