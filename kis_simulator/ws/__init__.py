"""The WebSocket of the simulated KIS: sessions, subscriptions, published records."""
