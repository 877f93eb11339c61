"""A KIS of our own on loopback: `python -m simulator --port 9443`. The independent oracle: imports nothing of the
house.
"""
