"""Indicators and candle patterns on arrays (TA-Lib)."""
