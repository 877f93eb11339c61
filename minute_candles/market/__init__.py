"""Pure market logic: calendar, sessions, candles, windows, turnover proof, trade chain, adjustment.

No clock, no I/O.
"""
