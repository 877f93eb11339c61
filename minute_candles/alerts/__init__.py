"""Alert rules over closed candles: rules, engine, delivery, worker."""
