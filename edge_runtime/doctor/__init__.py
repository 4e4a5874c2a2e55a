"""Checks of a machine and a station before a line runs on it.

Each check is a function that returns one `Check`. `machine` looks at this computer and
what is installed, `station` at one station file and what it names: recipe, storage,
model, cameras, PLC. The command is `edge_runtime.commands.doctor`.
"""
