"""Builders: one module makes one data set out of the folder of real pictures."""
