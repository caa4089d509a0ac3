"""Checks of market data: every row is kept, kept under a flag, or quarantined, with the reason.

Structural checks have no threshold: what they find is wrong by definition. Statistical ones compare a row
with its neighbours, and cross-check with turnover, so that a crash is not taken for an error.
"""
