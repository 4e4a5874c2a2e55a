"""Checks of a machine and a station before a line runs on it.

Each check is a function that returns one `Check`. `machine` looks at this computer and
what is installed, `station` at a ball line's file and what it names: recipe, storage,
model, cameras, PLC, `yard` at a rail yard's. The command is `edge_runtime.commands.doctor`.
"""
