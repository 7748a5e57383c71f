"""What the recipes of the autoencoders share: 64x64 pictures of one level of the world to 8x8 latents, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from t2ilab import zoo
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.interop.stable_diffusion import read_vae, write_vae
from t2ilab.metrics import faithfulness
from t2ilab.nets.vae import VAE, VAEConfig
from t2ilab.recipes.reader import told
from t2ilab.training.loop import Plan
from t2ilab.training.processes import share

SIZE = 64  # pixels a side: 64x64x3 to 8x8x4 is Stable Diffusion's own 48 to 1
DECAY = 0.995  # of the averaged weights


@dataclass(frozen=True)
class Numbers:
    """All that tells one autoencoder from another.

    Attributes:
        name: of the model.
        level: of the world.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        vae: the network; its scaling factor is measured when the model is saved.
        kl_weight: what a nat of the KL divergence costs, a picture's mean squared error being the rest of the loss.
        held: what a unit of squared distance costs between its latents and those of the autoencoder that it starts from
            (the mean over their numbers), so that whatever was trained in the old ones draws through this one too.
    """

    name: str
    level: str
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    vae: VAEConfig
    kl_weight: float
    held: float = 0.0


class AutoencoderRecipe:
    """Data, net and loss; a recipe adds its numbers, and the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.world = World(size=SIZE, seed=seed, level=numbers.level)
        self.model = device.place(VAE(numbers.vae))
        self.began: VAE | None = None  # what it starts from, where its latents are held to it

    @torch.no_grad()
    def start_from(self, start: str) -> None:
        """Takes over the weights of a saved autoencoder. This one may be wider where it holds its latents: its
        old channels do not hear the new ones at first, so that only norms, whose groups move, and attention change what
        it does. (Net2Net changes nothing, by copies: Chen et al. 2016.) Raises ValueError for any other difference."""
        theirs, n = open_vae(start, self.device), self.numbers
        old, new = theirs.config, n.vae
        if n.held and len(old.block_out_channels) == len(new.block_out_channels):
            pairs = zip(old.block_out_channels, new.block_out_channels, strict=True)
            widths = tuple(min(a, b) for a, b in pairs)
            new = replace(new, block_out_channels=widths, norm_num_groups=old.norm_num_groups)
        if replace(old, scaling_factor=new.scaling_factor) != new:
            raise ValueError(f"{start} has other widths than {n.name}, so it cannot be its start.")
        weights, mine = dict(theirs.named_parameters()), dict(self.model.named_parameters())
        # Levels that have become as wide need no convolution to skip a block, but one where there was none would be
        # random in the place of nothing done.
        if not mine.keys() <= weights.keys():
            raise ValueError(f"{start} has levels of one width that {n.name} makes unequal, so it cannot be its start.")
        for name, ours in mine.items():
            ours[: len(weights[name])] = 0
            ours[tuple(slice(size) for size in weights[name].shape)] = weights[name]

    def goes_on(self, start: str) -> None:
        """Keeps what it starts from, or started from before it was interrupted, where its latents are held to it."""
        if self.numbers.held:
            self.began = open_vae(start, self.device).requires_grad_(False)

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps}
        return Plan(facts["steps"], n.learning_rate, n.warmup, decay=DECAY, facts=facts)  # type: ignore[arg-type]

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch, or of this process's share (Kingma & Welling 2014, eq. 10, with the KL
        divergence weighted): all its chance comes from the seed and the step."""
        x0 = self.world.batch(step, self.numbers.batch, self.device.device)["image"]
        factor = self.model.config.factor
        shape = (len(x0), self.model.config.latent_channels, SIZE // factor, SIZE // factor)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        noise = torch.randn(shape, generator=generator).to(self.device.device)
        rows = share(len(x0))
        x0, noise = x0[rows], noise[rows]
        with self.device.autocast():
            recon, mean, logvar = (one.float() for one in self.model(x0, noise))
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1)  # (B,), nats
        loss = (recon - x0).square().mean() + self.numbers.kl_weight * kl.mean()
        return loss if self.began is None else loss + self.numbers.held * (mean - self._before(x0)).square().mean()

    @torch.no_grad()
    def _before(self, x0: Tensor) -> Tensor:
        """The latents (B, C, h, w) of pictures in the autoencoder that this one starts from."""
        assert self.began is not None
        with self.device.autocast():
            return self.began.encode(x0)[0].float()

    @torch.no_grad()
    def measure(self, model: VAE, count: int = 512) -> dict[str, float]:
        """On scenes that training never showed: the peak signal-to-noise ratio in decibels, the mean over pictures; how
        often the reader reads them right, as they were and as they came back; and the latents, scaled."""
        scores = {}
        world = World(size=SIZE, seed=self.seed + 1, held_out=True, level=self.numbers.level)
        batch = world.batch(0, count, self.device.device)
        images, scenes = batch["image"], [told(scene) for scene in batch["scene"]]
        came_back = torch.cat([model(some)[0] for some in images.split(64)]).float().clamp(-1, 1)
        scores["psnr (dB)"] = psnr(came_back, images).mean().item()
        scores["read, as drawn"] = faithfulness(images, scenes).all
        scores["read, come back"] = faithfulness(came_back, scenes).all
        mean = torch.cat([model.encode(some)[0] for some in images.split(64)]).float()
        scores["scaled latents (standard deviation)"] = (mean * self.scaling_factor(model)).std().item()
        return scores

    @torch.no_grad()
    def scaling_factor(self, model: VAE, count: int = 512) -> float:
        """One over the standard deviation of the latents of training pictures (Rombach et al. 2022, appendix G); of
        latents that are held to those of another autoencoder, its own."""
        if self.began is not None:
            return self.began.config.scaling_factor
        images = self.world.batch(0, count, self.device.device)["image"]
        return 1 / torch.cat([model.encode(some)[0] for some in images.split(64)]).float().std().item()

    def sheet(self, model: VAE) -> Tensor:
        """Eight pictures as drawn, then the same as they come back (16, 3, 64, 64), to watch while it trains."""
        images = World(size=SIZE, seed=self.seed + 1, level=self.numbers.level).batch(0, 8, self.device.device)["image"]
        with torch.no_grad():
            return torch.cat([images, model(images)[0].float().clamp(-1, 1)])

    def save(self, model: VAE, folder: Path) -> None:
        """Writes a folder that diffusers' AutoencoderKL opens, with the scaling factor in its configuration."""
        model.config = replace(model.config, scaling_factor=round(self.scaling_factor(model), 5))
        write_vae(folder, model, SIZE)


def open_vae(name: str, device: DeviceManager, channels: int | None = None) -> VAE:
    """An autoencoder of the zoo, or one in a folder, for a network that learns in latents of so many channels.

    Raises ValueError for one of others, and ValueError or OSError as `zoo.folder` and `read_vae` do.
    """
    vae = read_vae(zoo.folder(name) if name in zoo.names() or not Path(name).is_dir() else name)
    if channels not in (None, theirs := vae.config.latent_channels):
        raise ValueError(f"{name} has latents of {theirs} channels, and this model learns in {channels}.")
    return device.place(vae)


def psnr(images: Tensor, originals: Tensor) -> Tensor:
    """Peak signal-to-noise ratio (B,) in decibels, of pictures (B, 3, H, W) in [-1, 1]: higher is closer."""
    return 10 * torch.log10(4 / (images - originals).square().flatten(1).mean(1))
