"""Pure: sessions, rows and ticks to candles, proof, past and running day, aggregation. No clock, no I/O; imports
`base` only.
"""
