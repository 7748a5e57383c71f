"""A tiny lab with two exercises, and what answers them, for the tests of `t2ilab.authoring`."""

from types import SimpleNamespace

from t2ilab import authoring

SOURCE = '''# %% [markdown]
# # A tiny lab
# <!-- badges -->

# %% [markdown] tags=["ja"]
# # 小さな実習
# <!-- badges -->

# %% tags=["colab-install"]
# %pip install -q t2ilab

# %%
import math


def exercise(name):
    return lambda definition: definition


# %% [markdown]
# ## Exercise: double

# %% [markdown] tags=["ja"]
# ## 課題: 二倍

# %%
@exercise("double")
def double(x: float, times=2):
    """Twice x."""
    raise NotImplementedError


# %%
@exercise("Counter")
class Counter:
    """Counts."""

    def __init__(self, start):
        super().__init__()
        raise NotImplementedError  # yours

    def given(self):
        return self.count

    def step(self, by=1):
        """One step."""
        raise NotImplementedError


# %% tags=["nbval-ignore-output", "slow"]
print(double(3), math.pi)
'''


def double(x, times=2):
    """The reference's own words stay out."""
    # adding is what doubling means
    total = sum(x for _ in range(times))

    return total  # 2 x


class Counter:
    """The reference."""

    def __init__(self, start):
        super().__init__()
        # where it begins
        self.count = start

    def given(self):
        return self.count

    def step(self, by=1):
        self.count = self.count + by * 1
        return self.count


REFERENCES = {"double": double, "Counter": Counter}


def find(name):
    return SimpleNamespace(reference=REFERENCES[name])


def write_lab(folder):
    """A repository with one source in it, in `folder`."""
    (folder / "solutions").mkdir()
    (folder / "solutions" / "01_tiny.py").write_text(SOURCE, encoding="utf-8")
    (folder / "pyproject.toml").write_text('[tool.t2ilab]\nrepository = "https://github.com/someone/course"\n')
    return folder.resolve()


def built(root, place):
    return authoring.build(root / "solutions" / "01_tiny.py", find)[root / place / "01_tiny.ipynb"]


def edit(root, old, new):
    path = root / "solutions" / "01_tiny.py"
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]
