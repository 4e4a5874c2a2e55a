"""`ferrogate soak`: the twin line for hours, with faults drawn at random and the auditor on all the way."""
