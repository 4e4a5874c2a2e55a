"""Files of the plant panel: one page, its style and script, and its words in three languages."""
