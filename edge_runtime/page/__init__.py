"""The page of the ball line: one process of its own that shows the line and passes on what people ask for.

It reads mailboxes in shared memory and the ledger, sends acts to the station's desk, and decides nothing.
Neighbours: `edge_runtime.people` (who may), `edge_runtime.day` (acts), `edge_runtime.live` (what is shown).
"""
