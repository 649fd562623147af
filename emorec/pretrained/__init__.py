"""The files that come along: word vectors, and trained models with a card each."""
