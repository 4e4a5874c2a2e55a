"""The PLC link: the register map, the records in its rings, and the station's side of the talk.

`registers` is the one place that knows addresses; docs/plc_registers.md is printed
from it. `records` packs and unpacks ring slots; `link` talks Modbus TCP.
"""
