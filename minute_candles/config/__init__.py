"""What users set: `.env`, settings, the database address, symbols."""
