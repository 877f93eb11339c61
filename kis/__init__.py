"""KIS on the wire: HTTP, client, call budget, WebSocket. `kis_token.py` at the door is its token. Imports `cli`,
`config`, `base`.
"""
