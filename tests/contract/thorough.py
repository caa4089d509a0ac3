"""Whether a test that kills before statements or writes tries each of them, as `make soak` does, or some."""

from __future__ import annotations

import os

EVERY_STATEMENT = os.environ.get("EVERY_STATEMENT") == "1"
