"""The edge box: cameras, part tracker, PLC link, journal, ledger, and the command `ferrogate`."""
