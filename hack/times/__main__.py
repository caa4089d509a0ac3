"""What a whole `make test` took, against its budget: `python3 hack/times FOLDER [--limit MINUTES]`.

FOLDER holds what the run left: `steps.tsv` with a line per step by `hack/timed` (title, seconds, exit code),
and a JUnit file per suite. Prints the slowest tests and two tables, and writes `times.json` beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import took

BEYOND_LIMIT = 1


def main(arguments: list[str]) -> int:
    """Print and write; 1 where the suites together took more than the limit."""
    parser = argparse.ArgumentParser(prog="python3 hack/times", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, metavar="MINUTES", help="fail where the suites took longer")
    given = parser.parse_args(arguments)
    allowed = took.budgets()
    found = {section: took.steps(given.folder, entries) for section, entries in allowed.items()}
    slow = {step.title: took.slowest(given.folder, step.title) for step in found["warm"]}
    for suite, tests in slow.items():
        print(f"\nslowest of {suite}")
        for seconds, name in tests:
            print(f"{seconds:>9.1f} s  {name}")
    for section in ("cold", "warm"):
        print("\n" + "\n".join(took.table(section, found[section], allowed[section])))
    (given.folder.parent / "times.json").write_text(json.dumps(took.record(found, slow), indent=2) + "\n")
    minutes = sum(step.seconds for step in found["warm"]) / 60
    if given.limit is not None and minutes > given.limit:
        print(f"\nthe suites took {minutes:.1f} minutes; {given.limit:g} is the limit here", file=sys.stderr)
        return BEYOND_LIMIT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
