"""`python -m backbone.runtime` is `emp-runtime`."""

from .cli import main

main()
