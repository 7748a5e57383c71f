"""How much of the world a generator draws at all: the figure that mode collapse cannot hide from."""

import torch

from t2ilab.lab.bank.lab14_capstone.distance import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases

MODES = 12


def mode_coverage(labels, num_modes):
    """The share of the modes that occur at least once among the pictures.

    labels: int64 (N,), the mode that each picture was read as, 0 to num_modes - 1; num_modes: how many
    modes the world has. Returns one number in [0, 1]: 1 where none is left out, 1 / num_modes where only
    one is drawn.
    """
    return len(labels.unique()) / num_modes


def _inputs(generator):
    def drawn(modes, kinds):
        """Each of some kinds so often that no wrong share is the right one: once, more often, the last mode never."""
        chosen = torch.randperm(modes - 1, generator=generator)[:kinds]
        times = torch.ones(kinds, dtype=torch.int64)
        times[2:] += torch.randint(1, 5, (kinds - 2,), generator=generator)
        labels = chosen.repeat_interleave(times)
        return labels[torch.randperm(len(labels), generator=generator)]

    return {"labels": drawn(MODES, 5), "other_labels": drawn(7, 4)}


@cases
def _probe(mode_coverage, inputs):
    labels = inputs["labels"]
    yield "some_modes", lambda: mode_coverage(labels, MODES)
    yield "every_mode", lambda: mode_coverage(torch.arange(MODES).repeat(2), MODES)
    yield "collapsed", lambda: mode_coverage(torch.full((9,), 4), MODES)
    yield "larger_world", lambda: mode_coverage(labels, 3 * MODES)
    yield "drawn_again", lambda: mode_coverage(labels.repeat(3), MODES)
    yield "sizes", lambda: mode_coverage(inputs["other_labels"], 7)
    yield "single", lambda: mode_coverage(labels[:1], MODES)


def _counted(share):
    """A coverage with one fault: share(how often each mode occurs (num_modes,), the number of pictures)."""

    def mode_coverage(labels, num_modes):
        return float(share(torch.bincount(labels, minlength=num_modes).double(), len(labels)))

    return mode_coverage


def _entropy(counts, pictures):
    shares = counts[counts > 0] / pictures
    return -(shares * shares.log()).sum() / torch.tensor(float(len(counts))).log()


MODE_COVERAGE = Exercise(
    name="mode_coverage",
    lab=LAB,
    difficulty=1,
    minutes=4,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=mode_coverage,
    hints=(
        Text(
            "A thousand pictures of one and the same thing: how much of the world is that?",
            "まったく同じものの画像が 1,000 枚あります。それは世界のどれだけにあたりますか。",
        ),
        Text(
            "How often a mode occurs does not matter, only whether. torch.unique gives each number once.",
            "モードが何回現れたかではなく、現れたかどうかだけが大切です。torch.unique は同じ数を 1 回だけ返します。",
        ),
        Text("len(labels.unique()) / num_modes.", "len(labels.unique()) / num_modes とします。"),
    ),
    properties={
        "every_mode": Property(
            lambda arrays, inputs: abs(arrays["every_mode"] - 1) < 1e-6 and arrays["some_modes"] < 0.99,
            0.2,
            Text(
                "Where every mode occurs, and not every one elsewhere, the coverage must be 1.",
                "すべてのモードが現れたときにだけ、1 になるはずです。",
            ),
        ),
        "drawn_again": Property(
            lambda arrays, inputs: (
                abs(arrays["drawn_again"] - arrays["some_modes"]) < 1e-6
                and abs(arrays["collapsed"] - 1 / MODES) < 1e-6
                and arrays["some_modes"] > 1.5 / MODES
            ),
            0.3,
            Text(
                "More pictures of the same modes must change nothing; of a single mode it must be 1 / num_modes.",
                "同じモードの画像が増えても変わらず、モードがひとつだけなら 1 / num_modes になるはずです。",
            ),
        ),
    },
    misconceptions={
        "of_the_pictures": Misconception(
            _counted(lambda counts, pictures: (counts > 0).sum() / pictures),
            Text(
                "you divide by the number of pictures; divide by that of the modes.",
                "画像の枚数で割っています。モードの数で割ってください。",
            ),
        ),
        "count": Misconception(
            _counted(lambda counts, pictures: (counts > 0).sum()),
            Text(
                "this is how many modes occur; their share of all is asked for.",
                "現れたモードの数になっています。全体に対する割合を求めてください。",
            ),
        ),
        "missing": Misconception(
            _counted(lambda counts, pictures: (counts == 0).double().mean()),
            Text(
                "this is the share of the modes that are missing.",
                "現れなかったモードの割合になっています。",
            ),
        ),
        "more_than_once": Misconception(
            _counted(lambda counts, pictures: (counts > 1).double().mean()),
            Text(
                "modes that occur once are not counted; once is enough.",
                "1 回だけ現れたモードを数えていません。1 回でも現れれば数えてください。",
            ),
        ),
        "only_once": Misconception(
            _counted(lambda counts, pictures: (counts == 1).double().mean()),
            Text(
                "only modes that occur exactly once are counted; more often is as good.",
                "ちょうど 1 回現れたモードだけを数えています。何回現れてもかまいません。",
            ),
        ),
        "largest_label": Misconception(
            lambda labels, num_modes: (labels.max().item() + 1) / num_modes,
            Text(
                "this goes by the largest label, as if all below it occurred, too.",
                "最大の番号で決めています。それより小さい番号がすべて現れたとは限りません。",
            ),
        ),
        "span": Misconception(
            lambda labels, num_modes: (labels.max() - labels.min() + 1).item() / num_modes,
            Text(
                "this is how far apart the labels lie; what is between them may be missing.",
                "番号の範囲の広さになっています。その間の番号が現れたとは限りません。",
            ),
        ),
        "every_picture": Misconception(
            _counted(lambda counts, pictures: pictures / len(counts)),
            Text(
                "every picture is counted, also where its mode was there before.",
                "すでに現れたモードの画像まで、1 枚ずつ数えています。",
            ),
        ),
        "most_frequent": Misconception(
            _counted(lambda counts, pictures: counts.max() / pictures),
            Text(
                "this is the share of the most frequent mode, which is large where modes are missing.",
                "最も多いモードの割合になっています。モードが欠けているほど大きくなってしまいます。",
            ),
        ),
        "evenness": Misconception(
            _counted(_entropy),
            Text(
                "this is an entropy: it asks how evenly the modes are drawn, not whether they are.",
                "エントロピーになっています。これは、モードが現れたかではなく、どれだけ均等に現れたかを表します。",
            ),
        ),
        "often_enough": Misconception(
            _counted(lambda counts, pictures: (counts >= pictures / len(counts)).double().mean()),
            Text(
                "only modes that get at least an equal share of the pictures are counted; one picture is enough.",
                "均等な枚数以上現れたモードだけを数えています。1 枚でもあれば数えてください。",
            ),
        ),
        "without_the_first": Misconception(
            _counted(lambda counts, pictures: (counts > 0).sum() / (len(counts) - 1)),
            Text(
                "modes are numbered from 0 to num_modes - 1, so there are num_modes of them.",
                "モードの番号は 0 から num_modes - 1 までなので、全部で num_modes 個あります。",
            ),
        ),
    },
    off_limits=("t2ilab.distances.mode_coverage",),
)
