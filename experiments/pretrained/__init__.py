"""How the models that come along were trained (with PyTorch, on a CPU), and what they reach on data held back."""
