"""The table of models, printed whole; apart from the cards because pandas is slow to import."""

import pandas as pd

ASIDE = ["modality", "terms"]  # columns that would not fit; a model's card has them, too


class Overview(pd.DataFrame):
    """A DataFrame whose rows are printed whole, without the columns ``ASIDE``; what is taken from it is plain.

    Example:
        >>> print(Overview({"name": ["text-emotion"], "classes": [7], "terms": ["MIT"]}))
                name  classes
        text-emotion        7
    """

    def __repr__(self):
        return pd.DataFrame(self).drop(columns=ASIDE, errors="ignore").to_string(index=False)
