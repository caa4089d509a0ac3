"""What a check found in a row, each with its meaning; the reference pages are generated from it."""

from __future__ import annotations

from ..vocabulary import Documented


class Defect(Documented):
    """What a check found in a row: why it is in quarantine, or the flag under which it is kept."""

    SCHEMA_MISMATCH = (
        "SchemaMismatch",
        "A value that has to be there is missing, is not of its column's type, or is a text that holds the "
        "character of number 0.",
    )
    NOT_FINITE = ("NotFinite", "A price or value is NaN or infinite.")
    NON_POSITIVE_PRICE = ("NonPositivePrice", "A price is zero or negative.")
    NEGATIVE_SIZE = ("NegativeSize", "A volume is negative, or a trade has no size.")
    PRICE_ORDER = ("PriceOrder", "The high is not the highest of a bar's prices, or the low not the lowest.")
    FUTURE_ROW = ("FutureRow", "The row is dated later than the run that fetched it: a clock is wrong.")
    MISALIGNED = ("Misaligned", "An intraday bar does not start on a multiple of its interval.")
    CONFLICTING_ROWS = (
        "ConflictingRows",
        "One delivery holds the key more than once with other values, and nothing says which one is right.",
    )
    REPEATED_ROW = ("RepeatedRow", "One delivery holds the key more than once; another of the rows is kept.")
    OFF_SESSION = ("OffSession", "The exchange's calendar has no session on that day, or at that moment.")
    ZONE_ERROR = (
        "ZoneError",
        "The symbol's rows are shifted as a whole: moved by some hours, or by a day, all fall into sessions.",
    )
    PRICE_SPIKE = (
        "PriceSpike",
        "The price leaves its neighbourhood and comes back at once, without turnover.",
    )
    BAD_EXTREME = (
        "BadExtreme",
        "The high or the low is far from every other price around it. Kept where turnover was lively.",
    )
    UNADJUSTED_SPLIT = (
        "UnadjustedSplit",
        "From here on prices are on another basis than before: a split that the earlier rows do not know.",
    )
    STALE_REPEAT = ("StaleRepeat", "The bar repeats the one before it, in every price and in volume.")
    GAP_BEFORE = ("GapBefore", "Kept. Sessions or periods between the row and the one before did not come.")
    NO_VOLUME = ("NoVolume", "Kept. Nothing was traded, on a line that otherwise trades.")
    UNCONFIRMED_MOVE = (
        "UnconfirmedMove",
        "Kept. The latest price is far from those before, and no later one confirms or takes it back yet.",
    )
    POSSIBLE_SPLIT = (
        "PossibleSplit",
        "Kept. Prices jump as in a split, and neither adjusted prices nor turnover say whether it was one.",
    )
    RELEASED = ("Released", "Kept. Somebody released the row from quarantine.")
