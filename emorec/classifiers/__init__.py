"""Classifiers with scikit-learn's verbs: raw inputs in, class names, probabilities and explanations out."""
