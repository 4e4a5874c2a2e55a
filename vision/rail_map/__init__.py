"""A whole rail from many frames: laid out along its length, searched, its findings in millimetres."""
