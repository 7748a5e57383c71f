"""The exercises of Lab 13: what painter and judge want, a judge kept calm, growth, styles, and there and back again.

Logits are numbers of any shape, one a picture or one a patch, high for real; pictures are (B, 3, H, W) in [-1, 1].
"""

from t2ilab.lab.bank.lab13_gans.calm import SPECTRAL_NORMALIZE
from t2ilab.lab.bank.lab13_gans.cycle import CYCLE_LOSS
from t2ilab.lab.bank.lab13_gans.growing import FADE_IN
from t2ilab.lab.bank.lab13_gans.judge import DISCRIMINATOR_LOSS
from t2ilab.lab.bank.lab13_gans.painter import GENERATOR_LOSS
from t2ilab.lab.bank.lab13_gans.style import ADAIN

EXERCISES = (DISCRIMINATOR_LOSS, GENERATOR_LOSS, SPECTRAL_NORMALIZE, FADE_IN, ADAIN, CYCLE_LOSS)
