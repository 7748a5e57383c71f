"""What is the answer itself is out of reach during a check, by any name, and everything is put back afterwards."""

import functools
import sys
import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import cosine_similarity as torch_cosine

from t2ilab.lab import bank, check
from t2ilab.lab.offlimits import Guard, OffLimits, resolve


@pytest.fixture(autouse=True)
def in_english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")


class Cosine(nn.Module):
    def forward(self, a, b):
        return nn.CosineSimilarity(dim=-1)(a, b)


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b: F.cosine_similarity(a[:, None], b[None], dim=-1),
        lambda a, b: torch.cosine_similarity(a[:, None], b[None], dim=-1),
        lambda a, b: torch_cosine(a[:, None], b[None], dim=-1),
        lambda a, b: getattr(torch, "cosine_" + "similarity")(a[:, None], b[None], -1),
        lambda a, b: Cosine()(a[:, None], b[None]),
        lambda a, b: bank.find("cosine_similarity").reference(a, b),
    ],
)
def test_torchs_own_function_is_off_limits_by_any_name(answer):
    result = check(answer, "cosine_similarity")
    assert not result.passed
    assert (result.status, result.points) == ("off_limits", 0)
    assert "Write this one yourself" in result.message


def test_catching_the_refusal_does_not_help():
    def cosine_similarity(a, b):
        try:
            return torch_cosine(a[:, None], b[None], dim=-1)
        except Exception:
            return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T

    assert check(cosine_similarity).status == "off_limits"


def test_the_reference_itself_is_not_an_answer():
    for exercise in bank.ALL:
        result = check(exercise.reference)
        assert (result.passed, result.status) == (False, "off_limits"), exercise.name


def test_the_packages_own_functions_and_classes_are_off_limits():
    from t2ilab.diffusion.schedule import NoiseSchedule
    from t2ilab.nets import layers

    betas_of = NoiseSchedule.linear
    embed = layers.timestep_embedding

    class Inherited(layers.ResBlock):
        def forward(self, x, temb):
            return super().forward(x, temb)

    assert check(lambda T, start, end: betas_of(T, start, end).betas, "linear_betas").status == "off_limits"
    assert check(lambda t, dim: embed(t, dim), "timestep_embedding").status == "off_limits"
    assert check(embed, "timestep_embedding").status == "off_limits"
    assert check(Inherited, "ResBlock").status == "off_limits"
    # Afterwards they work as before.
    assert len(betas_of(10, 0.1, 0.2).betas) == 10
    assert embed(torch.tensor([1]), 4).shape == (1, 4)
    assert isinstance(layers.ResBlock(8, 8, 4), nn.Module)


def test_what_the_answer_imports_itself_is_caught():
    def timestep_embedding(t, dim):
        from diffusers.models.embeddings import get_timestep_embedding

        return get_timestep_embedding(t, dim, flip_sin_to_cos=True, downscale_freq_shift=0)

    assert check(timestep_embedding).status == "off_limits"


def test_every_name_of_this_package_and_of_diffusers_exists():
    """A misspelt name would guard nothing."""
    import importlib

    for exercise in bank.ALL:
        for dotted in exercise.off_limits:
            if dotted.startswith(("t2ilab.", "diffusers.", "torch.")):
                parts = [part for part in dotted.split(".")[:-1] if part.islower()]
                module = importlib.import_module(".".join(parts))
                getattr(module, dotted.split(".")[len(parts)], None)  # diffusers loads its classes at a touch
                assert resolve(dotted) is not None, dotted


def test_nothing_is_imported_to_be_guarded():
    assert resolve("sched.scheduler.run") is None or "sched" in sys.modules
    assert resolve("no_such_module.function") is None


def outer():
    kept = []

    @functools.wraps(outer)
    def inner(x):
        kept.append(x)
        return x

    return inner


def use_under_guard(module, alias, made, names, error):
    """Calls everything that is guarded, then ends by `error`."""
    with Guard(names) as guard:
        for call in (alias, module.closure, module.Kind, made, lambda x: torch_cosine(x, x)):
            with pytest.raises(OffLimits):
                call() if call in (module.Kind, made) else call(torch.ones(2))
        assert guard.touched == list(names)
        if error is not OffLimits:
            raise error
        alias(1)


@pytest.mark.parametrize("how", ["end", "exception", "interrupt"])
def test_everything_is_put_back(how):
    module = types.ModuleType("guarded_for_a_test")
    module.plain = lambda x: x + 1
    module.closure = outer()
    module.Kind = type("Kind", (), {"__init__": lambda self: None, "make": classmethod(lambda cls: "made")})
    alias, made = module.plain, module.Kind.make
    codes = module.plain.__code__, module.closure.__code__, module.Kind.__init__.__code__, made.__func__.__code__
    sys.modules[module.__name__] = module
    names = tuple(f"{module.__name__}.{name}" for name in ("plain", "closure", "Kind", "Kind.make"))
    try:
        expected = {"end": OffLimits, "exception": ZeroDivisionError, "interrupt": KeyboardInterrupt}[how]
        with pytest.raises(expected):
            use_under_guard(module, alias, made, (*names, "torch.cosine_similarity"), expected)
    finally:
        del sys.modules[module.__name__]
    after = module.plain.__code__, module.closure.__code__, module.Kind.__init__.__code__, made.__func__.__code__
    assert after == codes
    assert (alias(1), module.closure(2), made()) == (2, 2, "made")
    assert torch_cosine(torch.ones(1, 2), torch.ones(1, 2)).item() == pytest.approx(1)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OffLimits])
def test_a_check_leaves_torch_and_the_bank_unpatched(error):
    reference = bank.find("cosine_similarity").reference
    code, attribute = reference.__code__, F.cosine_similarity

    def cosine_similarity(a, b):
        assert reference.__code__ is not code
        raise error("stop")

    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            check(cosine_similarity)
    else:
        assert not check(cosine_similarity)
    assert reference.__code__ is code
    assert F.cosine_similarity is attribute
    assert torch_cosine(torch.ones(1, 2), torch.ones(1, 2)).item() == pytest.approx(1)
    assert torch.overrides._get_current_function_mode_stack() == []
