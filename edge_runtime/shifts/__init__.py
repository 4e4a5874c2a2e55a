"""Shifts: what one did, for the foreman who hands over and the one who takes over.

The parts that a shift has in common with a lot (counts, sizes, what happened at the line, rejects) are those
of `edge_runtime.lots`. Neighbours: `edge_runtime.ledger` holds the rows, `edge_runtime.reports` writes.
"""
