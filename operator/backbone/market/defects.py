"""What a check found in a row, each with its meaning; the reference pages are generated from it."""

from __future__ import annotations

from ..documented import Documented


class Defect(Documented):
    """What a check found in a row: why it is in quarantine, or the flag under which it is kept."""

    SCHEMA_MISMATCH = (
        "SchemaMismatch",
        "A required value is missing, is not of its column's type, or is a text that contains "
        "the character of number 0.",
    )
    NOT_FINITE = ("NotFinite", "A price or value is NaN or infinite.")
    NON_POSITIVE_PRICE = (
        "NonPositivePrice",
        "A price is zero or negative. Such rows are kept for futures, spreads and rates, which "
        "trade at such prices.",
    )
    NEGATIVE_SIZE = ("NegativeSize", "A volume is negative, or a trade has no size.")
    PRICE_ORDER = (
        "PriceOrder",
        "The high is not the highest of a bar's prices, or the low is not the lowest.",
    )
    FUTURE_ROW = (
        "FutureRow",
        "The row or its vintage has a later date than the run that fetched it: a clock is wrong.",
    )
    MISALIGNED = (
        "Misaligned",
        "An intraday bar starts neither on a quarter of an hour, nor on a multiple of its "
        "interval, nor with a session.",
    )
    CONFLICTING_ROWS = (
        "ConflictingRows",
        "One delivery has several rows with this key and different values, and it is not known "
        "which row is right.",
    )
    REPEATED_ROW = ("RepeatedRow", "One delivery has several rows with this key; another of them is kept.")
    OFF_SESSION = (
        "OffSession",
        "The exchange's calendar has no session on that day or at that time. Such a row is "
        "kept if the source names the hours, or if nearly all symbols of the exchange have one: the "
        "calendar may be wrong.",
    )
    ZONE_ERROR = (
        "ZoneError",
        "All rows of the symbol are shifted: if they are moved by some hours or by a day, "
        "every row is in a session.",
    )
    PRICE_SPIKE = (
        "PriceSpike",
        "The price jumps away from its neighbours and returns at once, without turnover.",
    )
    BAD_EXTREME = (
        "BadExtreme",
        "The high or the low is far from every other price around it. Such a bar is kept if "
        "turnover was high.",
    )
    UNADJUSTED_SPLIT = (
        "UnadjustedSplit",
        "From this row on, prices have another basis than before: a split that the earlier "
        "rows do not reflect, or another unit, such as pounds for pence. The defect ends when prices "
        "return, or when somebody releases the row.",
    )
    STALE_REPEAT = ("StaleRepeat", "The bar repeats the previous one, in every price and in volume.")
    CONDEMNED = (
        "Condemned",
        "The row was stored, and a later delivery contradicts it: a check refuses it beside the newer rows.",
    )
    WITHDRAWN = (
        "Withdrawn",
        "The row was stored, and its source no longer has it, in a window that the source delivered in full.",
    )
    GAP_BEFORE = (
        "GapBefore",
        "Kept. Sessions or periods between this row and the previous one were not delivered.",
    )
    NO_VOLUME = ("NoVolume", "Kept. The volume is zero, in a series that otherwise has volume.")
    UNCONFIRMED_MOVE = (
        "UnconfirmedMove",
        "Kept. The latest price is far from the previous ones, and no later price confirms or "
        "reverts it yet.",
    )
    POSSIBLE_SPLIT = (
        "PossibleSplit",
        "Kept. Prices jump as in a split, and neither adjusted prices nor turnover show whether it was one.",
    )
    NO_ADJUSTED_CLOSE = (
        "NoAdjustedClose",
        "Kept. The adjusted price is missing, or is not a positive number, and is stored as null.",
    )
    CLOCK_AHEAD = (
        "ClockAhead",
        "Kept. The worker's clock was more than five minutes ahead of the store's clock, which "
        "sets observed_at.",
    )
    RELEASED = ("Released", "Kept. Somebody released the row from quarantine.")
