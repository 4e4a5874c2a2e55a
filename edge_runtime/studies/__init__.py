"""Gauge and attribute studies: tables read, pictures measured, and the reports on them.

The arithmetic is `vision.statistics`, the papers are drawn by `edge_runtime.reports`. Neighbour: the
command `ferrogate msa`.
"""
