"""The numbers of a lab that vary: what a source may declare, what a seed draws, and where it is put in."""

import pytest
from authoring_lab import built, code, edit, find, write_lab

from t2ilab import authoring
from t2ilab.authoring import variants


@pytest.fixture
def root(tmp_path):
    root = write_lab(tmp_path)
    edit(
        root, '# %% tags=["nbval-ignore-output", "slow"]\nprint(double(3), math.pi)', "# %% HERE\nprint(double(3), 33)"
    )
    edit(root, "# %% HERE", '# %% numbers={"times": [3, 4, 5]}')
    edit(
        root,
        "# %% [markdown]\n# ## Exercise",
        '# %% [markdown] numbers={"shares": [[0.5, 0.25], [0.7, 0.1]]}\n# ## Exercise',
    )
    edit(
        root,
        "# ## Exercise: double",
        "# ## Exercise: double\n# <!-- number times:,.2f --> and $<!-- number shares[1] -->$",
    )
    edit(root, "# ## 課題: 二倍", "# ## 課題: 二倍\n# <!-- number shares[0] -->と `x = <!-- number times -->`")
    return root


def test_built_labs_have_the_labs_own_numbers(root):
    english, japanese = built(root, "labs"), built(root, "labs/ja")
    assert "\n3.00 and $0.25$" in next(cell.source for cell in english.cells if "Exercise" in cell.source)
    assert "\n0.5と `x = 3`" in next(cell.source for cell in japanese.cells if "課題" in cell.source)
    assert code(english)[-1] == "print(double(3), 33)"
    assert all("numbers" not in cell.metadata for cell in english.cells)


def test_a_seed_draws_other_numbers_and_always_the_same(root):
    cells = authoring.read_source(root / "solutions" / "01_tiny.py")
    declared = variants.numbers(cells, "01_tiny.py")
    assert variants.drawn(declared, None) == {"shares": [0.5, 0.25], "times": 3}
    drawn = [variants.drawn(declared, seed) for seed in range(20)]
    assert drawn == [variants.drawn(declared, seed) for seed in range(20)]
    assert {one["times"] for one in drawn} == {4, 5}
    assert all(one["shares"] == [0.7, 0.1] for one in drawn)
    assert variants.in_code(cells[-1], {"times": 5}) == "print(double(5), 33)"  # and not 55


def test_numbers_of_one_cell_do_not_change_each_other(root):
    edit(root, '{"times": [3, 4, 5]}', '{"times": [3, 33], "other": [33, 3], "name": ["x33", "y3"]}')
    edit(root, "print(double(3), 33)", "print(double(3), 33, 1.33, x33)")
    (*_, cell) = authoring.read_source(root / "solutions" / "01_tiny.py")
    changed = variants.in_code(cell, {"times": 33, "other": 3, "name": "y3"})
    assert changed == "print(double(33), 3, 1.33, y3)"
    edit(root, "33, 1.33, x33)", "33, 1 + 33, x33)")
    with pytest.raises(ValueError, match=r"exactly once, but other of 01_tiny.py, cell 8, stands there 2 times as 33"):
        built(root, "labs")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"times": [3, 4, 5]', '"times": [3]', r"two values or more, but times of 01_tiny.py, cell 8, is \[3\]"),
        ('"times": [3, 4, 5]', '"times": 3', r"two values or more, but .* is 3; add another"),
        ('"times": [3, 4, 5]', '"times": [7, 8]', r"exactly once, but .* stands there 0 times as 7"),
        ('"times": [3, 4, 5]', '"shares": [3, 4]', r"declared once, but shares of 01_tiny.py, cell 8, was declared"),
        ("number times -->", "number time -->", r"but <!-- number time --> does not; there are shares, times"),
        ("number shares[1] -->", "number shares[2] -->", r"but <!-- number shares\[2\] --> does not"),
        ("number times -->", "number times:q -->", r"but <!-- number times:q --> does not"),
    ],
)
def test_what_a_source_may_not_say(root, old, new, sentence):
    edit(root, old, new)
    with pytest.raises(ValueError, match=sentence):
        authoring.build(root / "solutions" / "01_tiny.py", find)
