"""Publish stored candles to Redis, and subscribe to them."""
