"""`ferrogate evaluate`: what a model is worth on pictures it has not seen, as HTML page and JSON file."""
