"""Building, checking and publishing notebooks, tables and figures; not in the wheel."""
