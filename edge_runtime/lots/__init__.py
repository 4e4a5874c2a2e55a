"""Lots: what the ledger knows of one, what the lab adds, and the papers that leave with it.

Queries, statistics and certificate of a lot; the arithmetic is `vision.statistics`, the papers are drawn by
`edge_runtime.reports`. Neighbour: the command `ferrogate lot`.
"""
