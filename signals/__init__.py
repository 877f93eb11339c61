"""What follows from candles: indicators, patterns, alert rules, their delivery. Imports `market`, `config`, `base`."""
