"""Alarms: what is wrong at the line now, in plain words with what to do, kept in the ledger until it is over.

`conditions` (pure) finds them, `steady` (pure) keeps them from fluttering, `desk` keeps the ledger's table
in step. Neighbours: the page process feeds it all; the station and the PLC never wait for an alarm.
"""
