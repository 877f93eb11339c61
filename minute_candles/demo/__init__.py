"""A first look without key or database: the scripts on the simulator and SQLite."""
