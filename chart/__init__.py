"""The web page: its server and its static files. It only reads. Imports `db` and the wings below, not `kis`."""
