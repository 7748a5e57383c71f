"""The studio: a web page where one types a prompt and watches the picture come out of the noise.

`serve` starts it. What is drawn is that of `t2ilab generate` with the same settings.
"""

from t2ilab.studio.server import serve

__all__ = ["serve"]
