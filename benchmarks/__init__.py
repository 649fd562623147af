"""What things cost, against what a user would do instead: ratios of interleaved repetitions, and how cost grows."""
