"""Measuring a ball's silhouette: sub-pixel outline, ISO 12181 form, calibration, uncertainty, coverage.

Pure arithmetic on arrays: no file, clock or thread. In the order of the way of one picture:
`locate` finds the one ball, `outline` its edge at sub-pixel, `form` the reference circles,
`widths` the caliper widths, `measure` puts them together in pixels, `calibration` turns
pixels into mm at 20 degC, `budget` says how sure that is, `coverage` how much of the ball was seen.
"""
