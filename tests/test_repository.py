"""What the repository says of itself, in pages that no other test reads: addresses, versions, commands, links."""

import ast
import hashlib
import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
import yaml

import t2ilab
from t2ilab.cli import app

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REPOSITORY = PROJECT["tool"]["t2ilab"]["repository"]
OWNER_AND_NAME = REPOSITORY.removeprefix("https://github.com/")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PUBLISHED = [*PAGES, ROOT / "CITATION.cff", ROOT / "pyproject.toml", *(ROOT / "binder").iterdir()]
PUBLISHED += [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # apache.org/licenses/LICENSE-2.0.txt
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

each_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def code_of(markdown):
    """The lines of a page that are code: of fenced blocks in a shell's language, and inline."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)
    lines = [line for language, text in fences if language in ("bash", "powershell") for line in text.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE))


def links_of(markdown):
    """(text, target, whether it is a picture) of each link of a page outside code; badges are links in links."""
    prose = re.sub(r"^```.*?^```|`[^`\n]+`", "", markdown, flags=re.DOTALL | re.MULTILINE)
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", prose)
    links = re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", re.sub(r"!\[([^\]]*)\]\([^)\s]+\)", r"\1", prose))
    return [(*picture, True) for picture in pictures] + [(*link, False) for link in links]


def anchors_of(markdown):
    """What GitHub lets one link to in a page: its headings in lower case, with hyphens and without punctuation."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def house():
    """The tree in the README: [(path, number or None)], with a room's number standing on its own line only."""
    block = re.search(r"```text\n(t2ilab/\n.*?)```", read("README.md"), re.DOTALL)
    found, folders = [], []
    for line in block[1].splitlines():
        indent, name, number, _ = re.fullmatch(r"( *)(\S+)(?: +(\d+)(?= ))?(.*)", line).groups()
        folders[len(indent) // 2 :] = [name]
        found.append(("".join(folders), int(number) if number else None))
    return found


def sources():
    return sorted(path.stem for path in (ROOT / "solutions").glob("[0-9][0-9]_*.py"))


def lab_rows():
    """The README's table of labs: number -> its row."""
    return {match[1]: match[0] for match in re.finditer(r"^\| \[?(\d\d) .*$", read("README.md"), re.MULTILINE)}


# Addresses


@pytest.mark.parametrize("path", PUBLISHED, ids=[path.name for path in PUBLISHED])
def test_every_address_of_the_project_is_the_one_setting(path):
    text = path.read_text(encoding="utf-8")
    places = r"(?:https://github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)"
    assert {name.removesuffix(".git").rstrip(".") for name in re.findall(places, text)} <= {OWNER_AND_NAME}


def test_the_address_stands_where_readers_look_for_it():
    assert f"git clone {REPOSITORY}\n" in read("README.md")
    assert PROJECT["project"]["urls"]["Repository"] == REPOSITORY
    assert yaml.safe_load(read("CITATION.cff"))["repository-code"] == REPOSITORY


# Labs


def test_the_table_lists_fifteen_labs_in_order():
    assert list(lab_rows()) == [f"{i:02d}" for i in range(15)]


@pytest.mark.parametrize("lab", sources())
def test_a_written_lab_has_its_badges_and_links(lab):
    row = lab_rows()[lab[:2]]
    links = {unquote(target) for _, target, _ in links_of(row)}
    assert {
        f"labs/{lab}.ipynb",
        f"labs/ja/{lab}.ipynb",
        f"https://colab.research.google.com/github/{OWNER_AND_NAME}/blob/main/labs/{lab}.ipynb",
        f"https://mybinder.org/v2/gh/{OWNER_AND_NAME}/HEAD?urlpath=lab/tree/labs/{lab}.ipynb",
    } <= links


def test_a_lab_that_is_not_written_is_marked_as_coming():
    written = {lab[:2] for lab in sources()}
    for number, row in lab_rows().items():
        assert (number in written) != row.endswith("| coming |"), row
        assert number in written or not links_of(row), row


# Commands, extras, targets


@each_page
def test_every_command_that_a_page_names_can_be_parsed(page):
    commands = typer.main.get_command(app).commands
    for line in code_of(page.read_text(encoding="utf-8")):
        for call in re.findall(r"(?:^|[\s/\\])t2ilab ((?:[a-z]|--)(?:[^&|;]*))", line):
            name, *arguments = shlex.split(call, comments=True)
            if name == "--help":
                continue
            assert name in commands, line
            if arguments:  # prose may name a command alone
                commands[name].make_context(name, arguments).close()  # raises for an option that there is not


def test_every_command_is_in_the_readme():
    commands = typer.main.get_command(app).commands
    named = {name for line in code_of(read("README.md")) for name in re.findall(r"t2ilab ([a-z]+)", line)}
    assert named == set(commands)


@each_page
def test_names_of_recipes_and_labs_in_commands_exist(page):
    for line in code_of(page.read_text(encoding="utf-8")):
        for recipe in re.findall(r"t2ilab (?:train|zoo) (?!my-model)([\w-]+)", line):
            assert (ROOT / "t2ilab" / "recipes" / f"{recipe.replace('-', '_')}.py").is_file(), line
        for lab in re.findall(r"(?:t2ilab (?:lab|build) |ARGS=\")(\d\d)\b", line):
            assert lab in {stem[:2] for stem in sources()}, line


@pytest.mark.parametrize("path", PUBLISHED, ids=[path.name for path in PUBLISHED])
def test_every_extra_that_is_named_exists(path):
    named = re.findall(r"(?:\.|t2ilab)\[([\w,]+)\]", path.read_text(encoding="utf-8"))
    extras = {extra for group in named for extra in group.split(",")}
    assert extras <= set(PROJECT["project"]["optional-dependencies"])


def test_the_readme_explains_every_extra():
    paragraph = re.search(r"The extras: (.*?)\n\n", read("README.md"), re.DOTALL)[1]
    assert set(re.findall(r"`(\w+)`", paragraph)) == set(PROJECT["project"]["optional-dependencies"])


@each_page
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)[1].split())
    named = {name for line in code_of(page.read_text(encoding="utf-8")) for name in re.findall(r"^make ([a-z]+)", line)}
    assert named <= targets


# Links, pictures, figures


@each_page
def test_every_relative_link_leads_somewhere(page):
    broken = []
    for _, target, _ in links_of(page.read_text(encoding="utf-8")):
        place, _, anchor = target.partition("#")
        if re.match(r"\w+:", target):
            continue
        there = page.parent / unquote(place) if place else page
        if not there.exists() or (anchor and anchor not in anchors_of(there.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


@each_page
def test_every_picture_has_a_text_alternative(page):
    pictures = [(text, target) for text, target, is_picture in links_of(page.read_text(encoding="utf-8")) if is_picture]
    assert [target for text, target in pictures if len(text) < 10] == []


@each_page
def test_no_figure_is_left_to_fill_in(page):
    assert "TODO" not in page.read_text(encoding="utf-8")


# The house


def test_the_tree_names_only_what_exists():
    assert [path for path, _ in house() if not (ROOT / path).exists()] == []


def test_the_tree_names_every_room_with_its_number():
    package = ROOT / "t2ilab"
    rooms = {f"t2ilab/{path.name}" for path in package.glob("*.py")}
    rooms |= {f"t2ilab/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    top = {path: number for path, number in house() if path in rooms or re.fullmatch(r"t2ilab/[^/]+/?", path)}
    assert set(top) == rooms
    assert [path for path, number in top.items() if number is None] == ["t2ilab/__init__.py"]
    # The numbers of the table that test_architecture.py holds.
    tree = ast.parse(read("tests/test_architecture.py"))
    table = next(
        ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "ROOMS"
    )
    shown = {Path(path).stem: number for path, number in top.items() if number is not None}
    assert shown == {room: table.get(room, "not in test_architecture.py") for room in shown}


# Licence, version, citation


def test_the_licence_is_the_apache_text_as_it_is():
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes().replace(b"\r\n", b"\n")).hexdigest() == APACHE


def test_all_agree_on_version_and_licence():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == t2ilab.__version__
    assert re.search(r"^## (\S+?),? ", read("CHANGELOG.md"), re.MULTILINE)[1] == t2ilab.__version__
    assert citation["license"] == PROJECT["project"]["license"] == "Apache-2.0"
    assert [author["name"] for author in PROJECT["project"]["authors"]] == [a["name"] for a in citation["authors"]]
    assert {"message", "title", "authors"} <= set(citation)  # the format requires them


# Public CI, Binder, hooks


def test_the_workflow_runs_all_systems_and_versions():
    classifiers = PROJECT["project"]["classifiers"]
    versions = [c.split()[-1] for c in classifiers if re.search(r"Python :: 3\.\d+$", c)]
    jobs = yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]
    assert [job["strategy"]["matrix"]["python"] for job in jobs.values()] == [versions, versions]
    systems = [*jobs["make"]["strategy"]["matrix"]["os"], jobs["windows"]["runs-on"]]
    assert [system.split("-")[0] for system in systems] == ["ubuntu", "macos", "windows"]
    assert "secrets" not in read(".github/workflows/test.yml")


def test_windows_runs_the_makefiles_commands():
    makefile, job = read("Makefile"), yaml.safe_load(read(".github/workflows/test.yml"))["jobs"]["windows"]
    variables = dict(re.findall(r"^(\w+) [:?]?= ?(.*)$", makefile, re.MULTILINE))
    quiet = dict(pair.split("=") for pair in variables["QUIET"].split())
    assert job["env"] == quiet
    expected = []
    for target in ("lint", "unit", "notebooks"):
        recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
        for line in recipe.replace("$(BIN)/", "").replace("$(WORKERS)", variables["WORKERS"]).splitlines():
            plain = line.replace("$(QUIET)", "").replace("$(ARGS)", "").strip()
            budget = {"T2ILAB_BUDGET": "ci"} if plain.startswith("T2ILAB_BUDGET=ci ") else None
            expected.append((plain.removeprefix("T2ILAB_BUDGET=ci "), budget))
    steps = [(step["run"], step.get("env")) for step in job["steps"] if "run" in step]
    assert steps == [('pip install -e ".[all]"', None), *expected]


def test_the_site_that_is_published_is_the_one_that_make_site_builds():
    job = yaml.safe_load(read(".github/workflows/site.yml"))["jobs"]["publish"]
    steps = [step.get("run") or step["uses"].split("@")[0] for step in job["steps"]]
    assert steps[-3:] == ["make site PYTHON=python", "actions/upload-pages-artifact", "actions/deploy-pages"]
    assert job["steps"][-2]["with"]["path"] == "build/site"
    assert 'ROOT / "build" / "site")' in read("docs/make_site.py")
    assert "secrets" not in read(".github/workflows/site.yml")


def test_torch_and_torchvision_always_come_together_from_the_cpu_index():
    install = f"pip install torch torchvision --index-url {TORCH_INDEX}\n"
    assert install in read("README.md")
    assert install in read(".github/workflows/test.yml")
    lines = [line for line in read("binder/requirements.txt").splitlines() if not line.startswith("#")]
    assert lines == [f"--index-url {TORCH_INDEX}", "torch", "torchvision"]


def test_binder_names_a_python_that_the_package_runs_on():
    version = re.fullmatch(r"python-(3\.\d+)\n", read("binder/runtime.txt"))[1]
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]
    assert (ROOT / "binder/postBuild").read_bytes().startswith(b"#!/bin/bash\n")  # no \r: it runs on Linux


def test_the_hooks_run_the_projects_own_tools():
    hooks = [hook for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    commands = [re.search(r"exec ([a-z ]+?)(?: -|'|$)", hook["entry"])[1].strip() for hook in hooks]
    assert commands == ["ruff check", "ruff format", "mypy", "python"]
    assert "-m t2ilab build --check" in hooks[-1]["entry"]
    assert all("PATH=.venv/bin:" in hook["entry"] for hook in hooks)


def test_git_leaves_the_bytes_of_checkpoints_alone():
    # Loading checks their hashes, and a line ending changed on Windows would look like damage.
    assert "t2ilab/zoo/** -text\n" in read(".gitattributes")


# What CONTRIBUTING and the glossary teach


def test_the_example_exercise_works(monkeypatch):
    import torch

    from t2ilab.lab.case_names import CASES
    from t2ilab.lab.judging import judge
    from t2ilab.lab.probing import measure

    monkeypatch.setenv("T2ILAB_LANG", "en")
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", read("CONTRIBUTING.md"), re.DOTALL) if "Exercise(" in b]
    space = {}
    exec(compile(block, "CONTRIBUTING.md", "exec"), space)
    exercise = space["BLEND"]
    generator = torch.Generator().manual_seed(0)
    draws = [exercise.make_inputs(generator) for _ in range(2)]

    def judged(answer):
        return judge(exercise, draws, [measure(exercise, answer, inputs) for inputs in draws])

    assert judged(exercise.reference).points == exercise.points
    assert judged(torch.lerp).passed
    assert len(exercise.misconceptions) >= 4
    for name, misconception in exercise.misconceptions.items():
        result = judged(misconception.wrong)
        assert (result.passed, result.misconception) == (False, name)
    assert judged(lambda a, b, w: 0 * a).score <= 0.25
    assert set(exercise.probe(exercise.reference, draws[0])) <= set(CASES)
    assert f'@exercise("{exercise.name}")' in read("CONTRIBUTING.md")


def test_the_glossary_is_in_order_and_whole():
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", read("docs/glossary.md"), re.MULTILINE)[1:]
    english = [row[0] for row in rows]
    assert len(rows) >= 50
    assert english == sorted(set(english), key=str.lower)
    assert [ja for _, ja, _ in rows if not re.search("[ぁ-んァ-ヶ一-龥]", ja)] == []
    assert len({ja for _, ja, _ in rows}) == len(rows)  # one word for one thing
