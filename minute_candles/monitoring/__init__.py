"""What goes wrong while collecting: incidents, stalled feed, unknown symbols, holidays, the status file."""
