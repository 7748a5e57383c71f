"""Emoji of a font that nobody has installed: the real names, and drawings that can be made anywhere."""

import zlib

import torch

from t2ilab.data.emoji import catalogue

CHOSEN = catalogue()[::9]


def drawn(chosen, size=32, font=None, background=(1.0, 1.0, 1.0)):
    """Red left and blue right, in a half-transparent frame of the emoji's own colour: (N, 3, size, size) in [-1, 1]."""
    edge, middle = size // 4, size // 2
    pictures = torch.tensor(background)[None, :, None, None].repeat(len(chosen), 1, size, size)
    for picture, emoji in zip(pictures, chosen, strict=True):
        generator = torch.Generator().manual_seed(zlib.crc32(emoji.character.encode()))
        own = 2 * torch.rand(3, 1, 1, generator=generator) - 1
        frame = picture[:, edge // 2 : size - edge // 2, edge // 2 : size - edge // 2]
        frame.copy_((frame + own) / 2)
        picture[:, edge : size - edge, edge:middle] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        picture[:, edge : size - edge, middle : size - edge] = torch.tensor([-1.0, -1.0, 1.0])[:, None, None]
    return pictures
