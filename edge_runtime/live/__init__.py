"""What a running station shows of itself: a status and the newest picture of each camera.

One-slot mailboxes in shared memory: the station overwrites, never waits, and takes no picture's copy while
nobody looks. Neighbours: `edge_runtime.station.show` writes, the page and `ferrogate status` read.
"""
