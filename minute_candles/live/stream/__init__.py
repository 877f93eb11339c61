"""The WebSocket stream: ingest, what it proves of a symbol, and the REST cross-check."""
