"""The exercises of Lab 07: the pieces of a variational autoencoder, and the number that readies its latents.

The encoder gives `mean` and `logvar`, the logarithm of the variance, one pair for each latent; KL is in nats, summed
over a picture's latents. Kingma & Welling 2014 (arXiv 1312.6114), Rombach et al. 2022 (arXiv 2112.10752).
"""

from t2ilab.lab.bank.lab07_latent_diffusion.divergence import KL_TO_STANDARD_NORMAL
from t2ilab.lab.bank.lab07_latent_diffusion.loss import VAE_LOSS
from t2ilab.lab.bank.lab07_latent_diffusion.sampling import REPARAMETERIZE
from t2ilab.lab.bank.lab07_latent_diffusion.scale import LATENT_SCALE

EXERCISES = (REPARAMETERIZE, KL_TO_STANDARD_NORMAL, VAE_LOSS, LATENT_SCALE)
