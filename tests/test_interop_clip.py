"""CLIP in the layouts of transformers and open_clip: the same features, the same logits, both ways."""

import json

import pytest
import torch
from published import difference, library, randomised
from safetensors.torch import load_file, save_file

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.interop.clip import load_clip, own_open_clip, read_open_clip, save_clip, to_open_clip
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig

TOKENIZER = CLIPTokenizer.train(["cat", "dog", "猫"], 9)
WORDS = len(TOKENIZER.vocab)
PROMPTS = ["a cat", "a dog and 猫", "cat cat cat cat cat cat cat"]
TOLERANCE = 1e-7


def config_of(quick_gelu=True):
    text = TextConfig(WORDS, 9, width=24, layers=2, heads=4, quick_gelu=quick_gelu)
    return CLIPConfig(text, VisionConfig(10, 5, width=32, layers=3, heads=2, quick_gelu=quick_gelu), embed_dim=20)


def pictures(batch=2):
    return torch.randn(batch, 3, 10, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def towers_of(activation, eps=1e-5):
    """transformers' configurations of the two towers."""
    tower = {"hidden_act": activation, "layer_norm_eps": eps}
    text = {"vocab_size": WORDS, "max_position_embeddings": 9, "hidden_size": 24, "intermediate_size": 96,
            "num_hidden_layers": 2, "num_attention_heads": 4, "bos_token_id": TOKENIZER.start_id,
            "eos_token_id": TOKENIZER.end_id, "pad_token_id": TOKENIZER.end_id}  # fmt: skip
    vision = {"image_size": 10, "patch_size": 5, "hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 3,
              "num_attention_heads": 2}  # fmt: skip
    return {"text_config": text | tower, "vision_config": vision | tower}


def in_transformers(activation="quick_gelu", eps=1e-5):
    transformers = library("transformers")
    return randomised(transformers.CLIPModel(transformers.CLIPConfig(**towers_of(activation, eps), projection_dim=20)))


def in_open_clip(quick_gelu=True):
    open_clip = library("open_clip")
    text = open_clip.CLIPTextCfg(context_length=9, vocab_size=WORDS, width=24, heads=4, layers=2)
    vision = open_clip.CLIPVisionCfg(layers=3, width=32, head_width=16, patch_size=5, image_size=10)
    return randomised(open_clip.CLIP(20, vision, text, quick_gelu=quick_gelu))


def features_of(theirs, pixels, ids, **mask):
    """transformers 4 gives the projected features as a tensor, 5 in an output that holds them as the pooled one."""
    told = [theirs.get_image_features(pixels), theirs.get_text_features(ids, **mask)]
    return [out if isinstance(out, torch.Tensor) else out.pooler_output for out in told]


# ---- transformers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quick_gelu", [True, False])
@torch.no_grad()
def test_equals_transformers(quick_gelu):
    theirs = in_transformers("quick_gelu" if quick_gelu else "gelu")
    ours = CLIP(config_of(quick_gelu)).double()
    state = {name: x for name, x in theirs.state_dict().items() if not name.endswith("position_ids")}
    ours.load_state_dict(state)  # strict: the same names and shapes
    pixels, ids = pictures(), TOKENIZER(PROMPTS)
    images, texts = features_of(theirs, pixels, ids)
    assert difference(ours.encode_image(pixels), images) <= TOLERANCE
    assert difference(ours.encode_text(ids), texts) <= TOLERANCE
    logits = theirs(input_ids=ids, pixel_values=pixels).logits_per_image
    assert logits.shape == (2, 3)
    assert difference(ours(pixels, ids), logits) <= TOLERANCE


@torch.no_grad()
def test_equals_transformers_with_a_mask():
    theirs, ours = in_transformers(), CLIP(config_of()).double()
    ours.load_state_dict({name: x for name, x in theirs.state_dict().items() if not name.endswith("position_ids")})
    pixels, ids = pictures(), TOKENIZER(PROMPTS)
    mask = torch.ones_like(ids)
    mask[:, 1] = 0
    _, texts = features_of(theirs, pixels, ids, attention_mask=mask)
    assert difference(ours.encode_text(ids, mask), texts) <= TOLERANCE
    assert difference(ours.encode_text(ids), texts) > 1e-4


@pytest.mark.parametrize("wrong", [{"activation": "gelu"}, {"activation": "gelu_pytorch_tanh"}, {"eps": 1e-6}])
@torch.no_grad()
def test_the_comparison_notices_another_activation_or_epsilon(wrong):
    theirs, ours = in_transformers(**wrong), CLIP(config_of()).double()
    ours.load_state_dict({name: x for name, x in theirs.state_dict().items() if not name.endswith("position_ids")})
    expected = theirs(input_ids=TOKENIZER(PROMPTS), pixel_values=pictures()).logits_per_image
    assert difference(ours(pictures(), TOKENIZER(PROMPTS)), expected) > TOLERANCE


@pytest.fixture
def folder(tmp_path):
    """A CLIP as transformers saves it, with its tokenizer."""
    path = tmp_path / "clip"
    in_transformers().float().save_pretrained(path)
    TOKENIZER.save_pretrained(path)
    return path


@torch.no_grad()
def test_a_folder_of_transformers_opens(folder):
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    model, tokenizer, mean, std = load_clip(folder)
    assert (mean, std) == ((0.5,) * 3, (0.25,) * 3)
    assert model.config == config_of()
    assert not model.training
    assert torch.equal(tokenizer(PROMPTS), TOKENIZER(PROMPTS))
    theirs = library("transformers").CLIPModel.from_pretrained(folder).eval()
    pixels, ids = pictures().float(), tokenizer(PROMPTS)
    expected = theirs(input_ids=ids, pixel_values=pixels).logits_per_image
    assert difference(model(pixels, ids), expected) <= 2e-6
    assert expected.std() > 0.01


@pytest.mark.parametrize("end", [2, WORDS - 3])
@torch.no_grad()
def test_a_folder_with_added_tokens_opens(folder, end):
    """The end token is no longer the last; under an old configuration's 2, transformers takes the largest id."""
    text = json.loads((folder / "config.json").read_text())["text_config"]
    changed(folder, text_config=text | {"eos_token_id": end})
    model, theirs = load_clip(folder).model, library("transformers").CLIPModel.from_pretrained(folder).eval()
    ids = torch.tensor([[1, WORDS - 1, 4, WORDS - 3, 5, WORDS - 2, 0, 0, 0], [1, 4, 5, 6, WORDS - 3, 0, 0, 0, 0]])
    _, expected = features_of(theirs, pictures().float(), ids)
    assert difference(model.encode_text(ids), expected) <= 2e-6


def test_a_processor_of_transformers_5_is_read(folder):
    processor = {"image_processor": {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}}
    (folder / "processor_config.json").write_text(json.dumps(processor))
    assert load_clip(folder).mean == (0.5,) * 3


def test_a_folder_in_both_layouts_opens_by_the_weights_that_are_there(folder):
    (folder / "open_clip_config.json").write_text(json.dumps(OPEN_CLIP))
    assert load_clip(folder).model.config == config_of()


@torch.no_grad()
def test_what_we_save_transformers_opens(tmp_path):
    ours = randomised(CLIP(config_of(quick_gelu=False)))
    save_clip(tmp_path, ours, TOKENIZER, mean=(0.1, 0.2, 0.3))
    transformers = library("transformers")
    theirs = transformers.CLIPModel.from_pretrained(tmp_path).eval()
    kind = getattr(transformers, "CLIPTokenizerFast", transformers.CLIPTokenizer)
    tokenizer = kind.from_pretrained(tmp_path)
    ids = torch.tensor(tokenizer(PROMPTS, padding="max_length", truncation=True)["input_ids"])
    assert torch.equal(ids, TOKENIZER(PROMPTS))
    expected = theirs(input_ids=ids, pixel_values=pictures().float()).logits_per_image
    assert difference(ours.float()(pictures().float(), ids), expected) <= 2e-6
    size = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert (size["crop_size"], size["image_mean"]) == ({"height": 10, "width": 10}, [0.1, 0.2, 0.3])
    again = load_clip(tmp_path)
    assert again.model.config == ours.config
    assert again.mean == (0.1, 0.2, 0.3)
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), ours.parameters(), strict=True))


# ---- open_clip ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quick_gelu", [True, False])
@torch.no_grad()
def test_equals_open_clip(quick_gelu):
    theirs, ours = in_open_clip(quick_gelu), CLIP(config_of(quick_gelu)).double()
    state = dict(pair for name, x in theirs.state_dict().items() for pair in own_open_clip(name, x))
    ours.load_state_dict(state)  # strict: the same names and shapes
    pixels, ids = pictures(), TOKENIZER(PROMPTS)
    assert difference(ours.encode_image(pixels), theirs.encode_image(pixels)) <= TOLERANCE
    assert difference(ours.encode_text(ids), theirs.encode_text(ids)) <= TOLERANCE
    assert difference(ours(pixels, ids), theirs.get_logits(pixels, ids)[0]) <= TOLERANCE
    other = CLIP(config_of(not quick_gelu)).double()
    other.load_state_dict(state)
    assert difference(other(pixels, ids), theirs.get_logits(pixels, ids)[0]) > TOLERANCE


@torch.no_grad()
def test_open_clip_takes_our_weights():
    ours, theirs = randomised(CLIP(config_of()), seed=3), in_open_clip()
    theirs.load_state_dict(to_open_clip(ours.state_dict()))  # strict
    ids = TOKENIZER(PROMPTS)
    assert difference(ours(pictures(), ids), theirs.get_logits(pictures(), ids)[0]) <= TOLERANCE


OPEN_CLIP = {
    "model_cfg": {
        "embed_dim": 20,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 10, "layers": 3, "width": 32, "head_width": 16, "patch_size": 5},
        "text_cfg": {"context_length": 9, "vocab_size": WORDS, "width": 24, "heads": 4, "layers": 2},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
}


@torch.no_grad()
def test_a_folder_of_open_clip_opens(tmp_path):
    theirs = in_open_clip().float()
    state = {name: x.contiguous() for name, x in theirs.state_dict().items()}
    save_file(state, tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps(OPEN_CLIP))
    TOKENIZER.save_pretrained(tmp_path)
    model, tokenizer, mean, std = load_clip(tmp_path)
    assert (mean, std) == ((0.5,) * 3, (0.2,) * 3)
    ids = tokenizer(PROMPTS)
    expected = theirs.get_logits(pictures().float(), ids)[0]
    assert difference(model(pictures().float(), ids), expected) <= 2e-6


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B-32-quickgelu", "ViT-L-14-quickgelu"])
def test_open_clips_own_configurations_are_read(name):
    open_clip = library("open_clip")
    known = {"ViT-B-32": CLIPConfig.vit_b_32(quick_gelu=False), "ViT-B-32-quickgelu": CLIPConfig.vit_b_32(),
             "ViT-L-14-quickgelu": CLIPConfig.vit_l_14()}  # fmt: skip
    assert read_open_clip(open_clip.get_model_config(name)) == known[name]


# ---- sizes and bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (CLIPConfig.vit_b_32(), 151_277_313),
        (CLIPConfig.vit_b_32(quick_gelu=False), 151_277_313),
        (CLIPConfig.vit_l_14(), 427_616_513),
    ],
    ids=["ViT-B/32", "ViT-B/32 by OpenCLIP", "ViT-L/14"],
)
def test_the_published_ones_are_configurations_of_this_class(config, parameters):
    with torch.device("meta"):  # shapes only: no memory
        assert sum(p.numel() for p in CLIP(config).parameters()) == parameters
    assert CLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("width", [0, 20.0, None])
def test_a_space_of_no_width_is_refused(width):
    with pytest.raises(ValueError, match=r"A CLIP's embed_dim is a whole number from 1, or some; got "):
        CLIPConfig(config_of().text, config_of().vision, width)


def changed(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_another_model_is_said(folder):
    changed(folder, model_type="siglip")
    with pytest.raises(ValueError, match="holds a siglip; this call opens a CLIP"):
        load_clip(folder)


@pytest.mark.parametrize(
    ("tower", "values", "sentence"),
    [
        ("text_config", {"hidden_act": "relu"}, "quick_gelu or gelu inside; got 'relu'"),
        ("vision_config", {"intermediate_size": 100}, "four times wider inside; got 100 for 32"),
        ("vision_config", {"layer_norm_eps": 1e-6}, r"layer_norm_eps=1e-05; got 1e-06, which is another network"),
        ("text_config", {"num_attention_heads": 5}, "multiple of heads=5; got 24"),
    ],
)
def test_a_tower_that_ours_is_not(tower, values, sentence, folder):
    config = json.loads((folder / "config.json").read_text())
    changed(folder, **{tower: config[tower] | values})
    with pytest.raises(ValueError, match=sentence):
        load_clip(folder)


@pytest.mark.parametrize("content", ["{}", '{"model_type": "clip"}', "[]", "{"])
def test_a_folder_that_is_not_whole(content, folder):
    (folder / "config.json").write_text(content)
    with pytest.raises((OSError, ValueError)) as error:
        load_clip(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_tensors_that_are_missing_too_many_or_of_another_shape_are_named(folder):
    path = folder / "model.safetensors"
    whole = load_file(path)
    name = "text_model.encoder.layers.1.mlp.fc1.bias"
    save_file({k: v for k, v in whole.items() if k != name}, path)
    with pytest.raises(OSError, match=rf"missing \['{name}'\], not known \[\]"):
        load_clip(folder)
    save_file(whole | {"visual.extra": torch.zeros(1)}, path)
    with pytest.raises(OSError, match=r"missing \[\], not known \['visual.extra'\]"):
        load_clip(folder)
    save_file(whole | {name: torch.zeros(3)}, path)
    with pytest.raises(OSError, match=rf"{name} is \(3,\), and the model needs \(96,\)"):
        load_clip(folder)


def test_a_pickle_is_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"a pickle, pytorch_model\.bin, and opening one runs .* safe_serialization=True"):
        load_clip(folder)


@pytest.mark.parametrize(
    ("part", "values", "sentence"),
    [
        ("text_cfg", {"hf_model_name": "roberta-base"}, r"knows no 'hf_model_name' in open_clip's text_cfg"),
        ("vision_cfg", {"timm_model_name": "convnext"}, r"knows no 'timm_model_name' in open_clip's vision_cfg"),
        ("vision_cfg", {"layers": [3, 4, 6, 3], "patch_size": None}, "with a vision transformer; got a ResNet"),
        ("vision_cfg", {"mlp_ratio": 4.36}, r"four times wider inside; got 4\.36 times"),
    ],
)
def test_an_open_clip_that_ours_is_not(part, values, sentence):
    config = OPEN_CLIP["model_cfg"]
    with pytest.raises(ValueError, match=sentence):
        read_open_clip(config | {part: config[part] | values})
    with pytest.raises(ValueError, match="knows no 'multimodal_cfg' in open_clip's configuration"):
        read_open_clip(config | {"multimodal_cfg": {}})
