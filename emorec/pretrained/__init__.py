"""What comes along: word vectors, and trained models by name, offline, each with a card.

A file of `Classifier.save` is a model by itself. A *head* is a few kilobytes more: the last layer for another question
on top of a model whose encoder it shares.
"""

from emorec.pretrained.cards import ModelCard, card, cards, models
from emorec.pretrained.loading import load

__all__ = ["ModelCard", "card", "cards", "load", "models"]
