"""A KIS of our own on loopback: `python -m kis_simulator --port 9443`. It imports nothing of `minute_candles`."""
