"""What a student reads: right, blank, which mistake, the smallest difference, the line of their own error."""

import functools
import inspect
import re
import textwrap

import pytest
import torch
from torch import nn

from t2ilab.lab import CheckResult, bank, check, exercise


@pytest.fixture(autouse=True)
def in_english(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "en")
    monkeypatch.delenv("T2ILAB_STRICT", raising=False)


def cosine(a, b):
    return (a / a.norm(dim=1, keepdim=True)) @ (b / b.norm(dim=1, keepdim=True)).T


def block(**changes):
    """A right ResBlock, some of whose layers are made differently: name -> function of the constructor's arguments."""

    class ResBlock(nn.Module):
        def __init__(self, in_channels, out_channels, time_dim):
            super().__init__()
            i, o, t = in_channels, out_channels, time_dim
            layers = {
                "norm1": nn.GroupNorm(8, i),
                "conv1": nn.Conv2d(i, o, 3, padding=1),
                "time_proj": nn.Linear(t, o),
                "norm2": nn.GroupNorm(8, o),
                "conv2": nn.Conv2d(o, o, 3, padding=1),
                "skip": nn.Identity() if i == o else nn.Conv2d(i, o, 1),
            }
            for name, layer in layers.items():
                layer = changes[name](i, o, t) if name in changes else layer
                if layer is not None:
                    setattr(self, name, layer)

        def forward(self, x, temb):
            h = self.conv1(nn.functional.silu(self.norm1(x)))
            h = h + self.time_proj(nn.functional.silu(temb))[:, :, None, None]
            return self.skip(x) + self.conv2(nn.functional.silu(self.norm2(h)))

    return ResBlock


def test_a_right_answer_is_true_and_says_the_same_every_time():
    first, again = check(cosine, "cosine_similarity"), check(cosine, "cosine_similarity")
    assert first
    assert first.passed
    assert (first.points, first.out_of, first.score, first.misconception) == (3, 3, 1, None)
    assert repr(first) == repr(again)
    assert first._repr_html_() == again._repr_html_()
    assert repr(first) == (
        "✓ cosine_similarity: Right (3 of 3 points)\nIt agrees with the reference on 3 fresh random inputs."
    )


def test_the_exercise_is_found_by_the_answers_name():
    def linear_betas(T, start, end):
        return torch.linspace(start, end, T)

    assert check(linear_betas).passed
    assert check(linear_betas, bank.find("linear_betas")).passed


def test_a_blank_is_not_attempted_and_says_so_every_time():
    @exercise("linear_betas")
    def linear_betas(T, start, end):
        raise NotImplementedError

    result = check(linear_betas)
    assert not result
    assert (result.status, result.points, result.out_of) == ("blank", 0, 1)
    assert repr(result) == repr(check(linear_betas))
    assert repr(result).startswith("○ linear_betas: Not attempted (0 of 1 point)\nReplace `raise NotImplementedError`")


def test_a_blank_without_the_decorator_is_not_attempted_either():
    def linear_betas(T, start, end):
        """A docstring."""
        raise NotImplementedError

    assert check(linear_betas).status == "blank"


def test_a_known_mistake_is_named():
    def cosine_similarity(a, b):
        return torch.einsum("nd,md->nm", a, b)

    result = check(cosine_similarity)
    assert not result
    assert result.misconception == "not_normalised"
    assert "It looks like this: this is the dot product" in result.message


def test_a_known_mistake_that_ends_in_an_error_is_named_as_well():
    def add_noise(x0, noise, t, ac):
        return torch.sqrt(ac[t]) * x0 + torch.sqrt(1 - ac[t]) * noise

    result = check(add_noise)
    assert result.misconception == "wrong_axis"
    assert "reshape it to (B, 1, 1, 1)" in result.message
    assert "RuntimeError" in result.message
    assert "`return torch.sqrt(ac[t]) * x0" in result.message


@pytest.mark.parametrize("shaped", ["reshape(-1, 1, 1)", "view(1, -1, 1, 1)", "__getitem__((slice(None), None, None))"])
@pytest.mark.parametrize(("root", "name"), [("sqrt", "wrong_axis_channels"), ("clone", "no_roots_wrong_axis_channels")])
def test_a_wrong_axis_is_named_however_it_was_made(shaped, root, name):
    names = notebook(
        f"""
        def add_noise(x0, noise, t, ac):
            ac_t = ac[t].{shaped}
            return ac_t.{root}() * x0 + (1 - ac_t).{root}() * noise
        """
    )
    assert check(names["add_noise"]).misconception == name


def test_a_failing_property_and_the_first_wrong_element_are_shown():
    def cosine_similarity(a, b):
        return cosine(a, b) ** 3

    result = check(cosine_similarity)
    assert result.misconception is None
    assert "For a batch, 16 of 16 values differ; the first is at [0, 0]: received " in result.message
    assert result.properties == {"itself": True, "scaled": True}
    assert result.points == pytest.approx(3 * 0.4)
    assert 'hint("cosine_similarity")' in result.message

    def to_model_range(images_uint8):
        return images_uint8.float() / 127.5

    assert "Black (0) must become -1" in check(to_model_range).message


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda a, b: None, r"returned nothing \(None\) for a batch"),
        (lambda a, b: cosine(a, b).tolist(), r"returned a list for a batch"),
        (lambda a, b: cosine(a, b).numpy(), r"returned a ndarray for a batch"),
        (lambda a, b: cosine(a, b)[None], r"has shape \(1, 4, 4\); \(4, 4\) is expected"),
        (lambda a, b: cosine(a, b).round().long(), r"holds integers; floating-point numbers are expected"),
        (lambda a, b: cosine(a, b) > 0, r"holds booleans; floating-point numbers are expected"),
        (lambda a, b: cosine(a, b) / 0, r"16 of 16 values are not finite numbers; the first is -?inf at \[0, 0\]"),
        (lambda a, b: cosine(a, b) + 0.001, r"received -?[\d.e-]+, expected -?[\d.e-]+\."),
    ],
)
def test_the_smallest_difference_is_shown(answer, sentence):
    result = check(answer, "cosine_similarity")
    assert not result.passed
    assert result.misconception is None
    assert re.search(sentence, result.message), result.message


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "returned a list of tensors (4 of them) for a batch; one tensor is expected"),
        ("ja", "「バッチ」の場合、関数がテンソル 4 個のリストを返しました。ひとつのテンソルにまとめて"),
    ],
)
def test_a_list_of_tensors_is_to_be_joined(language, sentence, monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", language)
    message = check(lambda a, b: list(cosine(a, b)), "cosine_similarity").message
    assert sentence in message
    assert "`torch.stack`" in message
    assert "`torch.cat`" in message
    for other in (lambda a, b: [], lambda a, b: [cosine(a, b), None], lambda a, b: (cosine(a, b), a)):
        assert "torch.stack" not in check(other, "cosine_similarity").message


def test_an_error_is_told_with_the_students_own_line():
    def helper(a):
        return a.nonsense()

    def cosine_similarity(a, b):
        a = helper(a)
        return a

    result = check(cosine_similarity)
    line = inspect.getsourcelines(helper)[1] + 1
    assert result.status == "error"
    assert "AttributeError: 'Tensor' object has no attribute 'nonsense'" in result.message
    assert f"in helper, line {line}: `return a.nonsense()`" in result.message
    assert "Traceback" not in result.message
    assert "t2ilab" not in result.message


def test_an_error_inside_a_library_shows_the_line_that_called_it():
    def cosine_similarity(a, b):
        return nn.functional.normalize(a) @ nn.functional.normalize(b)

    result = check(cosine_similarity)
    line = inspect.getsourcelines(cosine_similarity)[1] + 1
    assert f"in cosine_similarity, line {line}: `return nn.functional.normalize(a)" in result.message


def test_an_error_in_a_late_case_keeps_the_share_of_the_earlier_ones():
    def add_noise(x0, noise, t, ac):
        ac_t = ac[t][:, None, None, None]  # one int has no axes to add to
        return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise

    result = check(add_noise)
    assert result.status == "error"
    assert "in the case of one int as t" in result.message
    assert result.properties == {"own_time": True, "variance": True}
    assert 0 < result.points < result.out_of


def test_a_raise_left_behind_is_pointed_out():
    def linear_betas(T, start, end):
        torch.linspace(start, end, T)
        raise NotImplementedError

    result = check(linear_betas)
    assert result.status == "error"
    assert "still in your code" in result.message


def test_leaving_the_program_is_an_error_and_not_the_end():
    def linear_betas(T, start, end):
        raise SystemExit(3)

    assert "SystemExit" in check(linear_betas).message


def test_an_interrupt_goes_through():
    def linear_betas(T, start, end):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(linear_betas)


def test_changing_an_input_in_place_is_noticed():
    def cosine_similarity(a, b):
        a /= a.norm(dim=1, keepdim=True)
        return a @ (b / b.norm(dim=1, keepdim=True)).T

    result = check(cosine_similarity)
    assert not result
    assert "changes its input `a` in place" in result.message


def test_a_property_that_crashes_does_not_hold_and_crashes_nothing():
    result = check(lambda a, b: torch.zeros(0), "cosine_similarity")
    assert result.properties == {"itself": False, "scaled": False}
    assert "shape (0,)" in result.message


def notebook(*cells, **names):
    """The global names of a notebook that has run these cells, after those that it had."""
    namespace = {"torch": torch, "nn": nn, **names}
    for cell in cells:
        exec(textwrap.dedent(cell), namespace)
    return namespace


WRONG_NOISE = """
    def add_noise(x0, noise, t, ac):
        return x0 + noise
"""
RIGHT_NOISE = """
    def add_noise(x0, noise, t, ac):
        ac_t = ac[t].reshape(-1, 1, 1, 1)
        return ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise
"""
WRONG_LOSS = """
    def ddpm_loss(net, x0, t, noise, ac):
        return 3 * ((net(add_noise(x0, noise, t, ac), t) - noise) ** 2).mean()
"""
STARTS_THERE = "It calls `add_noise`. The check of that exercise does not pass yet: start there."


def test_other_exercises_that_the_answer_calls_are_named_while_they_are_wrong():
    result = check(notebook(WRONG_NOISE, WRONG_LOSS)["ddpm_loss"])
    assert not result
    assert result.message.endswith(STARTS_THERE)


def test_other_exercises_that_are_right_are_not_named():
    for cells in ((RIGHT_NOISE, WRONG_LOSS), (WRONG_LOSS, RIGHT_NOISE), (WRONG_NOISE, WRONG_LOSS, RIGHT_NOISE)):
        result = check(notebook(*cells)["ddpm_loss"])
        assert not result
        assert "It calls" not in result.message


def test_what_was_right_and_was_written_anew_is_named_again():
    names = notebook(RIGHT_NOISE, WRONG_LOSS)
    assert check(names["add_noise"]).passed
    assert "It calls" not in check(names["ddpm_loss"]).message
    exec(textwrap.dedent(WRONG_NOISE), names)
    assert check(names["ddpm_loss"]).message.endswith(STARTS_THERE)


def test_a_blank_a_reference_and_an_attribute_of_that_name_are_not_named():
    @exercise("add_noise")
    def add_noise(x0, noise, t, ac):
        raise NotImplementedError

    for given in (add_noise, bank.find("add_noise").reference):
        assert "It calls" not in check(notebook(WRONG_LOSS, add_noise=given)["ddpm_loss"]).message
    of_another = WRONG_LOSS.replace("add_noise(", "torch.add_noise(")
    assert "It calls" not in check(notebook(WRONG_NOISE, of_another)["ddpm_loss"]).message


def test_a_tensor_of_the_notebook_that_a_wrong_answer_reads_is_named():
    names = notebook(
        """
        def ddpm_step(eps, x_t, t, betas, noise):
            mean = (x_t - betas[t] / (1 - ac[t]).sqrt() * eps) / (1 - betas[t]).sqrt()
            if t == 0:
                return mean
            return mean + ((1 - ac[t - 1]) / (1 - ac[t]) * betas[t]).sqrt() * noise
        """,
        ac=(1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(0),
    )
    result = check(names["ddpm_step"])
    assert (result.status, result.misconception) == ("wrong", None)
    assert result.message.startswith(
        "It reads the notebook's `ac`. The check calls it with other inputs: compute what you need inside"
    )


@pytest.mark.parametrize(
    "line",
    [
        "return [ac[i] for i in range(T)]",  # an inner scope in some versions of Python
        "return (lambda: ac[:T])()",
        "return torch.linspace(start, end, ac)",
        "raise RuntimeError(ac)",
    ],
)
def test_it_is_named_wherever_it_is_read_also_in_an_answer_that_fails(line):
    names = notebook(f"def linear_betas(T, start, end):\n    {line}", ac=torch.ones(1000))
    assert check(names["linear_betas"]).message.startswith("It reads the notebook's `ac`.")


def test_a_tensor_that_a_method_or_a_decorated_answer_reads_is_named():
    names = notebook(
        """
        class ResBlock(Right):
            def forward(self, x, temb):
                return super().forward(x, temb) * scale

        @torch.no_grad()
        def linear_betas(T, start, end):
            return torch.linspace(start, end, T) * scale
        """,
        Right=block(),
        scale=torch.tensor(2.0),
    )
    for name in ("ResBlock", "linear_betas"):
        assert "It reads the notebook's `scale`." in check(names[name]).message


@pytest.mark.parametrize(
    "line",
    [
        "return torch.linspace(start, end, T) * one",  # right: nothing to say
        "return one + torch.linspace(end, start, T) - one",  # a known mistake, which owes nothing to it
        "return 3 * torch.linspace(start, end, number)",  # no tensor
        "return torch.linspace(start, end, T).ac",  # an attribute is no global name
        "ac = end\n    return torch.linspace(start, ac, T) * 3",  # nor is a local one
    ],
)
def test_other_names_are_no_tensors_of_the_notebook(line):
    ones = {"one": torch.ones(()), "number": 3, "ac": torch.ones(1000)}
    result = check(notebook(f"def linear_betas(T, start, end):\n    {line}", **ones)["linear_betas"])
    assert "notebook's" not in result.message


def test_a_network_asked_with_exchanged_arguments_gets_its_own_sentence():
    names = notebook(
        RIGHT_NOISE,
        """
        def ddpm_loss(net, x0, t, noise, ac):
            return ((net(t, add_noise(x0, noise, t, ac)) - noise) ** 2).mean()

        def training_step(net, optimizer, x0, t, noise, ac):
            return ddpm_loss(net, x0, t, noise, ac).item()
        """,
    )
    result = check(names["ddpm_loss"])
    assert (result.status, result.message) == (
        "wrong",
        "You call the network with its arguments exchanged, net(t, x_t); the picture comes first: net(x_t, t).",
    )
    assert "It calls `ddpm_loss`." in check(names["training_step"]).message


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"norm2": lambda i, o, t: None}, "Your ResBlock has no layer called `norm2`"),
        ({"conv1": lambda i, o, t: nn.Conv2d(i, o, 1)}, "`conv1.weight` have shape (16, 8, 1, 1); (16, 8, 3, 3)"),
        ({"conv2": lambda i, o, t: nn.Conv2d(o, o, 3, padding=1, bias=False)}, "has no parameter `conv2.bias`"),
    ],
)
def test_a_missing_or_wrong_layer_is_named(changes, sentence):
    assert check(block()).passed
    result = check(block(**changes))
    assert not result.passed
    assert sentence in result.message


def test_a_loss_without_a_gradient_is_explained():
    def ddpm_loss(net, x0, t, noise, ac):
        with torch.no_grad():
            return bank.find("ddpm_loss").misconceptions["sum"].wrong(net, x0, t, noise, ac) / noise.numel()

    assert "has no gradient" in check(ddpm_loss).message


def test_random_numbers_and_modes_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with torch.no_grad():
        assert check(block()).passed
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(3), expected)


def test_warnings_of_an_answer_are_no_errors():
    def training_step(net, optimizer, x0, t, noise, ac):
        return float(torch.tensor(1.0, requires_grad=True))

    assert "requires_grad" not in check(training_step).message


@pytest.mark.parametrize("asked_for", ["zero_grad", "train", "parameters"])
def test_a_net_of_training_step_can_only_be_called(asked_for, monkeypatch):
    def training_step(net, optimizer, x0, t, noise, ac):
        getattr(net, asked_for)()  # Lab 05's loop gives a function, which has none of these
        loss = bank.find("ddpm_loss").reference(net, x0, t, noise, ac)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    result = check(training_step)
    assert not result.passed
    assert f"`net.{asked_for}`" in result.message
    assert "only be called" in result.message
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    assert f"`net.{asked_for}`" in check(training_step).message


@pytest.mark.parametrize("wrong", [3, "linear_betas", None, torch.zeros(2)])
def test_only_functions_and_classes_can_be_checked(wrong):
    with pytest.raises(ValueError, match="check takes your function or class itself"):
        check(wrong)


def test_an_unknown_name_is_answered_with_the_nearest():
    def ad_noise(x0, noise, t, ac):
        return x0

    with pytest.raises(ValueError, match="the nearest names are add_noise"):
        check(ad_noise)
    with pytest.raises(ValueError, match="check takes your function or class itself"):
        check(functools.partial(ad_noise))


def test_results_read_well_in_a_notebook():
    result = CheckResult(False, "use `a < b`\n<script>", exercise="add_noise", status="wrong", points=0.5, out_of=2)
    page = result._repr_html_()
    assert "add_noise: Not yet (0.5 of 2 points)" in page
    assert "<code>a &lt; b</code><br>&lt;script&gt;" in page
    assert "<script>" not in page
    assert 'role="status"' in page
    assert result.score == 0.25


@pytest.mark.parametrize(
    ("code", "points", "out_of", "words"),
    [
        ("en", 1, 1, "(1 of 1 point)"),
        ("en", 0.5, 1, "(0.5 of 1 point)"),
        ("en", 1, 2, "(1 of 2 points)"),
        ("ja", 0, 1, "(1 点中 0 点)"),
        ("ja", 1, 2, "(2 点中 1 点)"),
    ],
)
def test_one_point_is_not_points(monkeypatch, code, points, out_of, words):
    monkeypatch.setenv("T2ILAB_LANG", code)
    assert CheckResult(False, "", points=points, out_of=out_of).headline.endswith(words)


def test_everything_is_said_in_japanese_too(monkeypatch):
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    assert "正解（" not in repr(check(cosine, "cosine_similarity"))
    assert "正解" in repr(check(cosine, "cosine_similarity"))
    wrong = repr(check(lambda a, b: a @ b.T, "cosine_similarity"))
    assert "もう一歩" in wrong
    assert "これは内積なので" in wrong
    assert "「バッチ」の場合、16 個のうち 16 個の値が違います" in repr(
        check(lambda a, b: cosine(a, b) + 1, "cosine_similarity")
    )
