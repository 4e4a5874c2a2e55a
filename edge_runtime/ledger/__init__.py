"""The ledger: one row per part in a database, completed from the PLC's outcomes.

`store` opens it, `models` holds its tables, `apply` turns journal entries into rows,
`pictures` keeps the picture files, `queries`, `books` and `export` read.
"""
