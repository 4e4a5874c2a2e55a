"""Trials of the gate for commissioning: the one block that moves the gate without a verdict.

The PLC honours it only while a technician's key is on SERVICE, and nothing that passes meanwhile counts
as accepted (docs/plc_registers.md, "Key"). Neighbours: `link` writes it beside the station's header,
`edge_runtime.commission` over a connection of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.encoder import MAX_SPAN_COUNTS
from edge_runtime.plc import registers as reg
from edge_runtime.plc.modbus import Registers
from edge_runtime.plc.records import pack


@dataclass(frozen=True, slots=True)
class ServiceTrial:
    """When the gate is energised for each part, counts after its rising edge; `open_after_counts` 0: never.

    `service_seq` is 1..65535 and another one with every change; the PLC shows it in `service_echo`
    from the scan on in which the next part takes the new values.
    """

    open_after_counts: int
    close_after_counts: int
    service_seq: int

    def __post_init__(self) -> None:
        for name in ("open_after_counts", "close_after_counts"):
            if not 0 <= getattr(self, name) < MAX_SPAN_COUNTS:
                raise ValueError(f"{name} {getattr(self, name)} is not in 0..{MAX_SPAN_COUNTS - 1}")
        if not 1 <= self.service_seq <= 0xFFFF:
            raise ValueError(f"service_seq {self.service_seq} is not in 1..65535")


def next_service_seq(seq: int) -> int:
    """The number after `seq`; never 0, which stands for "none"."""
    return seq % 0xFFFF + 1


def write_service(registers: Registers, trial: ServiceTrial) -> None:
    """Write the block in one request, its sequence last.

    Raises:
        LinkError: no answer in time, or the PLC refuses.
    """
    values = {
        "open_after_counts": trial.open_after_counts,
        "close_after_counts": trial.close_after_counts,
        "service_seq": trial.service_seq,
    }
    registers.write(reg.SERVICE.address, pack(reg.SERVICE, values))
