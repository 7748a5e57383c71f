"""unCLIP: its prior against diffusers' network and scheduler, the rest against slow versions, and what is refused."""

import errno

import pytest
import torch
import torch.nn.functional as F
from chains import DIM, SCHEDULE, stage, unclip
from PIL import Image
from published import difference, diffusers_class

from t2ilab.interop.prior import written_config_of
from t2ilab.nets.prior import Prior, PriorConfig
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.interpolation import slerp
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.prior import Components, PriorSettings, best_of, open_prior, save_prior
from t2ilab.pipelines.stage import Guidance
from t2ilab.pipelines.unclip import UnCLIP

PROMPTS = ["a big red star", "a small blue circle on a dark background"]
QUICK = {"num_inference_steps": 2, "output_type": "pt"}


@pytest.fixture
def pipe(cpu, tokenizer):
    return unclip(cpu, tokenizer)


def picture(color=(200, 30, 40)):
    return Image.new("RGB", (16, 16), color)


@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
@torch.no_grad()
def test_the_prior_walks_as_diffusers_does(pipe, guidance_scale):
    net = diffusers_class("PriorTransformer")(
        **{k: v for k, v in written_config_of(pipe.prior.config).items() if not k.startswith("_")}
    ).eval()
    net.load_state_dict(pipe.prior.state_dict())
    steps = diffusers_class("DDIMScheduler")(
        num_train_timesteps=100, beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing",
        prediction_type="sample", clip_sample=True, clip_sample_range=5.0,
    )  # fmt: skip
    steps.set_timesteps(4)
    text, tokens, mask = pipe.read(PROMPTS)
    nothing = [one.expand(2, *one.shape[1:]) for one in pipe.read([""])]
    streams = [torch.Generator().manual_seed(6 + i) for i in range(2)]
    drawn = torch.stack([torch.randn(3, DIM, generator=stream) for stream in streams], 1)  # (K, B, D)
    candidates = []
    for x in drawn:
        for t in steps.timesteps:
            cond = net(x, t, text, tokens, mask).predicted_image_embedding
            uncond = net(x, t, *nothing).predicted_image_embedding
            guided = uncond + guidance_scale * (cond - uncond)
            x = steps.step(guided, t, x, use_clipped_model_output=True).prev_sample
        candidates.append(net.post_process_latents(x))
    best = [max((one[i] for one in candidates), key=lambda e, i=i: float(e @ text[i])) for i in range(2)]
    ours = pipe.draw_embedding(PROMPTS, PriorSettings(3, guidance_scale, 4), Noise(2, 6))
    assert difference(ours, F.normalize(torch.stack(best), dim=-1)) < 1e-4
    assert pipe.draw_embedding(PROMPTS, PriorSettings(1, 1.0, 2)).norm(dim=-1).sub(1).abs().max() < 1e-5


def test_more_candidates_fit_their_text_better(pipe):
    text, _, _ = pipe.read(PROMPTS)
    candidates = torch.randn(9, 2, DIM, generator=torch.Generator().manual_seed(1))
    fits = [(best_of(candidates[:k], text) * text).sum(-1) for k in (1, 3, 9)]
    assert (fits[0] <= fits[1]).all()
    assert (fits[1] <= fits[2]).all()
    chosen = best_of(candidates, text)
    for b in range(2):
        scores = [float(candidates[k, b] @ text[b]) for k in range(9)]
        assert torch.equal(chosen[b], candidates[scores.index(max(scores)), b])


@torch.no_grad()
def test_a_prompt_becomes_an_embedding_and_that_a_picture(pipe):
    drawn = pipe(PROMPTS, seed=2, prior=PriorSettings(2, 1.5, 3), guidance_scale=2.0, **QUICK)
    noise = Noise(2, 2)
    embedding = pipe.draw_embedding(PROMPTS, PriorSettings(2, 1.5, 3), noise)
    nothing, how = torch.zeros(1, DIM), Guidance(2.0, 2)
    x = pipe.decoder.draw(embedding, nothing, how, noise).clamp(-1, 1)
    above = Guidance(1.0, 2)  # the upsampler is not guided
    x = pipe.upsampler.draw(embedding, nothing, above, noise, x).clamp(-1, 1)
    torch.testing.assert_close(drawn, (x / 2 + 0.5).float())
    assert drawn.shape == (2, 3, 16, 16)
    alone = pipe(PROMPTS[1], seed=3, prior=PriorSettings(2, 1.5, 3), guidance_scale=2.0, **QUICK)
    torch.testing.assert_close(alone, drawn[1:], rtol=0, atol=1e-4)


def test_without_an_upsampler_the_decoder_has_the_last_word(cpu, tokenizer):
    pipe = unclip(cpu, tokenizer, upsampler=False)
    assert [one.size for one in pipe(PROMPTS, seed=1, num_inference_steps=1)] == [(8, 8)] * 2


def test_variations_share_an_embedding_and_differ_in_noise(pipe):
    drawn = pipe.variations(picture(), 3, seed=5, **QUICK)
    embedding = pipe.embed(picture())
    for i in range(3):
        torch.testing.assert_close(drawn[i : i + 1], pipe.decode(embedding, Guidance(num_inference_steps=2),
                                                                  Noise(1, 5 + i), "pt"))  # fmt: skip
    assert (drawn[0] - drawn[1]).abs().max() > 1e-3


def test_interpolation_goes_along_the_arc_with_one_noise(pipe):
    a, b = picture(), picture((10, 60, 220))
    drawn = pipe.interpolate(a, b, 3, seed=5, **QUICK)
    ends = pipe.embed(a), pipe.embed(b)
    for weight, one in zip((0, 0.5, 1), drawn, strict=True):
        alone = pipe.decode(slerp(*ends, weight), Guidance(num_inference_steps=2), Noise(1, 5), "pt")
        torch.testing.assert_close(one[None], alone, rtol=0, atol=1e-5)


def test_a_text_difference_turns_the_picture(pipe):
    drawn = pipe.text_difference(picture(), "a red star", "a blue star", (0.0, 0.4), seed=5, **QUICK)
    (before, after), embedding = pipe.read(["a red star", "a blue star"])[0], pipe.embed(picture())
    towards = F.normalize(after - before, dim=0)[None]
    for weight, one in zip((0.0, 0.4), drawn, strict=True):
        turned = slerp(embedding, towards, weight)
        alone = pipe.decode(turned, Guidance(num_inference_steps=2), Noise(1, 5), "pt")
        torch.testing.assert_close(one[None], alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(drawn[:1], pipe.variations(picture(), 1, seed=5, **QUICK))


def test_truncated_embeddings_keep_the_widest_directions(pipe):
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(60, DIM, generator=generator) * torch.linspace(3, 0.1, DIM) + 1
    components = Components.of(data)
    errors = [(components.truncate(data, count) - data).square().sum(1).mean() for count in range(DIM + 1)]
    variances = torch.linalg.eigvalsh(torch.cov(data.T, correction=0)).flip(0)  # another road to the same numbers
    for count, error in enumerate(errors):
        torch.testing.assert_close(error, variances[count:].sum(), rtol=1e-3, atol=1e-4)
    drawn = pipe.truncated(picture(), components, (0, DIM), seed=5, **QUICK)
    torch.testing.assert_close(drawn[1:], pipe.variations(picture(), 1, seed=5, **QUICK), rtol=0, atol=1e-3)
    torch.testing.assert_close(
        drawn[:1], pipe.decode(data.mean(0, keepdim=True), Guidance(num_inference_steps=2), Noise(1, 5), "pt"),
        rtol=0, atol=1e-4,
    )  # fmt: skip


def test_a_folder_of_that_name_does_not_hide_the_zoos(tmp_path, monkeypatch):
    (tmp_path / "shapes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert UnCLIP.from_pretrained("shapes", "cpu").decoder.image_size == 32


def test_it_is_saved_and_opened(pipe, tmp_path, cpu):
    pipe.clip.save_pretrained(tmp_path / "clip")
    pipe.save_pretrained(tmp_path / "all")
    again = UnCLIP.from_pretrained(tmp_path / "all", "cpu", tmp_path / "clip")
    for part in (again.clip, again.decoder, again.upsampler):
        part.device = cpu
    assert again.prior_schedule.to_dict() == SCHEDULE.to_dict()
    settings = {"seed": 1, "prior": PriorSettings(1, 1.0, 2), "guidance_scale": 1.0, **QUICK}
    assert (again(PROMPTS, **settings) - pipe(PROMPTS, **settings)).abs().max() < 0.1


def test_a_save_cut_short_leaves_no_mixture(pipe, cpu, tokenizer, tmp_path, monkeypatch):
    pipe.clip.save_pretrained(tmp_path / "clip")
    pipe.save_pretrained(tmp_path / "all")
    other = unclip(cpu, tokenizer)

    def full_disk(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(other.upsampler, "save_pretrained", full_disk)
    with pytest.raises(OSError, match="No space"):
        other.save_pretrained(tmp_path / "all")
    with pytest.raises(OSError, match=r"config\.json"):
        UnCLIP.from_pretrained(tmp_path / "all", "cpu", tmp_path / "clip")


def test_a_model_without_an_upsampler_replaces_one_with(pipe, cpu, tokenizer, tmp_path):
    pipe.clip.save_pretrained(tmp_path / "clip")
    pipe.save_pretrained(tmp_path / "all")
    unclip(cpu, tokenizer, upsampler=False).save_pretrained(tmp_path / "all")
    assert UnCLIP.from_pretrained(tmp_path / "all", "cpu", tmp_path / "clip").upsampler is None
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"prior", "decoder"}


@pytest.mark.parametrize("part", ["prior", "clip"])
def test_a_save_that_fails_leaves_nothing_that_opens_as_a_mixture(pipe, tmp_path, monkeypatch, part):
    folder = tmp_path / part
    ways = {
        "prior": (lambda: save_prior(folder, pipe.prior, SCHEDULE), lambda: open_prior(folder)),
        "clip": (lambda: pipe.clip.save_pretrained(folder), lambda: ImageText.from_pretrained(folder, "cpu")),
    }
    save, reopen = ways[part]
    save()
    reopen()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("t2ilab.interop.weights.save_file", full)
    with pytest.raises(OSError, match="free some space"):
        save()
    with pytest.raises(OSError, match=r"config\.json is missing, so .* is not a whole checkpoint"):
        reopen()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda pipe: pipe(""), "A prompt needs at least one word"),
        (lambda pipe: PriorSettings(candidates=0), "at least one candidate to rank; got 0"),
        (lambda pipe: PriorSettings(num_inference_steps=0), "num_inference_steps is at least 1; got 0"),
        (lambda pipe: best_of(torch.zeros(0, 2, DIM), torch.zeros(2, DIM)), r"K at least 1, .* got \(0, 2, 16\)"),
        (lambda pipe: best_of(torch.zeros(3, 2, DIM), torch.zeros(2, 7)), r"and \(2, 7\)"),
        (lambda pipe: pipe.decode(torch.zeros(2, 7)), r"image embeddings \(B, 16\) of its CLIP; got \(2, 7\)"),
        (lambda pipe: pipe.decode(torch.zeros(2, DIM), output_type="np"), "output_type is 'pil' or 'pt'"),
        (lambda pipe: pipe.variations(picture(), 0), "at least one variation; got 0"),
        (lambda pipe: pipe.variations([picture(), picture()], 2), "Give one picture here; got 2"),
        (lambda pipe: pipe.interpolate(picture(), picture(), 1), "count is at least 2"),
        (
            lambda pipe: pipe.interpolate(picture(), picture(), sampler="ddpm"),
            "from the same noise, and ddpm gives",
        ),
        (
            lambda pipe: pipe.text_difference(picture(), "a star", "a ring", sampler="euler_ancestral"),
            "and euler_ancestral gives each its own",
        ),
        (lambda pipe: pipe.truncated(picture(), Components.of(torch.eye(DIM)), [2], sampler="ddpm"), "and ddpm gives"),
        (lambda pipe: pipe.text_difference(picture(), "a star", "a star"), "The two texts must differ"),
        (lambda pipe: pipe.text_difference(picture(), "a star", "a ring", (2.0,)), r"shares of the arc in \[0, 1\]"),
        (lambda pipe: pipe.variations(picture(), percentile=0.0), r"percentile must lie in \(0, 1\]"),
        (lambda pipe: pipe(PROMPTS, steps=5), "A stage has the settings guidance_scale, .*; got steps"),
        (lambda pipe: pipe.variations(picture(), steps=5), "A stage has the settings guidance_scale, .*; got steps"),
        (lambda pipe: PriorSettings(guidance_scale=float("nan")), "guidance_scale must be a finite number; got nan"),
        (lambda pipe: pipe(PROMPTS, seed=1.5), r"A seed is a whole number from 0 to 2\^63; got 1\.5"),
        (lambda pipe: Components.of(torch.zeros(1, 4)), r"at least 2 embeddings \(N, D\); got \(1, 4\)"),
        (lambda pipe: Components.of(torch.eye(4)).truncate(torch.eye(4), 9), "There are 4 components"),
        (lambda pipe: pipe.truncated(picture(), Components.of(torch.eye(DIM)), []), "at least once; got no count"),
        (lambda pipe: Components.of(torch.eye(4)).truncate(torch.eye(5), 2), "of embeddings 4 wide"),
    ],
)
def test_what_it_does_not_draw_is_a_sentence(pipe, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(pipe)


def test_parts_of_another_clip_are_sentences(pipe, cpu, tokenizer):
    other = Prior(PriorConfig(DIM + 2, tokenizer.context_length, 24, 1, 2))
    with pytest.raises(ValueError, match=r"16 wide, with tokens 16 wide .* got one for 18 wide"):
        UnCLIP(pipe.clip, other, SCHEDULE, pipe.decoder)
    with pytest.raises(ValueError, match=r"The decoder reads embeddings .* 16 wide; got one that reads 12"):
        UnCLIP(pipe.clip, pipe.prior, SCHEDULE, stage(cpu, 8, image_embed_dim=12))
    with pytest.raises(ValueError, match=r"The decoder .* got one that reads words"):
        UnCLIP(pipe.clip, pipe.prior, SCHEDULE, stage(cpu, 8))
    with pytest.raises(ValueError, match="got 8 -> 12"):
        UnCLIP(pipe.clip, pipe.prior, SCHEDULE, pipe.decoder, stage(cpu, 12, True, image_embed_dim=DIM))


def test_a_prior_with_a_broken_schedule_names_the_file(tmp_path, pipe):
    save_prior(tmp_path / "prior", pipe.prior, SCHEDULE)
    (tmp_path / "prior" / "scheduler_config.json").write_text('{"beta_schedule": "steep"}')
    with pytest.raises(OSError, match=r"scheduler_config\.json lays out no noise schedule: .*steep"):
        open_prior(tmp_path / "prior")
