"""`ferrogate commission`: a technician and real balls turn a draft into a checked station file.

`engine` is a state machine without input or output of its own: the ports it is given stand for PLC,
cameras, clock, files and the first run (`ports`). The steps are `steps_*`; what they compute is in
`threshold`, `gate_model`, `tracks` and `picture_figures`, all without a clock. `terminal` and the page
(`edge_runtime.page.commission_api`) are two faces of the same engine, `driver` moves it on in real time.
"""
