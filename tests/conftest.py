"""What many tests share: a calm environment, a small random model, a zoo of one's own, the command in this process,
and what a notebook is shown."""

import os
import sys
from types import SimpleNamespace

import pytest

pytest.register_assert_rewrite("own_jupyterlab")  # what it expects is said where it fails
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """The student's own settings must not decide what a test sees."""
    for name in ("T2ILAB_LANG", "T2ILAB_DEVICE", "T2ILAB_BUDGET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _float32():
    """Whether bfloat16 is faster is measured, and on a busy machine that may come out either way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("t2ilab.device._bfloat16_speedup", lambda: 1.0)
        yield


@pytest.fixture
def cpu():
    """The CPU, in float32 like all that tests compute in this process."""
    from t2ilab.device import DeviceManager

    return DeviceManager("cpu")


@pytest.fixture(scope="session")
def tokenizer():
    """The vocabulary of the shapes level."""
    from t2ilab.clip.tokenizer import CLIPTokenizer
    from t2ilab.data.captions import vocabulary

    return CLIPTokenizer.train(vocabulary(), 24)


@pytest.fixture
def small_pipe(cpu, tokenizer):
    """A text-to-image model of random weights, none of them zero, so that every part has its say."""
    import torch

    from t2ilab.diffusion.schedule import NoiseSchedule
    from t2ilab.nets.text import TextConfig, TextEncoder
    from t2ilab.nets.unet import UNet, UNetConfig
    from t2ilab.pipelines.text_to_image import TextToImage

    layout = UNetConfig(block_out_channels=(8, 16), attention=(False, True), cross_attention_dim=16, patch_size=2)
    unet = UNet(layout)
    text_encoder = TextEncoder(TextConfig(len(tokenizer.vocab), 24, width=16, layers=1, heads=2))
    generator = torch.Generator().manual_seed(5)
    for part in (unet, text_encoder):
        for name, parameter in part.named_parameters():
            scale = 1.0 if "embedding" in name else 0.25
            parameter.data = scale * torch.randn(parameter.shape, generator=generator) + ("norm" in name)
    parts = (unet.eval(), text_encoder.eval(), tokenizer, NoiseSchedule.cosine())
    return TextToImage(*parts, image_size=16, device=cpu, world="shapes")


@pytest.fixture
def small_latent_model(tmp_path, small_pipe):
    """A folder with a model of random weights that works on latents (4, 8, 8) of pictures of 16 pixels a side."""
    import copy

    import torch

    from t2ilab.nets.unet import UNet, UNetConfig
    from t2ilab.nets.vae import VAE, VAEConfig

    torch.manual_seed(0)
    layout = UNetConfig(4, 4, block_out_channels=(8, 16), attention=(False, True), cross_attention_dim=16)
    pipe = copy.copy(small_pipe)
    pipe.unet = UNet(layout)
    pipe.vae = VAE(VAEConfig(block_out_channels=(8, 16), norm_num_groups=2, scaling_factor=1.25))
    pipe.save_pretrained(tmp_path / "latent")
    return tmp_path / "latent"


@pytest.fixture
def make_card():
    """A card for a checkpoint that no recipe made."""
    from t2ilab.zoo import Card

    def make(name, **changed):
        values = {"name": name, "summary": f"{name}, for a test.", "command": f"t2ilab train {name} --steps 1 --seed 0",
                  "seed": 0, "steps": 1, "minutes": 0.1, "hardware": "none", "parameters": 1, "scores": {"en": 0.5},
                  "data": "none", "limits": "all"}  # fmt: skip
        return Card(**(values | changed))

    return make


@pytest.fixture
def small_zoo(tmp_path, monkeypatch, small_pipe, make_card):
    """The zoo, for the length of a test, is a folder that holds the small model as `storybook`."""
    from t2ilab import zoo

    root = tmp_path / "zoo"
    small_pipe.save_pretrained(root / "storybook")
    zoo.write_card(root / "storybook", make_card("storybook"))
    monkeypatch.setattr(zoo, "ROOT", root)
    return root


@pytest.fixture
def drawn_emoji(monkeypatch):
    """Emoji to learn from are those of `drawn_emoji.py`, for which no font is needed."""
    from drawn_emoji import CHOSEN, drawn

    from t2ilab.data import emoji_pairs

    monkeypatch.setattr(emoji_pairs, "emojis", lambda font: CHOSEN)
    monkeypatch.setattr(emoji_pairs, "draw", drawn)


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs `t2ilab ARGUMENTS` in this process, in an empty folder: code, out, err, and the files it left there."""
    from t2ilab import cli

    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["t2ilab", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
        return SimpleNamespace(code=stop.value.code or 0, out=captured.out, err=captured.err, files=files)

    return run


@pytest.fixture
def no_figure_left():
    """A figure that is left open would fill a student's memory."""
    import matplotlib.pyplot as plt

    yield
    assert plt.get_fignums() == []


@pytest.fixture
def shown(monkeypatch):
    """What the notebook would be given to show."""
    import IPython.display

    calls = []
    monkeypatch.setattr(IPython.display, "display", lambda *args, **kwargs: calls.append((args, kwargs)))
    return calls


@pytest.fixture
def figures(monkeypatch):
    """Every figure, before it is closed."""
    from t2ilab.lab import plots

    kept = []
    png = plots._png
    monkeypatch.setattr(plots, "_png", lambda figure: (kept.append(figure), png(figure))[1])
    return kept
