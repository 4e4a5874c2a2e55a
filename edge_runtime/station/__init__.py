"""The station: decision loop, its process, and the supervisor that keeps it running."""

#: exit code of a station that wants to be started anew at once: a changeover is done
RESTART = 75
