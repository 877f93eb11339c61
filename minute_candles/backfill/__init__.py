"""Fill the past: request, runner, report, check."""
