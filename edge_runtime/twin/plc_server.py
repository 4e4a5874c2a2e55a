"""The Modbus TCP server of the twin's PLC: pymodbus around one list of registers.

The PLC's program works on the server's own register list, so there is no copy to keep
in step. Writes into the PLC's half are refused with exception 2 (illegal address), as
a PLC with one writer per area does. Neighbours: `plc_main` opens and closes it,
`plc_memory` reads and writes the list.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

from edge_runtime.plc.registers import UNIT_ID
from edge_runtime.twin.plc_memory import AREA_WORDS, STATION_FIRST
from vision.errors import LinkError


class PlcServer:
    """A server that can be opened, closed (connections dropped) and opened again.

    Make it inside a running asyncio loop.

    Attributes:
        registers: the live register area, address 0 first.
        on_write: called as a write request is carried out: address, registers, monotonic ns.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.on_write: Callable[[int, int, int], None] = lambda _address, _count, _t_ns: None
        device = SimDevice(
            id=UNIT_ID,
            simdata=[
                # The type matters: without it the registers read back empty and refuse writes.
                SimData(0, count=STATION_FIRST, values=0, datatype=DataType.REGISTERS, readonly=True),
                SimData(
                    STATION_FIRST, count=AREA_WORDS - STATION_FIRST, values=0, datatype=DataType.REGISTERS
                ),
            ],
            action=self._on_access,
        )
        self._server = ModbusTcpServer(device, address=(host, port))
        context = self._server.context
        if not isinstance(context, SimCore):
            raise TypeError(f"pymodbus keeps its registers in an unknown place: {type(context)}")
        # One shared block: start address, length, registers, flags.
        self.registers: list[int] = context.devices[UNIT_ID].block["x"][2]
        self.is_open = False

    async def _on_access(
        self,
        _function_code: int,
        _start_address: int,
        address: int,
        count: int,
        _registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        # pymodbus calls this right before it stores the values, without a pause in between.
        if values is not None:
            self.on_write(address, count, time.monotonic_ns())
        return None

    async def open(self) -> None:
        """Listen.

        Raises:
            LinkError: the address cannot be opened.
        """
        where = f"{self._host}:{self._port}"
        todo = "end the program that uses the port, or set another plc_port"
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self._host, self._port))
        except OSError as error:
            raise LinkError(
                f"the PLC's Modbus port cannot be opened: {error.strerror}", where=where, todo=todo
            ) from error
        if not await self._server.listen():
            raise LinkError("the PLC's Modbus port cannot be opened", where=where, todo=todo)
        self.is_open = True

    def close(self) -> None:
        """Drop all connections and listen no more."""
        self.is_open = False
        self._server.close()
