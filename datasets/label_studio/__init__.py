"""Label Studio: tasks out (as annotations or as predictions to correct) and corrected tasks in.

What is written and read is Label Studio's own JSON ("Raw JSON format of completed tasks",
https://labelstud.io/guide/task_format). Neighbours: `datasets.carried`, `importers.assemble`.
"""
