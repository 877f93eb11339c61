"""Clock, errors, files, redaction, worker threads: what every layer may use. Imports nothing of the project."""
