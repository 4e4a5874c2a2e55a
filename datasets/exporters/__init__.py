"""Exporters: a data set in the form that other tools read."""
