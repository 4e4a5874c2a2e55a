"""A thin typed wrapper over pymodbus: read and write holding registers, or one clear error.

A request that fails closes the connection: a late answer must never be taken for the
next one. No retries here (a retry would hide the age of a verdict); the link decides.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from edge_runtime.plc.registers import MAP_VERSION, MODBUS_READ_MAX, MODBUS_WRITE_MAX
from vision.errors import LinkError

# It prints what we raise: each fault once, by whoever handles it, is enough.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class Registers:
    """Holding registers of one Modbus TCP unit.

    Args:
        host, port, unit_id: where it listens.
        timeout_ms: longest wait for one answer.
    """

    def __init__(self, host: str, port: int, unit_id: int, timeout_ms: int) -> None:
        self._where = f"{host}:{port} unit {unit_id}"
        self._unit_id = unit_id
        self._client = ModbusTcpClient(host, port=port, timeout=timeout_ms / 1000.0, retries=0)

    def connect(self) -> None:
        """Open the connection.

        Raises:
            LinkError: nobody answers there.
        """
        if not self._client.connect():  # type: ignore[no-untyped-call]
            raise LinkError(
                "the PLC does not answer",
                where=self._where,
                todo="check cable, power, address and port in the station file's 'plc' section",
            )
        if self._client.socket is not None:
            # A verdict must leave at once, not wait for more bytes to share a packet with.
            self._client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the connection; a closed one stays closed."""
        self._client.close()  # type: ignore[no-untyped-call]

    def read(self, address: int, count: int) -> list[int]:
        """`count` registers from `address`, in as many requests as the protocol needs.

        Raises:
            LinkError: no answer in time, or the PLC refuses.
        """
        registers: list[int] = []
        while len(registers) < count:
            part = min(MODBUS_READ_MAX, count - len(registers))
            start = address + len(registers)
            try:
                answer = self._client.read_holding_registers(start, count=part, device_id=self._unit_id)
            except (ModbusException, OSError) as error:
                raise self._failed(f"reading {part} registers from {start}", error) from error
            if answer.isError() or len(answer.registers) != part:
                raise self._failed(f"reading {part} registers from {start}", answer)
            registers.extend(answer.registers)
        return registers

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write registers from `address` on; at most 123, so that they arrive in one request.

        Raises:
            LinkError: no answer in time, or the PLC refuses.
            ValueError: more than one request's worth.
        """
        if not 0 < len(values) <= MODBUS_WRITE_MAX:
            raise ValueError(f"1..{MODBUS_WRITE_MAX} registers in one write, got {len(values)}")
        try:
            answer = self._client.write_registers(address, list(values), device_id=self._unit_id)
        except (ModbusException, OSError) as error:
            raise self._failed(f"writing {len(values)} registers to {address}", error) from error
        if answer.isError():
            raise self._failed(f"writing {len(values)} registers to {address}", answer)

    def _failed(self, doing: str, why: object) -> LinkError:
        self._client.close()  # type: ignore[no-untyped-call]
        return LinkError(
            f"the PLC failed at {doing}: {why}",
            where=self._where,
            todo="check the network and that the PLC holds "
            f"register map {MAP_VERSION} (docs/plc_registers.md)",
        )
