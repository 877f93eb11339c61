"""The simulated exchange: calendar, days, trades, ticks."""
