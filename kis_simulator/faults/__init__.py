"""What goes wrong at the simulated KIS: faults, server behaviour, inconsistencies."""
