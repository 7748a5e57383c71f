"""Drawing with ControlNets: the residuals by hand, when they are heard, how pictures come, and what is refused."""

import math
import shutil

import pytest
import torch
import torch.nn.functional as F
from published import diffusers_class, latent_pipe, randomised
from safetensors import safe_open
from torchvision.transforms.functional import to_tensor

from t2ilab import zoo
from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.guidance import GuidedDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.images import to_pil
from t2ilab.interop.stable_diffusion import write_controlnet
from t2ilab.nets.controlnet import ControlNet, ControlNetConfig
from t2ilab.nets.unet import UNetConfig
from t2ilab.pipelines import control, folder
from t2ilab.pipelines.control import control_to_image, open_controlnet, save_controlnet
from t2ilab.pipelines.text_to_image import SAMPLERS, TextToImage

PROMPT, OTHER = "a big red star on a dark background", "青い輪"
WAY = {"num_inference_steps": 4, "output_type": "pt"}


def net_of(pipe, seed=0, widths=(4, 6), **changes):
    """A ControlNet for the pipe, every tensor of it random and loud enough to be heard."""
    layout = UNetConfig(**(pipe.unet.config.to_dict() | changes))
    net = randomised(ControlNet(ControlNetConfig(layout, condition_widths=widths)), seed)
    return net.to(next(pipe.unet.parameters()))


def picture(count=1, height=16, width=16, seed=2):
    """Pictures in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def noise(pipe, count=1, size=16):
    side = size // (1 if pipe.vae is None else 2)
    shape = (count, pipe.unet.config.in_channels, side, side)
    return torch.randn(shape, generator=torch.Generator().manual_seed(9))


@pytest.fixture(params=["pixels, folded", "latents"])
def pipe(request, small_pipe, tokenizer, cpu):
    return small_pipe if request.param == "pixels, folded" else latent_pipe(tokenizer, cpu)


@pytest.fixture
def calls(monkeypatch):
    """The timesteps at which each call of a ControlNet was made, with the net."""
    made = []
    forward = ControlNet.forward

    def spying(self, x, t, *rest, **more):
        made.append((self, int(t[0])))
        return forward(self, x, t, *rest, **more)

    monkeypatch.setattr(ControlNet, "forward", spying)
    return made


# ---- what is added ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_what_several_nets_say_is_summed_and_guided_as_by_hand(pipe):
    for part in (pipe.unet, pipe.text_encoder, *([pipe.vae] if pipe.vae else [])):
        part.double()
    nets, scales = [net_of(pipe, 1), net_of(pipe, 2)], [0.7, -0.4]
    pictures = [picture(2).double(), picture(2, seed=3).double()]
    latents = noise(pipe, 2).double()

    def denoiser(texts):
        context = pipe.encode(texts)

        def guess(x, t):
            said = [net(x, t, context, p) for net, p in zip(nets, pictures, strict=True)]
            downs = [scales[0] * a + scales[1] * b for a, b in zip(said[0][0], said[1][0], strict=True)]
            return pipe.unet(x, t, context, residuals=(downs, scales[0] * said[0][1] + scales[1] * said[1][1]))

        return NetworkDenoiser(guess, pipe.schedule, "v_prediction")

    guided = GuidedDenoiser(denoiser([PROMPT, OTHER]), denoiser(["", ""]), 2.5)

    def clipped(x, t):
        return guided(x, t).clamp(-1, 1) if pipe.vae is None else guided(x, t)

    x0 = sample_ddim(clipped, latents, pipe.schedule, pipe.schedule.timesteps(4, "trailing"))
    expected = (pipe.decode(x0) / 2 + 0.5).clamp(0, 1)
    got = control_to_image(
        pipe, nets, [PROMPT, OTHER], pictures, controlnet_conditioning_scale=scales, guidance_scale=2.5,
        latents=latents, **WAY,
    )  # fmt: skip
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=1e-6)
    alone = pipe([PROMPT, OTHER], guidance_scale=2.5, latents=latents, **WAY)
    assert (got - alone).abs().max() > 0.01


def test_a_silent_net_leaves_the_picture_as_it_is(pipe, calls):
    expected = pipe([PROMPT, OTHER], seed=4, **WAY)
    fresh = ControlNet.from_unet(pipe.unet, condition_widths=(4, 6))
    assert torch.equal(control_to_image(pipe, fresh, [PROMPT, OTHER], picture(), seed=4, **WAY), expected)
    assert len(calls) == 4
    loud = net_of(pipe)
    drawn = control_to_image(
        pipe, loud, [PROMPT, OTHER], picture(), controlnet_conditioning_scale=0, seed=4, **WAY
    )  # fmt: skip
    assert torch.equal(drawn, expected)
    assert len(calls) == 4  # and is not even asked
    assert (control_to_image(pipe, loud, [PROMPT, OTHER], picture(), seed=4, **WAY) - expected).abs().max() > 0.01


def test_without_a_word_it_is_the_picture_that_says_what_to_draw(pipe):
    black, white = torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)

    def drawn(prompt, image, scale=1.0):
        return control_to_image(pipe, net_of(pipe), prompt, image, seed=4, **WAY | {"guidance_scale": scale})

    unguided = drawn("", black)
    torch.testing.assert_close(drawn("", black, 3.0), unguided, rtol=0, atol=1e-4)  # nothing to be led by
    assert (drawn("", white) - unguided).abs().max() > 1e-3
    torch.testing.assert_close(drawn(["", PROMPT], black)[:1], unguided, rtol=0, atol=1e-4)


# ---- when it is heard ------------------------------------------------------------------------------------------------


def test_each_net_is_heard_from_its_start_to_its_end(small_pipe, calls):
    nets = [net_of(small_pipe, 1), net_of(small_pipe, 2)]
    control_to_image(
        small_pipe, nets, PROMPT, [picture(), picture()], num_inference_steps=10, seed=0,
        control_guidance_start=[0.25, 0.0], control_guidance_end=[0.7, 0.31],
    )  # fmt: skip
    grid = small_pipe.schedule.timesteps(10, "trailing").tolist()
    heard = [[grid.index(t) for net, t in calls if net is nets[k]] for k in (0, 1)]
    assert heard == [[3, 4, 5, 6], [0, 1, 2]]  # i / 10 >= start, (i + 1) / 10 <= end


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_any_sampler_draws_and_both_calls_of_heun_hear_the_same(small_pipe, calls, sampler):
    net, seen = net_of(small_pipe), []
    way = {"seed": 3, "sampler": sampler, "num_inference_steps": 5, "output_type": "pt"}
    drawn = control_to_image(small_pipe, net, PROMPT, picture(), control_guidance_end=0.6,
                             callback=lambda *a: seen.append(a[:2]), **way)  # fmt: skip
    assert drawn.isfinite().all()
    grid = [t for _, t in seen]
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4]
    expected = grid[:3] if sampler != "heun" else [grid[0], grid[1], grid[1], grid[2], grid[2]]
    assert [t for _, t in calls] == expected
    again = control_to_image(small_pipe, net, PROMPT, picture(), control_guidance_end=0.6, **way)
    assert torch.equal(drawn, again)
    assert (drawn - small_pipe(PROMPT, **way)).abs().max() > 1e-3


# ---- how it is called ------------------------------------------------------------------------------------------------


def test_a_picture_of_a_batch_is_the_picture_of_its_own_seed_and_condition(pipe):
    net, pictures = net_of(pipe), picture(2)
    both = control_to_image(pipe, net, [PROMPT, OTHER], pictures, seed=40, **WAY)
    for i, prompt in enumerate([PROMPT, OTHER]):
        alone = control_to_image(pipe, net, prompt, pictures[i : i + 1], seed=40 + i, **WAY)
        torch.testing.assert_close(alone[0], both[i], rtol=0, atol=1e-4)
    for_all = control_to_image(pipe, net, [PROMPT, OTHER], pictures[:1], seed=40, **WAY)
    torch.testing.assert_close(for_all[0], both[0], rtol=0, atol=1e-4)
    assert (for_all[1] - both[1]).abs().max() > 1e-3


def test_pictures_come_as_pil_or_as_a_pipeline_gives_them(small_pipe):
    net, pils = net_of(small_pipe), to_pil(picture(2) * 2 - 1)
    tensors = torch.stack([to_tensor(pil) for pil in pils])
    expected = control_to_image(small_pipe, net, [PROMPT, OTHER], tensors, seed=4, **WAY)
    for image in (pils, tuple(pils)):
        drawn = control_to_image(small_pipe, net, [PROMPT, OTHER], image, seed=4, **WAY)
        torch.testing.assert_close(drawn, expected, rtol=0, atol=1e-5)
    (pil,) = control_to_image(small_pipe, [net], PROMPT, [pils[0]], seed=4, num_inference_steps=4)
    assert pil.tobytes() == to_pil(expected[:1] * 2 - 1)[0].tobytes()
    grey = pils[0].convert("L")
    drawn = control_to_image(small_pipe, net, PROMPT, grey, seed=4, **WAY)
    assert torch.equal(drawn, control_to_image(small_pipe, net, PROMPT, grey.convert("RGB"), seed=4, **WAY))


def test_a_picture_of_another_size_is_resized_and_said(pipe):
    net, large = net_of(pipe), picture(1, 40, 24)
    with pytest.warns(UserWarning, match=r"picture of 40x24 \(height x width\) is resized to the 16x16 that are drawn"):
        drawn = control_to_image(pipe, net, PROMPT, large, seed=1, **WAY)
    assert drawn.shape == (1, 3, 16, 16)
    small = F.interpolate(large, (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(drawn, control_to_image(pipe, net, PROMPT, small, seed=1, **WAY), rtol=0, atol=1e-4)


def test_another_size_is_drawn_where_it_is_asked_for(pipe):
    net, image = net_of(pipe), picture(1, 24, 20)
    drawn = control_to_image(pipe, net, PROMPT, image, seed=1, height=24, width=20, **WAY)
    assert drawn.shape == (1, 3, 24, 20)
    factor = 1 if pipe.vae is None else 2
    latents = torch.randn(1, pipe.unet.config.in_channels, 24 // factor, 20 // factor)
    assert control_to_image(pipe, net, PROMPT, image, latents=latents, **WAY).shape == (1, 3, 24, 20)


def test_a_net_may_look_at_one_channel(small_pipe):
    net = net_of(small_pipe)
    config = ControlNetConfig(net.config, 1, (4, 6))
    one = randomised(ControlNet(config)).float()
    drawn = control_to_image(small_pipe, one, PROMPT, picture()[:, :1], seed=1, **WAY)
    assert drawn.shape == (1, 3, 16, 16)
    with pytest.raises(ValueError, match=r"A picture is floats \(B, 1, H, W\); got torch.float32 \(1, 3, 16, 16\)"):
        control_to_image(small_pipe, one, PROMPT, picture(), seed=1)


# ---- what does not fit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"block_out_channels": (8, 24)}, r"block_out_channels is \(8, 24\), and that of this model's U-Net \(8, 16\)"),
        ({"cross_attention_dim": 24}, "its cross_attention_dim is 24, and that of this model's U-Net 16"),
        ({"layers_per_block": 2}, "its layers_per_block is 2, and that of this model's U-Net 1"),
        ({"in_channels": 9}, "its in_channels is 9, and that of this model's U-Net 4"),
        ({"patch_size": 2}, "its patch_size is 2, and that of this model's U-Net 1"),
        ({"num_class_embeds": 3}, "its num_class_embeds is 3, and that of this model's U-Net 0"),
        ({"widths": (4, 6, 8)}, r"2 times smaller than its pictures, so .* have 2 condition_widths; got \(4, 6, 8"),
    ],
)  # fmt: skip
def test_a_net_of_another_base_is_refused(tokenizer, cpu, changes, sentence):
    pipe = latent_pipe(tokenizer, cpu)
    with pytest.raises(ValueError, match=sentence) as error:
        control_to_image(pipe, net_of(pipe, **changes), PROMPT, picture())
    assert "\n" not in str(error.value)


def test_a_net_with_other_attention_than_its_base_fits(tokenizer, cpu):
    pipe = latent_pipe(tokenizer, cpu)
    net = net_of(pipe, attention=(False, False), scale_shift=True)
    assert control_to_image(pipe, net, PROMPT, picture(), seed=0, **WAY).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"controlnet_conditioning_scale": math.nan}, "controlnet_conditioning_scale is one finite number, .*got nan"),
        ({"controlnet_conditioning_scale": [1.0, 2.0]}, r"or one for each of the 1 ControlNets; got \[1\.0, 2\.0\]"),
        ({"control_guidance_start": 0.5, "control_guidance_end": 0.5}, "shares of the steps; got 0.5 and 0.5"),
        ({"control_guidance_start": -0.1}, "got -0.1 and 1.0"),
        ({"control_guidance_end": 1.1}, "got 0.0 and 1.1"),
        ({"image": picture()[0]}, r"PIL, or floats \(B, 3, H, W\); got torch.float32 \(3, 16, 16\)"),
        ({"image": picture() * 2 - 1}, r"numbers lie in 0 to 1; got -\d"),
        ({"image": picture(2)}, "one picture for all prompts or one a prompt; got 2 for 1 prompts"),
        ({"image": []}, "at least one picture"),
        ({"controlnet": []}, "Give at least one ControlNet; got none"),
        ({"prompt": []}, "A prompt needs at least one word"),
        ({"prompt": ["a star", None]}, "A prompt needs at least one word"),
        ({"num_inference_steps": 0}, "num_inference_steps lies in 1 to 1000; got 0"),
        ({"output_type": "np"}, "output_type is 'pil' or 'pt'"),
        ({"height": 15}, "multiples of 2 pixels; got 15 and 16"),
        ({"negative_prompt": "円", "guidance_scale": 1}, "no effect without guidance"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(tokenizer, cpu, arguments, sentence):
    pipe = latent_pipe(tokenizer, cpu)
    given = {"controlnet": net_of(pipe), "prompt": PROMPT, "image": picture()} | arguments
    with pytest.raises(ValueError, match=sentence) as error:
        control_to_image(pipe, **given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("image", "got"),
    [([picture()], "1 for 2"), (picture(2), "one Tensor for 2"), (to_pil(picture())[0], "one Image for 2")],
)
def test_several_nets_need_a_list_of_pictures(tokenizer, cpu, image, got):
    pipe = latent_pipe(tokenizer, cpu)
    with pytest.raises(ValueError, match=f"A list of ControlNets needs a list with pictures for each; got {got}"):
        control_to_image(pipe, [net_of(pipe), net_of(pipe)], PROMPT, image)


# ---- where it comes from ---------------------------------------------------------------------------------------------


def test_a_net_opens_from_a_folder_and_from_the_hub(tokenizer, cpu, tmp_path, monkeypatch):
    pipe = latent_pipe(tokenizer, cpu)
    net = net_of(pipe)
    write_controlnet(tmp_path / "net", net)
    opened = open_controlnet(tmp_path / "net", "cpu")
    assert opened.control_config == net.control_config
    assert not opened.training
    for mine, theirs in zip(opened.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)
    asked = []
    monkeypatch.setattr(
        folder, "fetch", lambda name, parts, **how: asked.append((name, parts, how)) or tmp_path / "net"
    )
    assert open_controlnet("someone/net", "cpu", variant=None, revision="v1").control_config == net.control_config
    assert asked == [("someone/net", {"": "diffusion_pytorch_model"}, {"revision": "v1", "variant": None})]


@pytest.fixture
def beside(cpu, tokenizer, make_card, tmp_path, monkeypatch):
    """A zoo with a model of latents, that model, and a ControlNet that has half of its tensors from it."""
    monkeypatch.setattr(zoo, "ROOT", tmp_path / "zoo")
    pipe = latent_pipe(tokenizer, cpu)
    pipe.save_pretrained(zoo.ROOT / "drawer")
    zoo.write_card(zoo.ROOT / "drawer", make_card("drawer"))
    pipe = TextToImage.from_pretrained("drawer", "cpu")
    net = net_of(pipe, seed=5)  # no tensor is the base's
    own = net.state_dict() | {name: t for name, t in pipe.unet.state_dict().items() if name.startswith("mid_block")}
    net.load_state_dict(own)
    return pipe, net


def test_beside_a_base_of_the_zoo_only_what_is_its_own_is_written(beside, tmp_path):
    pipe, net = beside
    save_controlnet(tmp_path / "net", net, pipe, "drawer")
    write_controlnet(tmp_path / "whole", net)
    with safe_open(tmp_path / "net" / "beside_base.safetensors", "pt") as file:
        written = set(file.keys())
    with safe_open(tmp_path / "whole" / "diffusion_pytorch_model.safetensors", "pt") as file:
        whole = set(file.keys())
    assert {name for name in whole if name.startswith("mid_block")} == whole - written != set()
    opened, expected = open_controlnet(tmp_path / "net", "cpu"), open_controlnet(tmp_path / "whole", "cpu")
    assert opened.state_dict().keys() == expected.state_dict().keys()
    assert all(torch.equal(t, expected.state_dict()[name]) for name, t in opened.state_dict().items())
    write_controlnet(tmp_path / "again", opened)  # and diffusers has it back, byte for byte
    again = (tmp_path / "again" / "diffusion_pytorch_model.safetensors").read_bytes()
    assert again == (tmp_path / "whole" / "diffusion_pytorch_model.safetensors").read_bytes()
    save_controlnet(tmp_path / "elsewhere", net, pipe, "runs/mine")
    assert sorted(p.name for p in (tmp_path / "elsewhere").iterdir()) == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]


@pytest.mark.parametrize("names", [("drawer", "runs/mine"), ("runs/mine", "drawer")])
def test_a_net_saved_over_another_is_the_one_that_opens(beside, tmp_path, names):
    pipe, net = beside
    for bias, name in zip((1.0, 2.0), names, strict=True):
        torch.nn.init.constant_(net.controlnet_mid_block.bias, bias)
        save_controlnet(tmp_path / "net", net, pipe, name)
        assert open_controlnet(tmp_path / "net", "cpu").controlnet_mid_block.bias.eq(bias).all()
    files = {"drawer": {"base.json", "beside_base.safetensors"}, "runs/mine": {"diffusion_pytorch_model.safetensors"}}
    assert {path.name for path in (tmp_path / "net").iterdir()} == {"config.json"} | files[names[-1]]


def test_without_that_base_it_does_not_open(beside, tokenizer, cpu, make_card, tmp_path):
    pipe, net = beside
    save_controlnet(tmp_path / "net", net, pipe, "drawer")
    (tmp_path / "net" / "base.json").unlink()
    with pytest.raises(OSError, match=r"net: There is no diffusion_pytorch_model.safetensors here"):
        open_controlnet(tmp_path / "net", "cpu")
    save_controlnet(tmp_path / "net", net, pipe, "drawer")
    randomised(pipe.unet, 7)
    pipe.save_pretrained(zoo.ROOT / "drawer")
    zoo.write_card(zoo.ROOT / "drawer", make_card("drawer"))
    with pytest.raises(OSError, match="was trained beside another drawer than the zoo has now"):
        open_controlnet(tmp_path / "net", "cpu")
    with pytest.warns(UserWarning, match="It is put beside the new one, and has to be trained on there"):
        moved = open_controlnet(tmp_path / "net", "cpu", any_base=True)
    torch.testing.assert_close(moved.conv_in.weight, net.conv_in.weight, rtol=1e-3, atol=1e-3)  # what it learned
    theirs = pipe.unet.mid_block.resnets[0].conv1.weight.float()  # and the rest is the new one's
    torch.testing.assert_close(moved.mid_block.resnets[0].conv1.weight, theirs, rtol=1e-3, atol=1e-3)
    shutil.rmtree(zoo.ROOT / "drawer")
    with pytest.raises(ValueError, match="The zoo has no 'drawer'"):
        open_controlnet(tmp_path / "net", "cpu")


def test_what_is_no_controlnet_is_a_sentence(tokenizer, cpu, tmp_path):
    latent_pipe(tokenizer, cpu).save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="model holds a whole model, which TextToImage opens; this call opens one"):
        open_controlnet(tmp_path / "model", "cpu")
    with pytest.raises(ValueError, match=r"This course's ControlNetModel knows no 'out_channels'"):
        open_controlnet(tmp_path / "model" / "unet", "cpu")
    with pytest.raises(ValueError, match="The zoo has no 'control-semantics'"):
        open_controlnet("control-semantics", "cpu")


def test_the_names_of_its_arguments_are_diffusers():
    import inspect

    theirs = inspect.signature(diffusers_class("StableDiffusionControlNetPipeline").__call__).parameters
    ours = inspect.signature(control.control_to_image).parameters
    own = {"pipe", "controlnet", "seed", "sampler", "spacing", "callback"}
    assert ours.keys() - own <= theirs.keys()
    for name in ("controlnet_conditioning_scale", "control_guidance_start", "control_guidance_end"):
        assert ours[name].default == theirs[name].default
