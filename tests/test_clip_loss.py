"""The losses that bring pictures and words together: against slow and obvious versions, open_clip, transformers, and
one process against several."""

import math
import os
import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from t2ilab.clip.loss import _Gather, alignment_loss, clip_loss, gathered, siglip_loss


def features(batch=5, width=7, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return tuple(3 * torch.randn(batch, width, generator=generator, dtype=dtype) for _ in range(2))


def slow_clip_loss(images, texts, scale):
    """Pair by pair, with the logarithm of a share written out."""
    count = len(images)
    logits = [[(scale * F.cosine_similarity(i, t, dim=0)).item() for t in texts] for i in images]
    total = 0.0
    for i in range(count):
        row, column = logits[i], [logits[j][i] for j in range(count)]
        total -= math.log(math.exp(row[i]) / sum(map(math.exp, row)))
        total -= math.log(math.exp(column[i]) / sum(map(math.exp, column)))
    return total / (2 * count)


@pytest.mark.parametrize("scale", [1.0, 14.3, 60.0])
def test_clip_loss_is_the_mean_of_both_directions(scale):
    images, texts = features()
    assert clip_loss(images, texts, scale).item() == pytest.approx(slow_clip_loss(images, texts, scale), abs=1e-12)


def test_clip_loss_is_open_clips():
    from open_clip.loss import ClipLoss

    images, texts = features(6, 9, 1)
    scale = torch.tensor(20.0, dtype=torch.float64)
    theirs = ClipLoss()(F.normalize(images, dim=-1), F.normalize(texts, dim=-1), scale)
    torch.testing.assert_close(clip_loss(images, texts, scale), theirs, rtol=0, atol=1e-12)


def test_of_one_pair_nothing_is_learned_and_it_says_so():
    images, texts = (x.requires_grad_() for x in features(1))
    with pytest.warns(UserWarning, match="One pair has no other to be told from: its loss is 0"):
        loss = clip_loss(images, texts, 20.0)
    loss.backward()
    assert loss == 0
    assert not images.grad.any()
    assert not texts.grad.any()


def test_siglip_loss_is_open_clips():
    from open_clip.loss import SigLipLoss

    images, texts = features(6, 9, 2)
    theirs = SigLipLoss()(F.normalize(images, dim=-1), F.normalize(texts, dim=-1), 10.0, -10.0)
    torch.testing.assert_close(siglip_loss(images, texts, 10.0, -10.0), theirs, rtol=0, atol=1e-12)


def test_what_every_contrastive_loss_holds():
    images, texts = features(8)
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    loss = clip_loss(images, texts, 10.0)
    torch.testing.assert_close(clip_loss(images[order], texts[order], 10.0), loss)
    torch.testing.assert_close(clip_loss(texts, images, 10.0), loss)
    torch.testing.assert_close(clip_loss(7 * images, 0.1 * texts, 10.0), loss)
    same = torch.ones(8, 3)
    assert clip_loss(same, same, 50.0).item() == pytest.approx(math.log(8), abs=1e-5)
    assert siglip_loss(images[order], texts[order], 10.0, -10.0).item() == pytest.approx(
        siglip_loss(images, texts, 10.0, -10.0).item()
    )


def test_alignment_loss_is_a_mean_of_cosines_and_moves_the_student_only():
    student, teacher = (x.requires_grad_() for x in features())
    loss = alignment_loss(student, teacher)
    want = 1 - torch.stack([F.cosine_similarity(s, t, dim=0) for s, t in zip(student, teacher, strict=True)]).mean()
    torch.testing.assert_close(loss, want)
    loss.backward()
    assert student.grad.abs().max() > 0
    assert teacher.grad is None
    assert alignment_loss(3 * teacher, teacher).item() == pytest.approx(0, abs=1e-12)
    assert alignment_loss(-teacher, teacher).item() == pytest.approx(2)


@pytest.mark.parametrize(
    "loss", [lambda a, b: clip_loss(a, b, 10.0), lambda a, b: siglip_loss(a, b, 10.0, -10.0), alignment_loss]
)
def test_bad_features_are_refused_in_one_sentence(loss):
    images, texts = features()
    for a, b in ((images, texts[:4]), (images[:0], texts[:0]), (images[0], texts[0])):
        with pytest.raises(ValueError, match=r"come in pairs, \(B, D\) both with B at least 1; got \("):
            loss(a, b)
    broken = images.clone()
    broken[2, 3] = math.nan
    with pytest.raises(ValueError, match="Features must be finite; got NaN or infinity"):
        loss(broken, texts)


def towers(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(4, 3, generator=generator, dtype=torch.float64)) for _ in range(2)] + [
        torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    ]


def batch(count):
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(count, 4, generator=generator, dtype=torch.float64) for _ in range(2)]


def test_gathering_leaves_the_gradient_of_others_alone(monkeypatch):
    monkeypatch.setattr(dist, "get_world_size", lambda: 1)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "all_gather", lambda parts, tensor: parts[0].copy_(tensor))
    monkeypatch.setattr(dist, "all_reduce", lambda tensor: tensor.mul_(2))
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    a, b = (torch.ones(2, 3, requires_grad=True) for _ in range(2))
    (_Gather.apply(a) + b * 1).sum().backward()
    assert a.grad.tolist() == [[2.0] * 3] * 2
    assert b.grad.tolist() == [[1.0] * 3] * 2


def gradients(parameters, images, texts, gather):
    see, read, scale = parameters
    loss = clip_loss(gather(images @ see), gather(texts @ read), scale.exp())
    loss.backward()
    return loss.detach(), [p.grad for p in parameters]


def one_of_several(rank, count, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=count)
    mine = [part.chunk(count)[rank] for part in batch(6)]
    loss, grads = gradients(towers(0), *mine, gathered)
    for grad in grads:  # as DistributedDataParallel does
        torch.distributed.all_reduce(grad)
        grad /= count
    torch.save([loss, *grads], Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_have_the_loss_and_the_gradients_of_one(count, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(one_of_several, (count, port, str(tmp_path)), nprocs=count)
    loss, grads = gradients(towers(0), *batch(6), gathered)
    for rank in range(count):
        theirs = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(theirs, [loss, *grads], rtol=0, atol=1e-12)
