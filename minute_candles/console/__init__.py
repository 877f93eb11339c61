"""What people see in a terminal: the command line, the progress bar, tables, logs."""
