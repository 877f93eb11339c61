"""The WebSocket stream beside the rounds: ingest and the REST cross-check."""
