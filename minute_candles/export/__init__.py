"""Write candles to Parquet and CSV."""
