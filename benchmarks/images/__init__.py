"""The conversion beside other libraries, as ratios to plain Pillow: see docs/performance.md."""
