"""The only place that speaks SQL: connection, one file a driver, table layout and migration, day writer, reader."""
