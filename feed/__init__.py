"""Who else hears of a candle: Redis, the process itself, or nobody. Imports `market`, `config`, `base`."""
