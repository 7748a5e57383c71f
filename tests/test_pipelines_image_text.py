"""Pictures and texts in one space: against transformers' own preprocessing and model, and from a folder."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from published import library, randomised

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.images import from_pil
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines.image_text import ImageText

TOKENIZER = CLIPTokenizer.train(["a", "cat", "dog", "猫"], 9)


def config(width=16, embed_dim=12):
    text = TextConfig(len(TOKENIZER.vocab), 9, width=width, layers=1, heads=2)
    return CLIPConfig(text, VisionConfig(16, 8, width=24, layers=2, heads=2), embed_dim)


@pytest.fixture
def clip(cpu):
    return ImageText(randomised(CLIP(config())).float(), TOKENIZER, device=cpu)


def photograph(height, width):
    generator = np.random.default_rng(0)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(16, 16), (40, 40), (50, 31), (23, 64)])
def test_a_picture_is_seen_as_transformers_prepares_it(clip, size, tmp_path):
    """transformers works on bytes and rounds on the way, so a grey level of 255 is the tolerance."""
    clip.mean, clip.std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    clip.save_pretrained(tmp_path)
    processor = library("transformers").CLIPImageProcessor.from_pretrained(tmp_path)
    picture = photograph(*size)
    theirs = processor(picture, return_tensors="pt")["pixel_values"]
    ours = clip._seen(from_pil(picture))
    assert ours.shape == theirs.shape
    off = (ours - theirs).abs()
    assert off.mean() < 0.02
    assert off.max() < (0.2 if size != (16, 16) else 1e-5)


def test_features_are_those_of_transformers(clip, tmp_path):
    clip.save_pretrained(tmp_path)
    theirs = library("transformers").CLIPModel.from_pretrained(tmp_path)
    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    texts = ["a cat", "a dog and 猫"]
    with torch.no_grad():
        out = theirs(input_ids=TOKENIZER(texts), pixel_values=pictures)
    logits = clip.logit_scale * clip.encode_image(pictures, batch_size=2) @ clip.encode_text(texts, batch_size=1).T
    torch.testing.assert_close(logits, out.logits_per_image, rtol=1e-4, atol=1e-4)
    again = ImageText.from_pretrained(tmp_path, "cpu")
    torch.testing.assert_close(again.encode_text(texts), clip.encode_text(texts))


def test_other_words_beside_the_same_pictures(clip, cpu, tmp_path):
    from t2ilab.interop.clip import save_words

    other = randomised(CLIP(config(width=20)), seed=5).float()
    save_words(tmp_path, other, TOKENIZER)
    both = clip.with_words(tmp_path)
    ids = TOKENIZER(["a cat"])
    with torch.no_grad():
        torch.testing.assert_close(both.encode_text(["a cat"]), F.normalize(other.encode_text(ids), dim=-1))
    pictures = torch.zeros(1, 3, 16, 16)
    assert torch.equal(both.encode_image(pictures), clip.encode_image(pictures))
    assert both.logit_scale == clip.logit_scale
    theirs = library("transformers").CLIPTextModelWithProjection.from_pretrained(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).text_embeds, other.encode_text(ids), rtol=1e-4, atol=1e-4)
    save_words(tmp_path / "wide", randomised(CLIP(config(embed_dim=8))), TOKENIZER)
    with pytest.raises(ValueError, match="these words end in 8 numbers, the pictures in 12"):
        clip.with_words(tmp_path / "wide")
    clip.save_pretrained(tmp_path / "whole")
    with pytest.raises(OSError, match="holds no tower of words"):
        clip.with_words(tmp_path / "whole")


def test_bad_input_is_refused_in_one_sentence(clip):
    with pytest.raises(ValueError, match=r"Pictures are \(B, 3, H, W\), at least one; got \(3, 16, 16\)"):
        clip.encode_image(torch.zeros(3, 16, 16))
    with pytest.raises(ValueError, match="at least one"):
        clip.encode_image(torch.zeros(0, 3, 16, 16))
    with pytest.raises(ValueError, match="must be finite"):
        clip.encode_image(torch.full((1, 3, 16, 16), math.nan))
    with pytest.raises(ValueError, match=r"floats in \[-1, 1\]; got torch\.uint8\. Bytes become so by"):
        clip.encode_image(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    for texts, got in (("a cat", "'a cat'"), ([], "none"), (["a cat", "  "], "'  '"), (["a cat", math.nan], "nan")):
        with pytest.raises(ValueError, match=f"a list of texts, none of them empty; got {got}\\.$"):
            clip.encode_text(texts)


def test_a_text_beyond_the_context_is_cut_and_named(clip):
    long = "a cat a dog a cat a dog a cat"
    with pytest.warns(UserWarning, match=r"reads at most 7 tokens of a text.*cut: 'a cat a dog"):
        features = clip.encode_text([long, "a cat"])
    torch.testing.assert_close(features[0], clip.encode_text(["a cat a dog a cat a"])[0])
