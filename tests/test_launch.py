"""Laying labs out without ever overwriting a student's work, and opening JupyterLab on one of them."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from t2ilab import launch


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """An installed package that carries two labs in two languages; the current folder is a student's, and empty."""
    package = tmp_path / "site" / "t2ilab"
    for name in ("00_welcome", "05_ddpm", "ja/00_welcome", "ja/05_ddpm"):
        path = package / "share" / "labs" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}, first edition")
    monkeypatch.setattr(launch, "_PACKAGE", package)
    monkeypatch.delenv("T2ILAB_LANG", raising=False)
    (tmp_path / "student").mkdir()
    monkeypatch.chdir(tmp_path / "student")
    return package / "share" / "labs"


def lay_out(folder=None):
    """The notebooks' names, and what was said."""
    said = []
    paths = launch.lay_out(folder, said.append)
    assert all(path.is_file() for path in paths)
    return paths, said


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != launch.MANIFEST
    }


def test_a_wheel_lays_its_labs_into_a_new_folder(wheel, tmp_path):
    paths, said = lay_out()
    home = tmp_path / "student" / "t2ilab-labs"
    names = ["00_welcome.ipynb", "05_ddpm.ipynb", "ja/00_welcome.ipynb", "ja/05_ddpm.ipynb"]
    assert [path.relative_to(home).as_posix() for path in paths] == names
    assert said == []
    assert everything(home) == {name: f"{name.removesuffix('.ipynb')}, first edition" for name in names}


def test_inside_the_folder_no_second_one_is_made(wheel, tmp_path, monkeypatch):
    lay_out()
    monkeypatch.chdir("t2ilab-labs")
    paths, _ = lay_out()
    assert paths[0] == tmp_path / "student" / "t2ilab-labs" / "00_welcome.ipynb"


def test_work_is_kept_and_a_new_edition_comes_beside_it(wheel, tmp_path):
    home = tmp_path / "mine"
    lay_out(home)
    (home / "05_ddpm.ipynb").write_text("my work")
    before, written = everything(home), (home / "00_welcome.ipynb").stat().st_mtime_ns
    assert lay_out(home)[1] == []  # no new edition: nothing to say, and nothing written under an open notebook
    assert everything(home) == before
    assert (home / "00_welcome.ipynb").stat().st_mtime_ns == written

    (wheel / "00_welcome.ipynb").write_text("second edition")
    (wheel / "05_ddpm.ipynb").write_text("second edition")
    said = [
        "05_ddpm.ipynb has work of yours and was kept as it is; its new edition lies beside it as 05_ddpm.new.ipynb."
    ]
    assert lay_out(home)[1] == said
    after = before | {"00_welcome.ipynb": "second edition", "05_ddpm.new.ipynb": "second edition"}
    assert everything(home) == after
    assert lay_out(home)[1] == []  # offered once
    assert everything(home) == after

    (wheel / "05_ddpm.ipynb").write_text("third edition")
    lay_out(home)  # the second one was not worked in, so the third takes its place
    assert everything(home) == after | {"05_ddpm.new.ipynb": "third edition"}

    (home / "05_ddpm.new.ipynb").write_text("more of my work")
    (wheel / "05_ddpm.ipynb").write_text("fourth edition")
    assert lay_out(home)[1][0].endswith("as 05_ddpm.new2.ipynb.")
    assert everything(home) == after | {"05_ddpm.new.ipynb": "more of my work", "05_ddpm.new2.ipynb": "fourth edition"}


@pytest.mark.parametrize("manifest", [None, "", '{"05_dd', "[1]", '{"05_ddpm.ipynb": 3}'])
def test_without_its_manifest_everything_that_differs_is_kept(wheel, tmp_path, manifest):
    lay_out(tmp_path)
    (tmp_path / "05_ddpm.ipynb").write_text("my work")
    (tmp_path / launch.MANIFEST).unlink()
    if manifest is not None:
        (tmp_path / launch.MANIFEST).write_text(manifest)
    _, said = lay_out(tmp_path)
    assert len(said) == 1
    assert (tmp_path / "05_ddpm.ipynb").read_text() == "my work"
    assert (tmp_path / "05_ddpm.new.ipynb").read_text() == "05_ddpm, first edition"


def test_a_lab_that_was_deleted_comes_back(wheel, tmp_path):
    lay_out(tmp_path / "mine")
    (tmp_path / "mine" / "05_ddpm.ipynb").unlink()
    lay_out(tmp_path / "mine")
    assert (tmp_path / "mine" / "05_ddpm.ipynb").read_text() == "05_ddpm, first edition"


def test_a_clone_opens_its_own_labs_but_lays_out_elsewhere_on_request(wheel, tmp_path):
    root = wheel.parents[2]
    (root / "pyproject.toml").write_text("[tool.other]\n")
    assert launch.clone() is None
    (root / "pyproject.toml").write_text("[tool.t2ilab]\n")
    assert launch.clone() == root
    wheel.rename(root / "labs")
    before = everything(root / "labs")
    assert lay_out()[0][0] == root / "labs" / "00_welcome.ipynb"
    assert lay_out(root / "labs")[0][0] == root / "labs" / "00_welcome.ipynb"
    assert everything(root / "labs") == before
    assert not (root / "labs" / launch.MANIFEST).exists()
    assert lay_out(tmp_path / "mine")[0][0] == tmp_path / "mine" / "00_welcome.ipynb"


def test_folders_that_cannot_be_written(wheel, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"file is a file; name another folder"):
        launch.lay_out(tmp_path / "file")
    with pytest.raises(OSError, match=r"^Could not write .*file.deeper.*; choose another folder"):
        launch.lay_out(tmp_path / "file" / "deeper")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"^Could not write .*: No space left on device\."):
        launch.lay_out(tmp_path / "mine")
    assert everything(tmp_path / "mine") == {}  # nothing half-written


def test_no_labs_at_all(wheel):
    for path in wheel.glob("*.ipynb"):
        path.unlink()
    with pytest.raises(ValueError, match=r"there are none; install t2ilab again"):
        launch.lay_out()


LABS = ["00_welcome", "01_clip", "05_ddpm", "10_fine_tuning", "11_dalle2", "13_gans"]


@pytest.mark.parametrize(
    ("asked", "lab"),
    [
        ("05_ddpm", "05_ddpm"),
        ("05", "05_ddpm"),
        ("5", "05_ddpm"),
        ("1", "01_clip"),
        ("10", "10_fine_tuning"),
        ("ddpm", "05_ddpm"),
        ("fine", "10_fine_tuning"),
        ("0", "00_welcome"),
        (" 13_gans.ipynb", "13_gans"),
        ("01_clip.py", "01_clip"),
    ],
)
def test_a_lab_is_found_by_the_beginning_of_its_name(asked, lab):
    assert launch.resolve(asked, LABS) == lab


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("ddmp", r"no lab named 'ddmp'; try 05_ddpm\."),
        ("welcom_00", r"no lab named 'welcom_00'; try 00_welcome\."),
        ("99", r"no lab named '99'; try 00_welcome, 01_clip, "),
        ("", r"no lab named ''; try 00_welcome, 01_clip, "),
        ("1_", r"no lab named '1_'; try "),
        ("0", r"fits 05_a, 05_b\."),
    ],
)
def test_a_lab_that_is_not_there(asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        launch.resolve("05" if asked == "0" else asked, ["05_a", "05_b"] if asked == "0" else LABS)


@pytest.fixture
def jupyter(monkeypatch):
    """Stands in for JupyterLab; holds the call that would have started it."""
    calls = []

    def start(command, **options):
        calls.append(SimpleNamespace(command=command, **options))
        return SimpleNamespace(wait=lambda: 7)

    monkeypatch.setattr(launch.subprocess, "Popen", start)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return calls


def test_jupyterlab_opens_on_the_lab(wheel, tmp_path, jupyter):
    assert launch.open_lab("5", extra_args=["--port=9999"]) == 7
    (call,) = jupyter
    home = tmp_path / "student" / "t2ilab-labs"
    assert call.cwd == home
    assert call.command == [
        *(sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={home}"),
        *("--LabApp.default_url=/lab/tree/05_ddpm.ipynb", "--port=9999"),
    ]


SETTINGS = Path(launch.__file__).parent / launch.SETTINGS


@pytest.mark.parametrize("mine", [None, "", "my_settings"])
def test_no_news_of_jupyter_unless_a_user_asks_for_them(wheel, tmp_path, jupyter, monkeypatch, mine):
    manager = pytest.importorskip("jupyter_server.services.config.manager")
    settings = pytest.importorskip("jupyterlab_server.settings_utils")
    monkeypatch.setattr(launch, "_PACKAGE", Path(launch.__file__).parent)
    monkeypatch.setattr(launch, "packaged", lambda: wheel)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.delenv("JUPYTER_NO_CONFIG", raising=False)
    monkeypatch.delenv("JUPYTER_CONFIG_PATH", raising=False)
    if mine is not None:
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", mine and str(tmp_path / mine))
    launch.open_lab(folder=tmp_path / "mine")
    assert "JUPYTER_CONFIG_PATH" not in os.environ or mine is not None  # the server's environment, not ours
    (call,) = jupyter
    assert {name: value for name, value in call.env.items() if name != "JUPYTER_CONFIG_PATH"} == {
        name: value for name, value in os.environ.items() if name != "JUPYTER_CONFIG_PATH"
    }

    # What a server with this environment takes for the defaults of JupyterLab's settings.
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", call.env["JUPYTER_CONFIG_PATH"])
    notification = "@jupyterlab/apputils-extension:notification"
    assert settings._get_overrides(str(tmp_path)) == ({notification: {"fetchNews": "false"}}, "")
    if mine:
        theirs = tmp_path / mine / "labconfig" / "default_setting_overrides.json"
        theirs.parent.mkdir(parents=True)
        theirs.write_text(json.dumps({notification: {"fetchNews": "true"}}))
        assert settings._get_overrides(str(tmp_path))[0][notification] == {"fetchNews": "true"}
    assert manager.ConfigManager().write_config_dir == str(tmp_path / "home" / "serverconfig")  # where a user's go
    assert not (tmp_path / "home").exists()


def test_the_settings_are_those_that_jupyterlab_knows():
    folder = Path(pytest.importorskip("jupyterlab.commands").get_app_dir(), "schemas")
    (file,) = SETTINGS.rglob("*.*")
    assert file.relative_to(SETTINGS).as_posix() == "labconfig/default_setting_overrides.json"
    for plugin, values in json.loads(file.read_text()).items():
        schema = json.loads((folder / f"{plugin.replace(':', '/')}.json").read_text())
        for name, value in values.items():
            assert value in [choice["const"] for choice in schema["properties"][name]["oneOf"]]


def test_the_language_is_asked_for_or_set(wheel, tmp_path, jupyter, monkeypatch):
    launch.open_lab(language="ja", browser=False, folder=tmp_path / "mine")
    monkeypatch.setenv("T2ILAB_LANG", "ja")
    launch.open_lab()
    launch.open_lab(language="en")
    assert [call.command[5] for call in jupyter] == [
        "--LabApp.default_url=/lab/tree/ja/00_welcome.ipynb",
        "--LabApp.default_url=/lab/tree/ja/00_welcome.ipynb",
        "--LabApp.default_url=/lab/tree/00_welcome.ipynb",
    ]
    assert ["--no-browser" in call.command for call in jupyter] == [True, False, False]
    assert jupyter[0].cwd == tmp_path / "mine"


def test_what_cannot_be_opened(wheel, jupyter, monkeypatch):
    with pytest.raises(ValueError, match=r"in 'en' and 'ja', but language is 'fr'"):
        launch.open_lab(language="fr")
    with pytest.raises(ValueError, match=r"no lab named 'ddmp'; try 05_ddpm"):
        launch.open_lab("ddmp")
    (wheel / "ja" / "05_ddpm.ipynb").unlink()
    with pytest.raises(ValueError, match=r"05_ddpm has no edition in 'ja' yet"):
        launch.open_lab("5", language="ja")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r'JupyterLab, which is not installed; get it with `pip install "t2ilab\[lab\]"`'
    ):
        launch.open_lab()
    assert jupyter == []


def test_ctrl_c_is_left_to_jupyterlab(wheel, jupyter, monkeypatch):
    answers = [KeyboardInterrupt, KeyboardInterrupt, 0]

    def wait():
        answer = answers.pop(0)
        if answer is KeyboardInterrupt:
            raise answer
        return answer

    monkeypatch.setattr(launch.subprocess, "Popen", lambda *_, **__: SimpleNamespace(wait=wait))
    assert launch.open_lab() == 0
    assert answers == []


def test_the_manifest_is_plain(wheel, tmp_path):
    lay_out(tmp_path)
    manifest = json.loads((tmp_path / launch.MANIFEST).read_text())
    assert sorted(manifest) == ["00_welcome.ipynb", "05_ddpm.ipynb", "ja/00_welcome.ipynb", "ja/05_ddpm.ipynb"]
