"""Marks on rails and rails to carry them: formulas and real patches, numpy and OpenCV only."""
