"""Small recipes of several kinds, each a training of seconds, for the tests of training in several processes."""

from dataclasses import replace

from t2ilab.recipes import clip_storybook, shapes_pixel, vae_shapes


def text_to_image(cpu):
    unet = replace(shapes_pixel.NUMBERS.unet, block_out_channels=(8, 8, 16), norm_num_groups=4)
    return shapes_pixel.Recipe(cpu, 3, replace(shapes_pixel.NUMBERS, batch=8, unet=unet, warmup=5))


def autoencoder(cpu):
    return vae_shapes.Recipe(cpu, 3, replace(vae_shapes.NUMBERS, batch=4, warmup=5))


def towers(cpu):
    return clip_storybook.Recipe(cpu, 3)
