"""The operator's day: shift, lot, changeover, challenge balls.

`acts` and `state` are plain types, `rules` turns a state and an act into the next state (no clock, file
or socket); the station carries acts out in its decision loop and journals them, `client` sends them to
it from the page or a command.
"""
