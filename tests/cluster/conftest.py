"""The local cluster's own tests; its modules are found as its program finds them."""

import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "hack" / "cluster"
sys.path.insert(0, str(PROGRAM))
