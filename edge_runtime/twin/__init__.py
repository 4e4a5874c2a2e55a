"""The twin: a simulated ball line with a PLC of its own, to run the real station against."""
