"""t2ilab: the breakthroughs of text-to-image generation, rebuilt by hand on an ordinary laptop.

Importing this package loads no torch; import the rooms you need (`from t2ilab.diffusion import schedule`).
"""

__version__ = "0.1.0"
