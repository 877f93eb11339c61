"""KIS on the wire: HTTP, typed answers, token, call budget, WebSocket. The only place that knows KIS's field names."""
