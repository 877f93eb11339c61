"""Check KIS, the database and this computer before the first run."""
