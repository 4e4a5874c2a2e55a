"""The station: decision loop, its process, and the supervisor that keeps it running."""
