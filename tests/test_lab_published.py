"""The optional cells of the labs, which download a published model, run on stand-ins: small, random, of its format."""

import math
import re
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest
import torch
from PIL import Image
from tqdm.auto import tqdm

from t2ilab import authoring
from t2ilab.authoring.notebooks import read_source
from t2ilab.data.captions import describe
from t2ilab.data.noisy import NoisyPairs
from t2ilab.data.render import render
from t2ilab.data.scenes import Scene, complete
from t2ilab.data.world import World
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.images import from_pil
from t2ilab.lab import bank, cards, plots, say
from t2ilab.pipelines.image_text import ImageText


def small_ddpm(folder, tokenizer):
    """What `google/ddpm-cifar10-32` is, smaller."""
    from diffusers import UNet2DModel

    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    UNet2DModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, **blocks
    ).save_pretrained(folder)


def small_stable_diffusion(folder, tokenizer):
    """What `segmind/tiny-sd` is, smaller: a whole Stable Diffusion pipeline."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    tokenizer.save_pretrained(folder / "words")
    words = CLIPTokenizer.from_pretrained(folder / "words")
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=words.model_max_length,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=16, norm_num_groups=4,
        attention_head_dim=2, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=8)
    StableDiffusionPipeline(
        vae, CLIPTextModel(text), words, unet, DDIMScheduler(), None, None, requires_safety_checker=False
    ).save_pretrained(folder)


def small_half_precision(folder, tokenizer):
    """What `stable-diffusion-v1-5/stable-diffusion-v1-5` is, smaller: with its weights in half precision besides."""
    from diffusers import StableDiffusionPipeline

    small_stable_diffusion(folder.with_name("whole"), tokenizer)
    pipe = StableDiffusionPipeline.from_pretrained(folder.with_name("whole"), local_files_only=True)
    pipe.to(torch.float16).save_pretrained(folder, variant="fp16")


def small_vae(folder, tokenizer):
    """What `stabilityai/sd-vae-ft-mse` is, smaller."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    AutoencoderKL(block_out_channels=(4, 8), norm_num_groups=4, sample_size=16, **blocks).save_pretrained(folder)


def small_clip(folder, tokenizer):
    """What `openai/clip-vit-base-patch32` is, smaller."""
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    tower = {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = tower | {"vocab_size": len(tokenizer.vocab), "max_position_embeddings": tokenizer.context_length,
                    "bos_token_id": tokenizer.start_id, "eos_token_id": tokenizer.end_id}  # fmt: skip
    vision = tower | {"image_size": 16, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def small_if(folder, tokenizer):
    """What `DeepFloyd/IF-I-M-v1.0` is, smaller: a T5, and a U-Net of pixels that guesses noise and its variance."""
    from diffusers import DDPMScheduler, IFPipeline, UNet2DConditionModel
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    torch.manual_seed(0)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "cat": 4}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    words = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    t5 = T5Config(
        vocab_size=5, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=3, out_channels=6, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        cross_attention_dim=16, encoder_hid_dim=16, attention_head_dim=4, act_fn="gelu",
        resnet_time_scale_shift="scale_shift", addition_embed_type="text", addition_embed_type_num_heads=2,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
    )  # fmt: skip
    IFPipeline(
        words, T5EncoderModel(t5), unet, DDPMScheduler(beta_schedule="squaredcos_cap_v2"), None, None, None,
        requires_safety_checker=False,
    ).to(torch.float16).save_pretrained(folder, variant="fp16")  # fmt: skip


STAND_INS = {
    "00_welcome": small_stable_diffusion,
    "01_clip": small_clip,
    "02_zero_shot": small_clip,
    "03_image_text_data": small_clip,
    "04_denoising": small_ddpm,
    "05_ddpm": small_ddpm,
    "06_samplers": small_ddpm,
    "07_latent_diffusion": small_vae,
    "08_text_to_image": small_half_precision,
    "10_fine_tuning": small_half_precision,
    "11_dalle2": small_clip,
    "12_imagen": small_if,
    "14_capstone": small_stable_diffusion,
    "13_gans": small_half_precision,
}


def published_cells():
    """(the lab, the source of its optional cell) of every lab."""
    for source in authoring.sources():
        for cell in read_source(source):
            if "published" in cell.metadata.get("tags", []):
                yield Path(source).stem, cell.source


def pictures_of(shown):
    """The pictures of some cards, each of which is sure of something."""
    assert all(abs(card.chances.sum() - 1) < 1e-4 for card in shown)
    return torch.stack([card.picture for card in shown])


@pytest.mark.filterwarnings("ignore")  # of the libraries at the other end
@pytest.mark.parametrize(("lab", "source"), list(published_cells()), ids=[lab for lab, _ in published_cells()])
def test_an_optional_cell_runs_on_a_stand_in(lab, source, tmp_path, monkeypatch, cpu, tokenizer):
    matplotlib.use("agg")
    STAND_INS[lab](tmp_path / "model", tokenizer)
    shown, matrices = [], []
    monkeypatch.setattr(plots, "images", lambda images, *words, **_: shown.append(images))
    monkeypatch.setattr(cards, "recognition", lambda cards, *_, **__: shown.append(pictures_of(cards)))
    monkeypatch.setattr(cards, "similarities", lambda pictures, texts, matrix, *_, **__: matrices.append(matrix))
    exercises = {exercise.name: exercise.reference for exercise in bank.ALL if exercise.lab == lab}
    names = {"torch": torch, "math": math, "tqdm": tqdm, "machine": cpu, "device": cpu.device, "plots": plots}
    names |= {"NetworkDenoiser": NetworkDenoiser, "NoiseSchedule": NoiseSchedule}
    names |= {"pairwise": pairwise, "data": torch.rand(4, 3, 8, 8) * 2 - 1}
    names |= {"cards": cards, "ImageText": ImageText, "render": render, "Scene": Scene, "complete": complete}
    names |= {"describe": describe, "NoisyPairs": NoisyPairs, "say": say, "World": World}
    names |= {"storybook": World(16, level="storybook", japanese=0.0).batch(0, 8)}
    downloaded = source.replace("DOWNLOAD = False", "DOWNLOAD = True")
    lines = [
        f"PUBLISHED = {str(tmp_path / 'model')!r}" if line.startswith("PUBLISHED = ") else line
        for line in downloaded.splitlines()
    ]
    assert downloaded != source
    exec("\n".join(lines), names | exercises | {"from_pil": from_pil})
    (images,) = shown
    assert images.shape[1] == 3
    assert images.isfinite().all()
    assert images.std() > 0
    assert [tuple(matrix.shape) for matrix in matrices] == ([(8, 8)] if lab == "02_zero_shot" else [])


@pytest.mark.filterwarnings("ignore")
def test_lab_02_looks_at_the_photographs_that_the_student_names(tmp_path, monkeypatch, tokenizer):
    small_clip(tmp_path / "model", tokenizer)
    photographs = {"wide.png": (40, 20), "tall.png": (11, 30)}
    for name, size in photographs.items():
        Image.new("RGBA", size, (250, 20, 20, 255)).save(tmp_path / name)
    named = {str(tmp_path / "wide.png"): "a beach", str(tmp_path / "tall.png"): "my aunt"}
    source = dict(published_cells())["02_zero_shot"].replace("DOWNLOAD = False", "DOWNLOAD = True")
    source = re.sub("^PUBLISHED = .*", f"PUBLISHED = {str(tmp_path / 'model')!r}", source, flags=re.MULTILINE)
    source = re.sub("^PHOTOGRAPHS = .*", f"PHOTOGRAPHS = {named!r}", source, flags=re.MULTILINE)
    shown = []
    monkeypatch.setattr(cards, "recognition", lambda cards, *_, **__: shown.extend(cards))
    rows = []
    monkeypatch.setattr(cards, "similarities", lambda pictures, texts, matrix, *_, **__: rows.append((texts, matrix)))
    exercises = {exercise.name: exercise.reference for exercise in bank.ALL if exercise.lab == "02_zero_shot"}
    exec(source, {"torch": torch, "cards": cards, "ImageText": ImageText} | exercises)
    assert [card.truth for card in shown] == ["a beach", "my aunt"]
    assert [tuple(card.picture.shape) for card in shown] == [(3, 20, 40), (3, 30, 11)]
    ((texts, matrix),) = rows
    assert texts == ["a beach", "my aunt"]
    assert matrix.shape == (2, 2)


def test_every_lab_has_an_optional_cell_that_downloads_nothing_unasked():
    cells = dict(published_cells())
    assert cells.keys() == STAND_INS.keys()
    for source in cells.values():
        exec(source, {})  # DOWNLOAD is False, and nothing else is needed
