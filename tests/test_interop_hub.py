"""Models of the Hugging Face hub, from a hub of our own on this machine: what is said, downloaded, kept and refused."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from own_hub import COMMIT, NOWHERE, Repository, run_with_hub, serving
from published import latent_pipe

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.interop.hub import SUCCESSORS

DEAD = "runwayml/stable-diffusion-v1-5"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model that the hub has, with files beside it that nobody needs; beside it, one as a pickle."""
    from t2ilab.device import DeviceManager

    folder = tmp_path_factory.mktemp("hub") / "model"
    latent_pipe(CLIPTokenizer.train(["cat", "red"], 16), DeviceManager("cpu")).save_pretrained(folder)
    (folder / "README.md").write_text("# A model\n")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"x" * 5_000_000)
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"x" * 7_000_000)
    shutil.copytree(folder, folder.with_name("pickled"))
    (folder.with_name("pickled") / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    return folder


@pytest.fixture
def hub(model):
    """A hub that has this model as someone/tiny, as Stable Diffusion's successor, and one behind a login."""
    tiny = Repository(model, licence="creativeml-openrail-m")
    has = {
        "someone/tiny": tiny,
        SUCCESSORS[DEAD]: tiny,
        "someone/half": replace(tiny, breaks_off=(".safetensors",)),
        "someone/pickled": replace(tiny, folder=model.with_name("pickled")),
        "someone/gated": replace(tiny, login="all"),
    }
    with serving("models", has) as hub:
        yield hub


@pytest.fixture
def ask(hub, tmp_path):
    """Asks the hub for a model, in a process of its own: what came, what was said, how it ended."""

    def ask(name, address=hub.address, offline="0", program=None, **options):
        call = f"fetch({name!r}, PARTS, **{options!r})"
        program = program or (
            "import sys\n"
            "from t2ilab.interop import hub\n"
            "from t2ilab.interop.stable_diffusion import PARTS\n"
            "hub.SECONDS = 2.0\n"
            f"try: print(hub.{call})\n"
            "except (OSError, ValueError) as error: sys.exit(f'{type(error).__name__}: {error}')\n"
        )
        done = run_with_hub(program, address=address, home=tmp_path / "home", offline=offline)
        return SimpleNamespace(code=done.code, out=done.out, err="\n".join(done.said))

    return ask


def downloads(hub):
    return [path for path in hub.asked if "/resolve/" in path]


def test_size_and_licence_are_said_and_only_what_is_needed_comes(ask, hub, model):
    needed = [f for f in model.rglob("*") if f.is_file() and "safety_checker" not in f.parts]
    needed = [f for f in needed if f.suffix in (".json", ".txt", ".safetensors")]
    megabytes = sum(f.stat().st_size for f in needed) / 1e6
    first = ask("someone/tiny")
    assert first.code == 0, first.err
    assert first.err.splitlines()[0] == (
        f"Downloading someone/tiny: {megabytes:,.0f} MB, licence creativeml-openrail-m, into the hub's cache."
    )
    came = {path.split(COMMIT)[1].strip("/") for path in downloads(hub)}
    assert came == {f.relative_to(model).as_posix() for f in needed}

    # The second time nothing is said and nothing comes; offline, and with the hub gone, the cache serves.
    hub.asked.clear()
    again = ask("someone/tiny", revision="v1")
    assert (again.code, again.out, again.err) == (0, first.out, "")
    assert not [path for path in downloads(hub) if path.endswith(".safetensors")]
    hub.asked.clear()
    for answer in (ask("someone/tiny", offline="1"), ask("someone/tiny", address=NOWHERE)):
        assert (answer.code, answer.out) == (0, first.out), answer.err
    assert hub.asked == []


def test_a_pipeline_opens_it_by_its_id(ask, model):
    program = """
from t2ilab import device
device._bfloat16_speedup = lambda: 1.0  # measured on a busy machine it may be anything
from t2ilab.pipelines.text_to_image import TextToImage
pipes = [TextToImage.from_pretrained(name, device="cpu") for name in ("someone/tiny", {folder!r})]
one, two = (pipe("a cat", seed=1, num_inference_steps=2, output_type="pt") for pipe in pipes)
print((one - two).abs().max().item())
"""
    answer = ask("", program=program.format(folder=str(model)))
    assert (answer.code, answer.out) == (0, "0.0"), answer.err


def test_a_dead_id_is_redirected_with_a_sentence(ask):
    answer = ask(DEAD)
    assert answer.code == 0, answer.err
    said = answer.err.splitlines()
    assert said[0] == f"{DEAD} is no longer on the hub; taking {SUCCESSORS[DEAD]} in its place."
    assert said[1].startswith(f"Downloading {SUCCESSORS[DEAD]}: ")
    # Without the hub, the successor in the cache serves as well.
    assert ask(DEAD, offline="1").out == answer.out


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("someone/nothing", {}, "ValueError: There is no folder 'someone/nothing', and the hub has no such model, or"),
        (
            "someone/tiny",
            {"revision": "v9"},
            "ValueError: someone/tiny has no revision 'v9'; leave it out for its",
        ),
        ("someone/gated", {}, "ValueError: someone/gated asks for a login: accept its licence"),
        ("someone/tiny", {"variant": "fp16"}, "OSError: There is no model.fp16.safetensors here; there is"),
        ("someone/pickled", {}, "OSError: The only weights here are a pickle, diffusion_pytorch_model.bin"),
        ("some one/tiny", {}, "ValueError: There is no folder 'some one/tiny'; and a model of the Hugging Face hub"),
        ("a/b/c", {}, "ValueError: There is no folder 'a/b/c'; and a model of the Hugging Face hub has an id like"),
        ("someone/tiny", {"address": NOWHERE}, "OSError: There is no folder 'someone/tiny'; the Hugging"),
        ("someone/tiny", {"offline": "1"}, "OSError: There is no folder 'someone/tiny'; the Hugging Face hub is out"),
    ],
)
def test_what_does_not_come_is_one_sentence(name, options, sentence, ask, hub):
    answer = ask(name, **options)
    assert answer.code == 1
    assert answer.err.startswith(sentence)
    assert "\n" not in answer.err
    assert downloads(hub) == []


def test_a_hub_that_never_answers_is_out_of_reach(ask):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = ask("someone/tiny", address=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert answer.code == 1
    assert answer.err.startswith("OSError: There is no folder 'someone/tiny'; the Hugging Face hub is out of reach")


def test_a_download_that_breaks_off_is_said(ask):
    answer = ask("someone/half")
    assert answer.code == 1
    said = answer.err.splitlines()
    assert said[0].startswith("Downloading someone/half: ")
    assert said[-1].startswith("OSError: The download of someone/half broke off (")
    assert said[-1].endswith("run it again, it goes on where it stopped.")


def test_successors_are_ids_and_live_themselves():
    for old, new in SUCCESSORS.items():
        assert old.count("/") == new.count("/") == 1
        assert new not in SUCCESSORS
