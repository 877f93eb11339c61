"""Forecast volume and high–low range of the next minutes, and say how far the forecast beats a baseline."""
