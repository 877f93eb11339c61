"""The live chart: a read-only web page over the stored candles."""
