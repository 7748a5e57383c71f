"""A trained U-Net that is to read more than it was trained on: a mask, a map, a smaller picture beside x_t."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from t2ilab.nets.unet import UNet


@torch.no_grad()
def widened(unet: UNet, in_channels: int) -> UNet:
    """A copy that reads more channels, and so far makes nothing of those after the first: their weights are zero.

    Whatever stands there, it gives what the given network gives for the first; training goes on from that. So were
    Stable Diffusion's inpainting and the models of InstructPix2Pix begun (Brooks et al. 2023, section 3.2).

    Args:
        unet: stays as it is.
        in_channels: more than it has. For inpainting 2 * out_channels + 1: x_t, mask, and masked picture or latents.

    Raises:
        ValueError: not more channels than there are.
    """
    had = unet.config.in_channels
    if in_channels <= had:
        raise ValueError(f"A widened U-Net reads more channels than the {had} that it has; got {in_channels}.")
    wide = copy.deepcopy(unet)
    wide.config = replace(unet.config, in_channels=in_channels)
    # Patches are folded channel by channel, so the channels that there were come first in the folded picture too.
    old = wide.conv_in
    shape = (old.out_channels, in_channels * unet.config.patch_size**2, *old.kernel_size)
    weight = old.weight.new_zeros(shape)  # (C0, in_channels * p * p, 3, 3)
    weight[:, : old.in_channels] = old.weight
    old.in_channels, old.weight = shape[1], torch.nn.Parameter(weight, old.weight.requires_grad)
    return wide
