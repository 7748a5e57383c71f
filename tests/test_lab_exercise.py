"""The decorator: a blank goes on with the reference and says so, an attempt is returned as it is."""

import pytest
import torch
from torch import nn

from t2ilab.lab import bank, check, exercise
from t2ilab.lab.exercise import is_blank


@pytest.fixture(autouse=True)
def in_english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    monkeypatch.delenv("T2ILAB_STRICT", raising=False)


def test_a_blank_goes_on_with_the_reference_and_says_so(capsys):
    @exercise("cosine_similarity")
    def cosine_similarity(a, b):
        """How alike two vectors are."""
        raise NotImplementedError

    printed = capsys.readouterr().out
    assert printed == "cosine_similarity: not written yet, so the lab goes on with the reference solution.\n"
    a = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(cosine_similarity(a, a), bank.find("cosine_similarity").reference(a, a))
    assert is_blank(cosine_similarity)
    assert cosine_similarity.__doc__ == "How alike two vectors are."
    assert not is_blank(bank.find("cosine_similarity").reference)


def test_a_blank_class_goes_on_with_the_reference(capsys):
    @exercise("ResBlock")
    class ResBlock(nn.Module):
        """A residual block."""

        def __init__(self, in_channels, out_channels, time_dim):
            super().__init__()
            raise NotImplementedError

        def forward(self, x, temb):
            raise NotImplementedError("your lines here")

    assert "ResBlock: not written yet" in capsys.readouterr().out
    block = ResBlock(8, 16, 4)
    assert isinstance(block, nn.Module)
    assert block(torch.zeros(1, 8, 2, 2), torch.zeros(1, 4)).shape == (1, 16, 2, 2)
    assert is_blank(ResBlock)
    assert not is_blank(bank.find("ResBlock").reference)


def test_the_message_is_in_japanese_too(capsys, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")

    @exercise
    def linear_betas(T, start, end):
        raise NotImplementedError

    assert "まだ書かれていない" in capsys.readouterr().out


def test_an_attempted_body_is_never_replaced(capsys):
    @exercise("linear_betas")
    def linear_betas(T, start, end):
        torch.zeros(T)
        raise NotImplementedError  # forgotten below an attempt

    with pytest.raises(NotImplementedError):
        linear_betas(3, 0.1, 0.2)
    assert capsys.readouterr().out == ""
    assert not is_blank(linear_betas)


def test_the_attempt_itself_is_returned():
    def linear_betas(T, start, end):
        return None

    assert exercise("linear_betas")(linear_betas) is linear_betas


def test_a_class_with_one_attempted_method_is_an_attempt(capsys):
    @exercise("ResBlock")
    class ResBlock(nn.Module):
        def __init__(self, in_channels, out_channels, time_dim):
            super().__init__()
            self.norm1 = nn.GroupNorm(8, in_channels)

        def forward(self, x, temb):
            raise NotImplementedError

    assert capsys.readouterr().out == ""
    with pytest.raises(NotImplementedError):
        ResBlock(8, 8, 4)(torch.zeros(1, 8, 2, 2), torch.zeros(1, 4))


@pytest.mark.parametrize("body", ["pass", "...", "return None", "raise ValueError", "x = 1; raise NotImplementedError"])
def test_other_bodies_are_attempts(body, tmp_path):
    assert not is_blank(from_file(tmp_path, f"def linear_betas(T, start, end):\n    {body}\n"))


@pytest.mark.parametrize(
    "body",
    [
        "raise NotImplementedError",
        "raise NotImplementedError()",
        'raise NotImplementedError("write me")',
        '"""One line."""\n    raise NotImplementedError',
        '"""Lines\nwithout an indent.\n"""\n    # a comment\n    raise NotImplementedError  # here',
    ],
)
def test_bodies_that_are_blank(body, tmp_path):
    assert is_blank(from_file(tmp_path, f"def linear_betas(T, start, end):\n    {body}\n"))


def test_what_has_no_source_counts_as_attempted():
    namespace = {}
    exec("def linear_betas(T, start, end):\n    raise NotImplementedError", namespace)
    assert not is_blank(namespace["linear_betas"])
    assert not is_blank(len)
    assert not is_blank(3)


def test_the_decorator_works_without_a_name(capsys):
    @exercise()
    def linear_betas(T, start, end):
        raise NotImplementedError

    assert len(linear_betas(4, 0.1, 0.2)) == 4
    assert "linear_betas: not written yet" in capsys.readouterr().out


def test_in_the_grader_a_blank_raises(monkeypatch):
    monkeypatch.setenv("T2ILAB_STRICT", "1")
    with pytest.raises(NotImplementedError, match="linear_betas is not written yet"):

        @exercise("linear_betas")
        def linear_betas(T, start, end):
            raise NotImplementedError


def test_the_name_must_be_the_exercises():
    with pytest.raises(ValueError, match="The exercise is called linear_betas, but your definition is called betas"):

        @exercise("linear_betas")
        def betas(T, start, end):
            return torch.linspace(start, end, T)

    with pytest.raises(ValueError, match="no exercise called 'linear_beta'; the nearest names are linear_betas"):

        @exercise("linear_beta")
        def linear_beta(T, start, end):
            return torch.linspace(start, end, T)


def test_the_arguments_must_be_the_exercises():
    with pytest.raises(ValueError, match=r"linear_betas takes \(T, start, end\), but yours takes \(T, end, start\)"):

        @exercise("linear_betas")
        def linear_betas(T, end, start):
            return torch.linspace(start, end, T)

    with pytest.raises(ValueError, match=r"ResBlock.forward takes \(self, x, temb\), but yours takes \(self, x\)"):

        @exercise("ResBlock")
        class ResBlock(nn.Module):
            def __init__(self, in_channels, out_channels, time_dim):
                super().__init__()

            def forward(self, x):
                return x


def test_a_class_needs_its_methods():
    with pytest.raises(ValueError, match=r"ResBlock needs a method `forward\(self, x, temb\)`"):

        @exercise("ResBlock")
        class ResBlock(nn.Module):
            def __init__(self, in_channels, out_channels, time_dim):
                super().__init__()


def test_a_function_where_a_class_is_asked_and_the_other_way_round():
    with pytest.raises(ValueError, match="ResBlock is to be a class, but you defined a function"):

        @exercise("ResBlock")
        def ResBlock(in_channels, out_channels, time_dim):
            return None

    with pytest.raises(ValueError, match="linear_betas is to be a function, but you defined a class"):

        @exercise
        class linear_betas:
            pass


def test_only_definitions_are_exercises():
    with pytest.raises(ValueError, match="@exercise received Tensor"):
        exercise(torch.zeros(3))


def test_a_blank_that_other_exercises_call_is_no_cheat(capsys):
    @exercise("add_noise")
    def add_noise(x0, noise, t, ac):
        raise NotImplementedError

    @exercise("ddpm_loss")
    def ddpm_loss(net, x0, t, noise, ac):
        return ((net(add_noise(x0, noise, t, ac), t) - noise) ** 2).mean()

    assert check(ddpm_loss).passed
    # But handing the stand-in on under the same name is the reference still.
    stand_in = add_noise

    def add_noise(x0, noise, t, ac):
        return stand_in(x0, noise, t, ac)

    assert check(add_noise).status == "off_limits"


def from_file(folder, source):
    """A function whose source inspect can find, as it can in a notebook."""
    path = folder / "cell.py"
    path.write_text(source, encoding="utf-8")
    namespace = {}
    exec(compile(source, str(path), "exec"), namespace)
    return namespace["linear_betas"]


def test_a_layer_may_inherit_a_forward_of_torch():
    @exercise("ZeroConv")
    class ZeroConv(nn.Conv2d):
        def __init__(self, channels):
            super().__init__(channels, channels, 1)

    assert ZeroConv(2).weight.shape == (2, 2, 1, 1)
