"""Keep the present: service, schedule, rounds, poller, stream, end of day."""
