"""Attention maps against a slow computation of their own, against diffusers', and against the picture without them."""

import math
import warnings
from collections import defaultdict

import pytest
import torch
from published import latent_pipe, stable_diffusion

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.nets.layers import Attention
from t2ilab.pipelines.attention_maps import AttentionMaps, attention_probabilities, places_of, words_of
from t2ilab.pipelines.editing import image_to_image
from t2ilab.pipelines.text_to_image import TextToImage

PROMPT = "a big red rocket"  # no word of the vocabulary: five tokens
JAPANESE = "大きな赤い星"


@pytest.fixture
def pipe(cpu, tokenizer):
    """Of latents, with two sizes of maps, and queries and keys so large that pixels choose among the words."""
    pipe = latent_pipe(tokenizer, cpu, attention=(True, True))
    for name, layer in pipe.unet.named_modules():
        if name.endswith(("attn2.to_q", "attn2.to_k")):
            layer.weight.data.mul_(20)
    return pipe


def recorded(pipe, prompt=PROMPT, sizes=None, **how):
    with AttentionMaps(pipe, prompt, sizes) as maps:
        picture = pipe(prompt, **({"seed": 1, "num_inference_steps": 3, "output_type": "pt"} | how))
    return maps, picture


# ---- nothing changes -------------------------------------------------------------------------------------------------


def test_the_picture_is_the_picture_without(pipe, small_pipe):
    how = {"seed": 1, "num_inference_steps": 3, "output_type": "pt"}
    for model in (pipe, small_pipe):
        plain = model(PROMPT, **how)
        assert torch.equal(recorded(model)[1], plain)
        assert torch.equal(model(PROMPT, **how), plain)


def test_nothing_is_left_behind_even_after_an_error(pipe):
    sentence = "These maps are of 2 prompts; got a call for 1 pictures"
    with pytest.raises(ValueError, match=sentence), AttentionMaps(pipe, [PROMPT, PROMPT]):
        pipe(PROMPT, guidance_scale=1.0)
    assert not any(layer._forward_pre_hooks or layer._forward_hooks for layer in pipe.unet.modules())


def test_two_pictures_without_guidance_are_not_one_with(pipe):
    with AttentionMaps(pipe, PROMPT), pytest.raises(ValueError, match="maps are of 1 prompts; got a call for 2"):
        pipe([PROMPT, PROMPT], seed=0, num_inference_steps=1, guidance_scale=1.0)


def test_pictures_of_two_sizes_are_two_recordings(pipe):
    how = {"seed": 1, "num_inference_steps": 1, "output_type": "pt"}
    sentence = r"One recording is of one size; got \(8, 12\) after \(8, 8\)"
    with AttentionMaps(pipe, PROMPT):
        pipe(PROMPT, **how)
        with pytest.raises(ValueError, match=sentence):
            pipe(PROMPT, width=24, **how)


# ---- the numbers -----------------------------------------------------------------------------------------------------


def slow(layer, x, context):
    """The probabilities of one picture, number by number: (heads, N, L)."""
    q, k = x @ layer.to_q.weight.T, context @ layer.to_k.weight.T
    width = q.shape[1] // layer.heads
    rows = []
    for head in range(layer.heads):
        part = slice(head * width, (head + 1) * width)
        for pixel in q[:, part]:
            powers = [math.exp(float(pixel @ word) / math.sqrt(width)) for word in k[:, part]]
            rows.append([power / sum(powers) for power in powers])
    return torch.tensor(rows).view(layer.heads, len(x), len(context))


@torch.no_grad()
def test_probabilities_are_those_of_a_slow_computation():
    torch.manual_seed(3)
    layer = Attention(6, 2, 5).double()
    x, context = torch.randn(2, 4, 6).double(), 3 * torch.randn(2, 3, 5).double()
    got = attention_probabilities(layer, x, context)
    for i in range(2):
        torch.testing.assert_close(got[i].float(), slow(layer, x[i], context[i]))
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])
    masked = attention_probabilities(layer, x, context, mask)
    torch.testing.assert_close(masked[0, ..., :2].float(), slow(layer, x[0], context[0, :2]))
    values = layer.to_v(context).unflatten(-1, (2, -1)).transpose(1, 2)
    attended = layer.to_out[0]((masked @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attended, layer(x, context, mask))  # what the fused attention makes of them
    itself = attention_probabilities(Attention(6, 2).double(), x)
    assert itself.shape == (2, 2, 4, 4)


@torch.no_grad()
def test_maps_are_the_mean_over_heads_layers_and_steps(pipe):
    seen = defaultdict(list)

    def note(layer, inputs, output):
        x, context = inputs[0][-1], inputs[1][-1]  # the prompt's; guidance asks for the other first
        size = (8, 12) if len(x) == 96 else (4, 6)
        seen[size].append(slow(layer, x, context).mean(0).T.unflatten(-1, size))

    hooks = [m.register_forward_hook(note) for name, m in pipe.unet.named_modules() if name.endswith("attn2")]
    maps, _ = recorded(pipe, width=24, num_inference_steps=2)
    for hook in hooks:
        hook.remove()
    assert maps.sizes == [(8, 12), (4, 6)]
    assert maps.timesteps == pipe.timesteps(2).tolist()
    for size, layers in (((8, 12), 3), ((4, 6), 4)):
        assert len(seen[size]) == 2 * layers  # one on the way down, two on the way up, and one in the middle
        torch.testing.assert_close(maps.tokens(size)[0], torch.stack(seen[size]).mean(0))
        torch.testing.assert_close(maps.tokens(size, [1])[0], torch.stack(seen[size][layers:]).mean(0))
    enlarged = torch.nn.functional.interpolate(maps.tokens((4, 6)), (8, 12), mode="bilinear")
    torch.testing.assert_close(maps.tokens(), (3 * maps.tokens((8, 12)) + 4 * enlarged) / 7)


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_they_sum_to_one_and_each_picture_has_its_own(pipe, guidance_scale):
    how = {"guidance_scale": guidance_scale, "num_inference_steps": 2}
    maps, _ = recorded(pipe, [PROMPT, JAPANESE], **how)
    tokens = maps.tokens()
    assert tokens.shape == (2, 24, 8, 8)
    torch.testing.assert_close(tokens.sum(1), torch.ones(2, 8, 8))
    assert tokens.std(dim=(2, 3)).max() > 0.01  # pixels differ
    for i, prompt in enumerate((PROMPT, JAPANESE)):
        alone, _ = recorded(pipe, prompt, seed=1 + i, **how)
        torch.testing.assert_close(alone.tokens()[0], tokens[i], rtol=0, atol=1e-4)


def test_they_are_those_of_diffusers(cpu, tmp_path):
    theirs, folder = stable_diffusion(CLIPTokenizer.train(["cat", "red", "a", "and", "猫"], 16), tmp_path)
    theirs.set_progress_bar_config(disable=True)
    seen = defaultdict(list)

    class Recording:
        """Attention written out with diffusers' own `get_attention_scores`."""

        def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, **_):
            context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
            q, k, v = (
                attn.head_to_batch_dim(x) for x in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
            )
            scores = attn.get_attention_scores(q, k)  # (2 * heads, N, L)
            if encoder_hidden_states is not None:
                seen[scores.shape[1]].append(scores.unflatten(0, (2, -1))[1].mean(0))
            return attn.to_out[0](attn.batch_to_head_dim(scores @ v))

    theirs.unet.set_attn_processor(Recording())
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs("a red cat and 猫", height=16, width=16, latents=noise, num_inference_steps=3, guidance_scale=3.0)
    ours = TextToImage.from_pretrained(folder, "cpu")
    ours.device.dtype = torch.float32
    maps, _ = recorded(ours, "a red cat and 猫", latents=noise, guidance_scale=3.0)
    assert maps.sizes == [(8, 8), (4, 4)]
    for size in maps.sizes:
        expected = torch.stack(seen[size[0] * size[1]]).mean(0).T.unflatten(-1, size)
        torch.testing.assert_close(maps.tokens(size)[0], expected, rtol=0, atol=1e-6)


# ---- words -----------------------------------------------------------------------------------------------------------


def test_words_of_both_languages_have_the_places_of_their_tokens(tokenizer):
    assert words_of(tokenizer, "A red rocket, café") == [
        ("A", [1]), ("red", [2]), ("rocket", [3, 4, 5, 6, 7]), (",", [8]), ("café", [9, 10, 11, 12, 13])
    ]  # fmt: skip
    assert words_of(tokenizer, JAPANESE) == [("大きな", [1]), ("赤い", [2]), ("星", [3])]
    # Unknown characters are three bytes each, and stay together.
    assert words_of(tokenizer, "赤い龍虎と円 A") == [
        ("赤い", [1]), ("龍虎", [2, 3, 4, 5, 6, 7]), ("と", [8]), ("円", [9]), ("A", [10])
    ]  # fmt: skip
    assert words_of(tokenizer, "red " * 30) == [("red", [i]) for i in range(1, 23)]  # the rest is cut
    assert words_of(tokenizer, "") == []


def test_any_part_of_a_prompt_has_its_places(tokenizer):
    assert places_of(tokenizer, "a bored Red star and a red ring", "red") == [5, 9]  # "bored" takes three
    assert places_of(tokenizer, JAPANESE, "赤い星") == [2, 3]
    assert places_of(tokenizer, "赤い龍虎", "虎") == [5, 6, 7]


def test_a_words_map_is_what_its_tokens_have_together(pipe):
    maps, _ = recorded(pipe, [PROMPT, JAPANESE])
    tokens = maps.tokens()
    assert [word for word, _ in maps.words(0)] == ["a", "big", "red", "rocket"]
    assert [word for word, _ in maps.words(1)] == ["大きな", "赤い", "星"]
    rocket = dict(maps.words(0))["rocket"]
    torch.testing.assert_close(rocket, sum(tokens[0, i] for i in range(4, 9)))
    assert torch.equal(maps.word("rocket"), rocket)
    torch.testing.assert_close(maps.word("赤い星", 1, (4, 4), [0]), maps.tokens((4, 4), [0])[1, 2:4].sum(0))
    rest = tokens[0, 0] + tokens[0, 9:].sum(0)  # start, end and padding
    torch.testing.assert_close(sum(heat for _, heat in maps.words(0)) + rest, torch.ones(8, 8))


def test_it_watches_whatever_draws_and_keeps_the_sizes_asked_for(pipe):
    with AttentionMaps(pipe, PROMPT, sizes=[(4, 4)]) as maps:
        image_to_image(pipe, PROMPT, torch.rand(1, 3, 16, 16), 0.5, num_inference_steps=4, seed=0)
    assert maps.timesteps == pipe.timesteps(4).tolist()[2:]
    assert maps.sizes == [(4, 4)]
    assert maps.word("red").shape == (4, 4)


def test_pixels_that_look_at_words_only_are_watched_both_times(cpu, tokenizer):
    how = {"attention": (False, True), "only_cross_attention": (False, True)}
    maps, _ = recorded(latent_pipe(tokenizer, cpu, **how))
    assert maps._layers == {(4, 4): 3 * 2 + 1}  # the middle's pixels look at each other first


def test_what_cannot_be_read_is_a_sentence(pipe, tokenizer):
    empty = AttentionMaps(pipe, PROMPT)
    with pytest.raises(ValueError, match="Nothing was recorded: draw inside of"):
        empty.tokens()
    maps, _ = recorded(pipe)
    with pytest.raises(ValueError, match=r"A size is one of \(8, 8\), \(4, 4\); got \(5, 5\)"):
        maps.tokens((5, 5))
    for calls in ([], [3], [-1]):
        with pytest.raises(ValueError, match="Calls are numbered 0 to 2, and at least one"):
            maps.tokens(calls=calls)
    for part in ("blue", "", "ocke"):
        with pytest.raises(ValueError, match=f"got '{part}', and the prompt has: a, big, red, rocket"):
            maps.word(part)
    with pytest.raises(ValueError, match="got 'blue', which was cut off"):
        places_of(tokenizer, "red " * 30 + "blue", "blue")
    with pytest.raises(ValueError, match="A prompt needs at least one word"):
        AttentionMaps(pipe, "")
