"""Read stored candles into pandas."""
