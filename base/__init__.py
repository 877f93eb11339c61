"""The ground floor: clock and KST, errors, files, redaction. Imports nothing of the house."""
