"""The exercises of Lab 08: how words reach a picture, how a model learns to do without them, and what that is good for.

Tokens are (B, L, D); queries, keys and values come in heads, (B, heads, L, D). A guidance_scale of 0 is the guess
without words, 1 the guess with them.
"""

from t2ilab.lab.bank.lab08_text_to_image.attention import CROSS_ATTENTION
from t2ilab.lab.bank.lab08_text_to_image.dropping import DROP_CONDITION
from t2ilab.lab.bank.lab08_text_to_image.guiding import GUIDE
from t2ilab.lab.bank.lab08_text_to_image.sampling import TEXT_TO_IMAGE

EXERCISES = (CROSS_ATTENTION, DROP_CONDITION, GUIDE, TEXT_TO_IMAGE)
