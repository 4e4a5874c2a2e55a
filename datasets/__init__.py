"""Records, importers, splits and the renderers: what the data team and the simulator share.

`FERROGATE_PACKAGE` lets `ferrogate doctor` tell this package from the unrelated
distribution of the same import name.
"""

FERROGATE_PACKAGE = True
