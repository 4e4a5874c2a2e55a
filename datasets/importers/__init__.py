"""Importers: outside labelling formats become records by one door each."""
