"""Ours beside ultralytics: the same file on the same pictures, and the same task on whole line frames.

`ferrogate bench peers`. `same_file` compares two ways of running one network, `line_task` two ways of doing
one job; `line_frames` makes the frames, `stock` trains and exports what is compared with, `rival` runs it.
"""
