"""What people see in a terminal: command line, console, log, status file, single instance. Imports `config` and
`base`.
"""
