"""Where a backbone's data lie when no cluster says so."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import Rejected
from ..plain_text import is_text

DATA_DIR_VARIABLE = "EMP_DATA_DIR"
HOME = Path("backbone-data")


def data_dir(given: Path | None, backbones: tuple[str, ...]) -> dict[str, Path]:
    """The data folder of each backbone: the one given or in EMP_DATA_DIR, else ./backbone-data/<name>.

    Raises Rejected where one folder would have to hold several backbones, or a file is in its place.
    """
    named = given or _from_environment()
    if named is None:
        return {name: _folder(HOME / name) for name in backbones}
    if len(backbones) > 1:
        raise Rejected(
            f"one data folder holds one backbone, and these are several: {', '.join(backbones)}; "
            f"leave out --data-dir and {DATA_DIR_VARIABLE}, or name one backbone's files"
        )
    return dict.fromkeys(backbones, _folder(named))


def only_data_dir(given: Path | None) -> Path:
    """The data folder where no backbone is named.

    It is the one given or in EMP_DATA_DIR, else the only one under ./backbone-data. Raises Rejected.
    """
    named = given or _from_environment()
    if named is not None:
        return _folder(named)
    found = sorted(item for item in HOME.iterdir() if item.is_dir()) if HOME.is_dir() else []
    if len(found) == 1:
        return found[0]
    if found:
        raise Rejected(f"{HOME} holds several backbones; name one: --data-dir {found[0]}")
    raise Rejected(
        f"no data under ./{HOME}; run `emp-runtime ingest-once -f FOLDER` here first, where FOLDER holds a "
        "DataBackbone and an IngestPlan, such as manifests/samples/bootstrap; or name --data-dir"
    )


def _folder(named: Path) -> Path:
    if not is_text(named):
        raise Rejected(f"{str(named)!a} is not UTF-8 text; name another folder")
    if named.exists() and not named.is_dir():
        raise Rejected(f"{named} is a file; the data of a backbone needs a folder, which may be a new one")
    return named


def _from_environment() -> Path | None:
    named = os.environ.get(DATA_DIR_VARIABLE)
    return Path(named) if named else None
