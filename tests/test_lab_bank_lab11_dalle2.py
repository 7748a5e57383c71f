"""Lab 11's references against the package's own; what students also write, and what they are told."""

from itertools import pairwise

import pytest
import torch

from t2ilab.clip.retrieval import search
from t2ilab.diffusion.losses import diffusion_loss
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.lab import bank, check
from t2ilab.pipelines import interpolation, prior


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def reference(name):
    return bank.find(name).reference


def test_the_priors_loss_is_the_packages_for_a_network_that_gives_the_picture(generator):
    schedule = NoiseSchedule.cosine(50)
    text, image, noise = torch.randn(3, 4, 6, generator=generator)
    t = torch.tensor([3, 17, 29, 49])

    def prior(x_t, t, text):
        return (x_t * t[:, None].cos() + text).tanh()

    own = diffusion_loss(lambda x_t, t: prior(x_t, t, text), image, t, noise, schedule, "sample")
    torch.testing.assert_close(
        reference("prior_loss")(prior, text, image, t, noise, schedule.alphas_cumprod), own, rtol=1e-6, atol=0
    )


def test_the_arc_is_the_packages(generator):
    a, b = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    for w in (0.0, 0.3, 0.5, 1.0):
        own = interpolation.slerp(a, b, w)
        torch.testing.assert_close(reference("slerp")(a, b, w), own, rtol=1e-12, atol=1e-12)


def test_ranking_is_a_search_with_one_query(generator):
    images, text = torch.randn(20, 6, generator=generator), torch.randn(6, generator=generator)
    _, found = search(text[None], images, 5)
    assert torch.equal(reference("rerank")(images, text, 5), found[0])


def test_more_candidates_only_help(generator):
    candidates, text = torch.randn(8, 30, 5, generator=generator), torch.randn(30, 5, generator=generator)
    scores = [(reference("best_of")(candidates[:k], text) * text).sum(-1) for k in range(1, 9)]
    assert all((later >= earlier).all() for earlier, later in pairwise(scores))
    assert scores[-1].mean() > scores[0].mean() + 1


def test_arguments_in_another_order_are_said():
    def exchanged(prior, text_embedding, image_embedding, t, noise, ac):
        level = ac[t].reshape(-1, 1)
        x_t = level.sqrt() * image_embedding + (1 - level).sqrt() * noise
        return (prior(x_t, text_embedding, t) - image_embedding).square().mean()

    assert "the time comes second: prior(x_t, t, text_embedding)" in check(exchanged, "prior_loss").message


@pytest.mark.parametrize(("answer", "exercise"), [
    (lambda a, b, w: interpolation.slerp(a, b, w), "slerp"),
    (lambda candidates, text: prior.best_of(candidates, text), "best_of"),
    (lambda image_features, text_feature, k: search(text_feature[None], image_features, k)[1][0], "rerank"),
    (lambda net, text, image, t, noise, ac: diffusion_loss(
        lambda x_t, t: net(x_t, t, text), image, t, noise, NoiseSchedule.cosine(10), "sample"), "prior_loss"),
])  # fmt: skip
def test_the_packages_own_is_off_limits(answer, exercise):
    assert check(answer, exercise).status == "off_limits"
