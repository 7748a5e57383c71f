"""docs/scaling.md: what it counts is counted again, and its sums are done again."""

import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from t2ilab.nets.text import TextConfig, TextEncoder
from t2ilab.nets.unet import UNet, UNetConfig
from t2ilab.nets.vae import VAE, VAEConfig

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tera():
    """What each row of the table costs, in tera-operations, counted on tensors without numbers."""

    def counted(call):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            call()
        return counter.get_total_flops() / 1e12

    with torch.device("meta"):
        unet, vae = UNet(UNetConfig.stable_diffusion_1()), VAE(VAEConfig.stable_diffusion())
        text, t = TextEncoder(TextConfig.stable_diffusion_1()), torch.zeros(1, dtype=torch.long)
        return {
            "64x64": counted(lambda: unet(torch.zeros(1, 4, 64, 64), t, torch.zeros(1, 77, 768))),
            "32x32": counted(lambda: unet(torch.zeros(1, 4, 32, 32), t, torch.zeros(1, 77, 768))),
            "512x512": counted(lambda: vae.encode(torch.zeros(1, 3, 512, 512))),
            "256x256": counted(lambda: vae.encode(torch.zeros(1, 3, 256, 256))),
            "77 tokens": counted(lambda: text(torch.zeros(1, 77, dtype=torch.long))),
        }


def test_the_table_holds_what_is_counted(tera):
    rows = re.findall(r"^\| (.*?) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == len(tera)
    for (name, said), (what, counted) in zip(rows, tera.items(), strict=True):
        assert what in name
        assert f"{counted:.3f}" == said


def test_the_sums_are_right(tera):
    large = 3 * tera["64x64"] + tera["512x512"] + tera["77 tokens"]
    small = 3 * tera["32x32"] + tera["256x256"] + tera["77 tokens"]
    assert f"= {large:.2f} tera-operations, of which the frozen parts take {1 - 3 * tera['64x64'] / large:.0%}" in PAGE
    seen_small, seen_large = 237_000 * 2_048, (194_000 + 515_000 + 225_000) * 2_048
    total = (seen_small * small + seen_large * large) * 1e12
    assert f"= {seen_small / 1e9:.2f} billion" in PAGE
    assert f"= {seen_large / 1e9:.2f} billion" in PAGE
    assert f"= {seen_small * small / 1e9:.2f} x 10^21" in PAGE
    assert f"= {seen_large * large / 1e9:.2f} x 10^21" in PAGE
    assert f"{(seen_small + seen_large) / 1e9:.2f} billion, about" in PAGE
    assert f"| {total / 1e21:.1f} x 10^21" in PAGE
    hours = total / (0.4 * 312e12) / 3600
    assert f"{round(hours, -3):,.0f} hours: **{hours / 24:.0f} GPU-days**" in re.sub(r"\s+", " ", PAGE)
    assert f"{hours / 24 / 256:.1f} days of the 256 GPUs" in PAGE
    assert f"over all {total / 312e12 / 3600 / 150_000:.0%} of the peak" in PAGE
    assert f"{total / 100e9 / 86_400 / 365:.0f}"[0] == "2"  # two thousand years


def test_the_bytes_are_right():
    latents, words, weights = 4 * 64 * 64 * 2, 77 * 768 * 2, 859_520_964
    plain = re.sub(r"\s+", " ", PAGE)
    assert f"{latents / 1e3:.0f} kB a picture, {latents * 2.32e9 / 1e12:.0f} TB" in plain
    assert f"{words / 1e3:.0f} kB, {words * 2.32e9 / 1e12:.0f} TB" in plain
    assert f"{5 * 4 * weights / 1e9:.0f} GB before" in plain
    assert f"{2 * weights / 1e9:.1f} GB. Summing" in plain
    sent = 2 * 2 * weights
    assert f"{sent / 300e9 * 1e3:.0f} ms" in plain
    assert f"{sent / 25e9:.2f} s over" in plain
