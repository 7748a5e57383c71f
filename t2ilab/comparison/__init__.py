"""All families of models on the same prompts: what opens each, how all are measured, and a leaderboard to enter."""
