"""How one text tower learns from another: to point in the same direction for the same meaning."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab03_image_text_data.draws import LAB, cosines, features
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def alignment_loss(student_text, teacher_text):
    """How far a student's text features point away from its teacher's: one minus the mean cosine.

    student_text: (B, D) and teacher_text: (B, D), of any lengths; row i of both means the same.
    Returns one number in [0, 2] with its gradient.
    """
    student = F.normalize(student_text, dim=-1)
    teacher = F.normalize(teacher_text, dim=-1)
    similarity = (student * teacher).sum(-1)  # (B,): each sentence with its own translation
    return 1 - similarity.mean()  # a loss is to fall while similarity rises; 0 where all directions agree


def _inputs(generator):
    def drawn(n, d):
        """Features of two towers that agree a little, but for the first row, where they contradict each other."""
        teacher, own = features(generator, n, d), features(generator, n, d)
        agreement = torch.full((n, 1), 0.6)
        agreement[0] = -1.5
        return own + agreement * own.norm(dim=-1, keepdim=True) * _unit(teacher), teacher

    (student_text, teacher_text), (other_student, other_teacher) = drawn(5, 7), drawn(4, 4)
    return {
        "student_text": student_text, "teacher_text": teacher_text,
        "other_student": other_student, "other_teacher": other_teacher,
        "lengths": 0.3 + 3 * torch.rand(5, 1, generator=generator),
    }  # fmt: skip


@cases
def _probe(alignment_loss, inputs):
    student, teacher, lengths = (inputs[name] for name in ("student_text", "teacher_text", "lengths"))

    def gradient():
        """With respect to the student; the teacher's is nobody's concern, but a careless lab asks for one."""
        learning, teaching = student.clone().requires_grad_(), teacher.clone().requires_grad_()
        loss = alignment_loss(learning, teaching)
        if not (torch.is_tensor(loss) and loss.requires_grad):
            raise Unfit("no_gradient")
        (found,) = torch.autograd.grad(loss.sum(), learning, allow_unused=True)
        return torch.zeros_like(student) if found is None else found

    yield "batch", lambda: alignment_loss(student, teacher)
    yield "sizes", lambda: alignment_loss(inputs["other_student"], inputs["other_teacher"])
    yield "single", lambda: alignment_loss(student[1:2], teacher[1:2])
    yield "aligned", lambda: alignment_loss(lengths * teacher, teacher)
    yield "opposite", lambda: alignment_loss(-lengths * teacher, teacher)
    yield "scaled", lambda: alignment_loss(lengths * student, teacher / lengths)
    yield "float64", lambda: alignment_loss(student.double(), teacher.double())
    yield "gradient", gradient


def _unit(x):
    return F.normalize(x, dim=-1)


def _own(student, teacher):
    return (_unit(student) * _unit(teacher)).sum(-1)


def _contrastive(student, teacher):
    return F.cross_entropy(cosines(student, teacher), torch.arange(len(student)))


ALIGNMENT_LOSS = Exercise(
    name="alignment_loss",
    lab=LAB,
    difficulty=1,
    minutes=5,
    points=1,
    make_inputs=_inputs,
    probe=_probe,
    reference=alignment_loss,
    hints=(
        Text(
            "The student is to point where its teacher points. Which number is largest when two directions agree, and "
            "how does it become a loss, which is smallest there?",
            "生徒のベクトルには、教師と同じ方向を向いてほしいのです。向きが一致したときに最大になる数は何でしょうか。"
            "それを、一致したときに最小になる損失にするには、どうしますか。",
        ),
        Text(
            "One cosine for each row of the batch, then their mean, then one minus that.",
            "バッチの行ごとにコサイン類似度を求め、平均をとり、それを 1 から引きます。",
        ),
        Text(
            "Normalise both along dim=-1; `(student * teacher).sum(-1)` holds the cosines, (B,).",
            "両方を dim=-1 で正規化すると、`(student * teacher).sum(-1)` がコサイン類似度で、形状は (B,) です。",
        ),
    ),
    properties={
        "aligned": Property(
            lambda arrays, inputs: abs(arrays["aligned"]) < 1e-5 and arrays["batch"] > 1e-2,
            0.2,
            Text(
                "Where student and teacher point the same way, the loss must be 0, whatever their lengths.",
                "生徒と教師の向きが同じなら、長さが違っても損失は 0 になるはずです。",
            ),
        ),
        "opposite": Property(
            lambda arrays, inputs: abs(arrays["opposite"] - 2) < 1e-5,
            0.15,
            Text(
                "Where the student points the opposite way, the loss must be 2, the largest that there is.",
                "生徒が正反対を向いているとき、損失は最大の 2 になるはずです。",
            ),
        ),
        "scaled": Property(
            lambda arrays, inputs: (
                abs(arrays["scaled"] - arrays["batch"]) < 1e-5 and abs(arrays["batch"] - arrays["aligned"]) > 1e-2
            ),
            0.15,
            Text(
                "Making vectors longer or shorter must change nothing: only their directions count.",
                "ベクトルを長くしても短くしても、損失は変わらないはずです。大切なのは向きだけです。",
            ),
        ),
    },
    misconceptions={
        "similarity": Misconception(
            lambda student, teacher: _own(student, teacher).mean(),
            Text(
                "this is the mean cosine. Training makes a loss small, so it would drive the two apart.",
                "これはコサイン類似度の平均です。学習は損失を小さくするので、向きが離れていってしまいます。",
            ),
        ),
        "only_minus": Misconception(
            lambda student, teacher: -_own(student, teacher).mean(),
            Text(
                "the sign is right, but the loss goes down to -1; it is to be 0 where all directions agree.",
                "符号は合っていますが、最小値が -1 になっています。向きが一致したら 0 になるようにしてください。",
            ),
        ),
        "sum": Misconception(
            lambda student, teacher: (1 - _own(student, teacher)).sum(),
            Text(
                "you sum over the batch where you should average: the loss would grow with the batch.",
                "バッチについて平均ではなく合計しています。これではバッチが大きいほど損失も大きくなります。",
            ),
        ),
        "one_minus_sum": Misconception(
            lambda student, teacher: 1 - _own(student, teacher).sum(),
            Text(
                "you take the sum of all cosines away from 1; it is their mean.",
                "コサインの合計を 1 から引いています。引くのは平均です。",
            ),
        ),
        "squared_error": Misconception(
            lambda student, teacher: F.mse_loss(student, teacher),
            Text(
                "this is the mean squared error of the vectors as they come, so that lengths count.",
                "これはベクトルそのものの平均二乗誤差なので、長さの違いまで損失に入っています。",
            ),
        ),
        "squared_error_of_directions": Misconception(
            lambda student, teacher: F.mse_loss(_unit(student), _unit(teacher)),
            Text(
                "this is the mean squared error of the directions. It goes the same way, but its numbers are others: "
                "(2 - 2 cosine) / D.",
                "これは向きの平均二乗誤差です。増え方は同じですが、値は (2 - 2 コサイン) / D になっています。",
            ),
        ),
        "not_normalised": Misconception(
            lambda student, teacher: 1 - (student * teacher).sum(-1).mean(),
            Text(
                "these are dot products: the student could make its loss small just by growing longer.",
                "これは内積です。生徒のベクトルが長くなるだけで、損失が小さくなってしまいます。",
            ),
        ),
        "student_not_normalised": Misconception(
            lambda student, teacher: 1 - (student * _unit(teacher)).sum(-1).mean(),
            Text(
                "only the teacher is normalised: the student's lengths still count.",
                "教師だけが正規化されていて、生徒の長さが結果に残っています。",
            ),
        ),
        "teacher_not_normalised": Misconception(
            lambda student, teacher: 1 - (_unit(student) * teacher).sum(-1).mean(),
            Text(
                "only the student is normalised: where the teacher is long, a row counts more.",
                "生徒だけが正規化されていて、教師のベクトルが長い行ほど重く数えられています。",
            ),
        ),
        "batch_axis": Misconception(
            lambda student, teacher: 1 - (F.normalize(student, dim=0) * F.normalize(teacher, dim=0)).sum(-1).mean(),
            Text(
                "you normalise over the batch (dim 0), which mixes different sentences. Each one is a row: dim=-1.",
                "バッチの軸（dim 0）で正規化しているため、別々の文が混ざっています。"
                "1 つの文が 1 行なので、dim=-1 を使ってください。",
            ),
        ),
        "of_columns": Misconception(
            lambda student, teacher: 1 - F.cosine_similarity(student, teacher, dim=0).mean(),
            Text(
                "these are the cosines of columns (dim 0), one for each feature; a sentence is a row.",
                "列どうし（dim 0）のコサインなので、特徴ごとの値になっています。文は行に並んでいます。",
            ),
        ),
        "mean_over_everything": Misconception(
            lambda student, teacher: 1 - (_unit(student) * _unit(teacher)).mean(),
            Text(
                "you average the products over the features as well; a cosine sums them.",
                "積を特徴についても平均しています。コサインでは、特徴について合計します。",
            ),
        ),
        "all_pairs": Misconception(
            lambda student, teacher: 1 - cosines(student, teacher).mean(),
            Text(
                "you pull every sentence towards all sentences of the teacher; each has one translation, its own row.",
                "どの文も、教師のすべての文に近づけています。対応するのは同じ行の 1 文だけです。",
            ),
        ),
        "of_the_means": Misconception(
            lambda student, teacher: 1 - F.cosine_similarity(student.mean(0), teacher.mean(0), dim=0),
            Text(
                "you average the vectors first and compare the means; compare row by row, then average.",
                "先にベクトルを平均してから比べています。行ごとに比べて、そのあとで平均してください。",
            ),
        ),
        "contrastive": Misconception(
            _contrastive,
            Text(
                "this is a contrastive loss, which also pushes other sentences away; only the partners are asked for.",
                "これは対照損失で、ほかの文を遠ざける項も入っています。求めるのは、対応する文どうしの損失だけです。",
            ),
        ),
        "absolute": Misconception(
            lambda student, teacher: 1 - _own(student, teacher).abs().mean(),
            Text(
                "without its sign, pointing the opposite way counts as agreement.",
                "絶対値をとっているので、正反対を向いていても一致したことになってしまいます。",
            ),
        ),
        "half": Misconception(
            lambda student, teacher: (1 - _own(student, teacher).mean()) / 2,
            Text("there is a factor of one half too many.", "余分な 1/2 が掛かっています。"),
        ),
        "student_detached": Misconception(
            lambda student, teacher: 1 - _own(student.detach(), teacher).mean(),
            Text(
                "the number is right, but you stop the gradient on the student, which is the one to learn.",
                "値は正しいのですが、生徒の側で勾配を止めています。学習するのは生徒です。",
            ),
        ),
    },
    # Called with a target of ones, torch's loss of that name is this very one.
    off_limits=(
        "t2ilab.clip.loss.alignment_loss",
        "torch.nn.functional.cosine_embedding_loss",
        "torch.cosine_embedding_loss",
    ),
)
