"""Run the server until it is stopped: `python -m fred --port 8080 --folder build/fred`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backbone.providers.sample.files import sample_root

from .service import Fred, serve


def main() -> None:
    """Serve on an address, with an authority in a folder."""
    parser = argparse.ArgumentParser(prog="fred", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--folder", type=Path, required=True, help="of ca.crt and the server's certificate")
    given = parser.parse_args()
    server = serve(Fred(sample_root()), given.folder, given.host, given.port)
    sys.stdout.write(f"{server.address}/fred\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
