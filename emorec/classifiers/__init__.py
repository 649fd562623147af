"""One class per kind of input: fit, predict, explain, save, load."""
