"""The library of the notebooks: an observer from outside."""
