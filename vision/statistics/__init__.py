"""Statistics of gauges and lots: gauge studies, attribute agreement, control charts, sampling plans.

Pure arithmetic: no file, clock or thread. Nothing here is on the way of one ball.
"""
