"""The only place, with `db.py`, that speaks SQL: link, a file a driver, tables, schema. Imports `market`, `config`,
`base`.
"""
