"""The rail yard station: scans become maps, maps are graded, corrected, and signed off in acts."""
