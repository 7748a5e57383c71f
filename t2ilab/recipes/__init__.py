"""The recipes: one file a model of the zoo. `run.py` drives any of them."""
