"""Rendered balls: the heavy renderer (training extra) and the light bank reader (edge simulator)."""
