"""Other right ways of writing each exercise pass: the check judges what an answer does, not how it is written."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from t2ilab.lab import check

RIGHT_WAYS = {}


def right(function):
    """Notes another right way; its name is the exercise's name, two underscores, and what is special."""
    RIGHT_WAYS[function.__name__] = function
    return function


@right
def to_model_range__in_double(images):
    return images.to(torch.float64) * (2 / 255) - 1


@right
def to_model_range__lerp(images):
    return torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), images / 255)


@right
def to_model_range__by_table(images):
    return torch.linspace(-1, 1, 256)[images.long()]


@right
def cosine_similarity__einsum(a, b):
    return torch.einsum("nd,md->nm", a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True))


@right
def cosine_similarity__loops(a, b):
    result = torch.empty(len(a), len(b), dtype=a.dtype)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i, j] = (x * y).sum() / math.sqrt(float((x * x).sum() * (y * y).sum()))
    return result


@right
def cosine_similarity__divided_at_the_end(a, b):
    a, b = a.double(), b.double()
    return (a @ b.T / (a.norm(dim=-1)[:, None] * b.norm(dim=-1)[None])).float()


@right
def pool_text__gather(hidden, token_ids, eos_id):
    is_end = token_ids.eq(eos_id).long()
    first = ((is_end.cumsum(1) == 1) & (is_end == 1)).long().argmax(1)
    return hidden.gather(1, first.view(-1, 1, 1).expand(-1, 1, hidden.shape[2])).squeeze(1)


@right
def pool_text__loop(hidden, token_ids, eos_id):
    return torch.stack([h[row.tolist().index(eos_id)] for h, row in zip(hidden, token_ids, strict=True)])


@right
def pool_text__one_hot(hidden, token_ids, eos_id):
    length = (token_ids != eos_id).cumprod(dim=1).sum(dim=1)  # tokens before the end
    return torch.einsum("bl,bld->bd", F.one_hot(length, token_ids.shape[1]).to(hidden), hidden)


@right
def pool_text__smallest_place(hidden, token_ids, eos_id):
    places = torch.arange(token_ids.size(1)).expand_as(token_ids)
    first = places.masked_fill(token_ids != eos_id, token_ids.size(1)).min(dim=-1).values
    return torch.cat([hidden[i, p].unsqueeze(0) for i, p in enumerate(first)])


@right
def similarity_logits__einsum(image_features, text_features, logit_scale):
    images = image_features / image_features.norm(dim=1, keepdim=True)
    texts = text_features / text_features.norm(dim=1, keepdim=True)
    return torch.einsum("nd,md,->nm", images, texts, logit_scale)


@right
def similarity_logits__pairs(image_features, text_features, logit_scale):
    return F.cosine_similarity(image_features[:, None], text_features[None], dim=-1) * logit_scale


@right
def similarity_logits__loops(image_features, text_features, logit_scale):
    rows = [
        [logit_scale * x @ y / torch.sqrt((x @ x) * (y @ y)) for y in text_features.unbind()] for x in image_features
    ]
    return torch.stack([torch.stack(row) for row in rows])


@right
def similarity_logits__divided_at_the_end(image_features, text_features, logit_scale):
    lengths = torch.outer(image_features.norm(dim=-1), text_features.norm(dim=-1))
    return (text_features @ image_features.T).T / lengths * logit_scale


@right
def clip_loss__logsumexp(image_features, text_features, logit_scale):
    logits = similarity_logits__einsum(image_features, text_features, logit_scale)
    negatives = (logits.logsumexp(0) + logits.logsumexp(1)) / 2
    return (negatives - logits.diag()).mean()


@right
def clip_loss__log_softmax(image_features, text_features, logit_scale):
    logits = similarity_logits__pairs(image_features, text_features, logit_scale)
    directions = torch.cat([logits.log_softmax(0).diagonal(), logits.log_softmax(1).diagonal()])
    return F.nll_loss(directions[:, None], torch.zeros(len(directions), dtype=torch.long))


@right
def clip_loss__one_pair_at_a_time(image_features, text_features, logit_scale):
    logits = similarity_logits__divided_at_the_end(image_features, text_features, logit_scale)
    total = 0
    for i in range(len(logits)):
        best_row, best_column = logits[i].max(), logits[:, i].max()
        total = total + best_row + (logits[i] - best_row).exp().sum().log() - logits[i, i]
        total = total + best_column + (logits[:, i] - best_column).exp().sum().log() - logits[i, i]
    return total / (2 * len(logits))


@right
def clip_loss__one_hot_targets(image_features, text_features, logit_scale):
    logits = similarity_logits__pairs(text_features, image_features, logit_scale)  # texts in rows are as good
    targets = torch.eye(len(logits), dtype=logits.dtype)
    both = nn.CrossEntropyLoss(reduction="none")
    return (both(logits, targets) + both(logits.mT, targets)).mean() * 0.5


@right
def zero_shot_weights__at_once(encode_text, class_names, templates):
    texts = [template.format(name) for name in class_names for template in templates]
    features = F.normalize(encode_text(texts), dim=-1).view(len(class_names), len(templates), -1)
    return F.normalize(features.mean(1), dim=1)


@right
def zero_shot_weights__template_by_template(encode_text, class_names, templates):
    total = 0
    for template in templates:
        features = encode_text([template.replace("{}", name) for name in class_names])
        total = total + features / features.norm(dim=1, keepdim=True)
    return total / total.norm(dim=1, keepdim=True)  # of a sum and of a mean the direction is the same


@right
@torch.no_grad()
def zero_shot_weights__text_by_text(encode_text, class_names, templates):
    columns = []
    for name in class_names:
        features = torch.cat([encode_text([template.format(name)]) for template in templates])
        features /= features.norm(dim=-1, keepdim=True)
        mean = features.mean(dim=0)
        columns.append(mean / mean.norm())
    return torch.stack(columns, dim=1).T


@right
def zero_shot_predict__by_hand(image_features, weights, logit_scale):
    logits = (image_features / image_features.norm(dim=-1, keepdim=True)) @ weights.T * logit_scale
    odds = (logits - logits.max(dim=1, keepdim=True).values).exp()
    return odds / odds.sum(dim=1, keepdim=True)


@right
def zero_shot_predict__pairs(image_features, weights, logit_scale):
    cosines = F.cosine_similarity(image_features.unsqueeze(1), weights.unsqueeze(0), dim=2)  # normalises weights too
    return F.log_softmax(cosines.mul(logit_scale), dim=-1).exp()


@right
def zero_shot_predict__loop(image_features, weights, logit_scale):
    rows = []
    for image in image_features:
        cosines = torch.mv(weights, image) / image.norm()
        rows.append(nn.Softmax(dim=0)(logit_scale * cosines))
    return torch.stack(rows)


@right
def topk_accuracy__places(logits, labels, k):
    own = logits.gather(1, labels[:, None])
    return ((logits > own).sum(1) < k).double().mean()


@right
def topk_accuracy__loop(logits, labels, k):
    hits = 0
    for row, label in zip(logits, labels, strict=True):
        hits += label.item() in sorted(range(len(row)), key=lambda c: float(row[c]), reverse=True)[:k]
    return hits / len(labels)


@right
def topk_accuracy__argsort(logits, labels, k):
    best = torch.argsort(logits, dim=1)[:, -k:]
    return best.eq(labels.view(-1, 1)).sum().item() / labels.numel()


@right
def topk_accuracy__mask(logits, labels, k):
    guessed = torch.zeros_like(logits, dtype=torch.bool).scatter(1, logits.topk(k, dim=1)[1], True)
    return guessed[torch.arange(len(labels)), labels].to(torch.float32).mean()


@right
def clip_filter__diagonal(image_features, text_features, threshold):
    images = image_features / image_features.norm(dim=1, keepdim=True)
    texts = text_features / text_features.norm(dim=1, keepdim=True)
    return (images @ texts.T).diagonal().ge(threshold)


@right
def clip_filter__torchs_cosine(image_features, text_features, threshold):
    return ~(F.cosine_similarity(image_features, text_features) < threshold)


@right
def clip_filter__pair_by_pair(image_features, text_features, threshold):
    keep = []
    for image, text in zip(image_features.double(), text_features.double(), strict=True):
        keep.append(float(image @ text) / math.sqrt(float(image @ image) * float(text @ text)) >= threshold)
    return torch.tensor(keep)


@right
def clip_filter__einsum_with_eps(image_features, text_features, threshold):
    products = torch.einsum("nd,nd->n", image_features, text_features)
    cosines = products / (torch.linalg.norm(image_features, dim=-1) * torch.linalg.norm(text_features, dim=-1) + 1e-8)
    keep = torch.zeros(len(cosines), dtype=torch.bool)
    keep[cosines >= threshold] = True
    return keep


@right
def clip_filter__squared_distance(image_features, text_features, threshold):
    apart = F.normalize(image_features, dim=-1) - F.normalize(text_features, dim=-1)
    return apart.square().sum(-1) <= 2 - 2 * threshold


@right
def near_duplicates__matrix(features, threshold):
    features = F.normalize(features, dim=-1)
    alike = features @ features.T >= threshold
    drop = torch.zeros(len(features), dtype=torch.bool)
    for i in range(len(features)):
        drop[i] = (alike[i, :i] & ~drop[:i]).any()
    return drop


@right
def near_duplicates__kept_list(features, threshold):
    kept, drop = [], []
    for row in features:
        drop.append(any(F.cosine_similarity(row, other, dim=0) >= threshold for other in kept))
        if not drop[-1]:
            kept.append(row)
    return torch.tensor(drop)


@right
def near_duplicates__crossing_out_later_ones(features, threshold):
    # What is kept crosses out all later ones that are like it; what is crossed out crosses out nothing.
    unit = features.double() / features.double().norm(dim=-1, keepdim=True)
    drop = torch.zeros(len(unit), dtype=torch.bool)
    for i in range(len(unit)):
        if not drop[i]:
            drop[i + 1 :] |= unit[i + 1 :] @ unit[i] >= threshold
    return drop


@right
def near_duplicates__largest_cosine(features, threshold):
    lengths = features.square().sum(1).sqrt()
    kept = [0]
    for i in range(1, len(features)):
        if max(float(features[i] @ features[j] / (lengths[i] * lengths[j])) for j in kept) < threshold:
            kept.append(i)
    drop = torch.ones(len(features)).bool()
    drop[kept] = False
    return drop


@right
def search__sorted(queries, index, k):
    queries = queries / queries.norm(dim=-1, keepdim=True)
    index = index / index.norm(dim=-1, keepdim=True)
    scores, indices = torch.sort(torch.einsum("qd,nd->qn", queries, index), dim=1, descending=True)
    return scores[:, :k], indices[:, :k]


@right
def search__topk_itself(queries, index, k):
    return F.cosine_similarity(queries[:, None], index[None], dim=-1).topk(k)


@right
def search__query_by_query(queries, index, k):
    scores, indices = [], []
    for query in queries:
        cosines = [float(query @ row) / math.sqrt(float(query @ query) * float(row @ row)) for row in index]
        best = sorted(range(len(index)), key=cosines.__getitem__, reverse=True)[:k]
        scores.append([cosines[i] for i in best])
        indices.append(best)
    return torch.tensor(scores), torch.tensor(indices)


@right
def search__nearest_directions(queries, index, k):
    # Of two vectors of length 1, the squared distance is 2 - 2 cosine: the nearest are the most similar.
    distances = torch.cdist(F.normalize(queries, dim=-1), F.normalize(index, dim=-1))
    nearest, indices = distances.topk(k, largest=False)
    return [1 - nearest.square() / 2, indices]


@right
def search__argsort_and_gather(queries, index, k):
    cosines = (F.normalize(index, dim=1) @ F.normalize(queries, dim=1).T).T
    best = (-cosines).argsort(dim=1)[:, :k]
    return torch.take_along_dim(cosines, best, dim=1), best


@right
def recall_at_k__ranks(similarities, k):
    rank = (similarities > similarities.diagonal()[:, None]).sum(dim=1)  # how many are better than the own one
    return (rank < k).float().mean()


@right
def recall_at_k__loop(similarities, k):
    found = 0
    for i, row in enumerate(similarities):
        found += i in row.argsort(descending=True)[:k].tolist()
    return found / len(similarities)


@right
def recall_at_k__argsort_twice(similarities, k):
    ranks = similarities.argsort(dim=1, descending=True).argsort(dim=1)
    return torch.mean((ranks.diagonal() < k).double()).item()


@right
def recall_at_k__kth_value(similarities, k):
    kth = similarities.kthvalue(len(similarities) - k + 1, dim=1).values
    return (similarities.diag() >= kth).sum() / len(similarities)


@right
def alignment_loss__torchs_cosine(student_text, teacher_text):
    return (1 - F.cosine_similarity(student_text, teacher_text.detach(), dim=-1)).mean()


@right
def alignment_loss__half_the_squared_distance(student_text, teacher_text):
    apart = F.normalize(student_text, dim=-1) - F.normalize(teacher_text, dim=-1)
    return apart.square().sum(-1).mean() / 2


@right
def alignment_loss__loop(student_text, teacher_text):
    total = 0
    for s, t in zip(student_text, teacher_text, strict=True):
        total = total + 1 - (s @ t) / (s.norm() * t.norm())
    return total / len(student_text)


@right
def alignment_loss__trace(student_text, teacher_text):
    cosines = F.normalize(student_text, dim=1) @ F.normalize(teacher_text, dim=1).mT
    return 1 - cosines.trace() / len(cosines)


@right
def alignment_loss__module(student_text, teacher_text):
    return 1 - torch.mean(nn.CosineSimilarity(dim=1)(student_text, teacher_text))


@right
def mmse_denoiser__one_by_one(x_t, data, ac_t):
    guesses = []
    for x in x_t:
        exponents = torch.stack([-((x - ac_t**0.5 * row) ** 2).sum() / (2 * (1 - ac_t)) for row in data])
        weights = (exponents - exponents.max()).exp()
        guesses.append(sum(w * row for w, row in zip(weights / weights.sum(), data, strict=True)))
    return torch.stack(guesses)


@right
def mmse_denoiser__by_products(x_t, data, ac_t):
    # |x|^2 is the same for all rows, and drops out of a softmax.
    x, rows = x_t.flatten(1), data.flatten(1)
    logits = (ac_t.sqrt() * x @ rows.T - 0.5 * ac_t * rows.square().sum(1)) / (1 - ac_t)
    return torch.einsum("bn,nchw->bchw", logits.softmax(-1), data)


@right
def tweedie_score__of_the_noise(x_t, x0_hat, ac_t):
    eps = (x_t - ac_t.sqrt() * x0_hat) / (1 - ac_t).sqrt()
    return -eps / (1 - ac_t).sqrt()


@right
def tweedie_score__number(x_t, x0_hat, ac_t):
    ac = float(ac_t)
    return (math.sqrt(ac) * x0_hat - x_t).div(1 - ac)


@right
def denoising_loss__by_hand(denoise, x0, noise, ac_t):
    guess = denoise(torch.sqrt(ac_t) * x0 + torch.sqrt(1 - ac_t) * noise, ac_t)
    return ((guess - x0) ** 2).mean()


@right
def denoising_loss__per_picture(denoise, x0, noise, ac_t):
    guess = denoise(x0 * ac_t**0.5 + noise * (1 - ac_t) ** 0.5, ac_t)
    return torch.stack([F.mse_loss(g, x) for g, x in zip(guess, x0, strict=True)]).mean()


@right
def ddim_step__in_sigmas(x0_hat, x_t, ac_t, ac_prev):
    sigma, sigma_prev = ((1 - ac) ** 0.5 / ac**0.5 for ac in (ac_t, ac_prev))
    noise = (x_t / ac_t**0.5 - x0_hat) / sigma
    return ac_prev**0.5 * (x0_hat + sigma_prev * noise)


@right
def ddim_step__two_factors(x0_hat, x_t, ac_t, ac_prev):
    kept = math.sqrt((1 - float(ac_prev)) / (1 - float(ac_t)))
    return kept * x_t + (math.sqrt(ac_prev) - kept * math.sqrt(ac_t)) * x0_hat


@right
def euler_step__share(x0_hat, x, sigma, sigma_next):
    return torch.lerp(x0_hat, x, sigma_next / sigma)


@right
def euler_step__numbers(x0_hat, x, sigma, sigma_next):
    share = sigma_next.item() / sigma.item()
    return share * x + (1 - share) * x0_hat


@right
def heun_step__by_parts(denoise, x, sigma, sigma_next):
    d = (x - denoise(x, sigma)) / sigma
    h = sigma_next - sigma
    if not sigma_next > 0:
        return x + h * d
    d_prime = (x + h * d - denoise(x + h * d, sigma_next)) / sigma_next
    return x + h * (0.5 * d + 0.5 * d_prime)


@right
def heun_step__corrected(denoise, x, sigma, sigma_next):
    euler = denoise(x, sigma) + sigma_next / sigma * (x - denoise(x, sigma))
    if float(sigma_next) < 1e-9:
        return euler
    difference = (euler - denoise(euler, sigma_next)) / sigma_next - (x - denoise(x, sigma)) / sigma
    return euler + (sigma_next - sigma) / 2 * difference


@right
def dpmpp_2m_step__as_the_paper(x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before):
    lam = [torch.log(ac.sqrt() / (1 - ac).sqrt()) for ac in (ac_before, ac_t, ac_next)]
    h = lam[2] - lam[1]
    r = (lam[1] - lam[0]) / h
    d = (1 + 1 / (2 * r)) * x0_hat - 1 / (2 * r) * x0_hat_before
    return ((1 - ac_next).sqrt() / (1 - ac_t).sqrt()) * x_t - ac_next.sqrt() * torch.expm1(-h) * d


@right
def dpmpp_2m_step__as_ddim(x0_hat, x0_hat_before, x_t, ac_t, ac_next, ac_before):
    lam = [0.5 * math.log(float(ac) / (1 - float(ac))) for ac in (ac_before, ac_t, ac_next)]
    ahead = x0_hat + 0.5 * (lam[2] - lam[1]) / (lam[1] - lam[0]) * (x0_hat - x0_hat_before)
    return ddim_step__two_factors(ahead, x_t, ac_t, ac_next)


@right
def flow_matching_loss__by_hand(net, x0, noise, t):
    velocity = noise - x0
    return ((net(x0 + t[:, None, None, None] * velocity, t) - velocity) ** 2).mean()


@right
def flow_matching_loss__lerp(net, x0, noise, t):
    x_t = torch.lerp(x0, noise, t.view(len(t), 1, 1, 1).expand_as(x0))
    return nn.MSELoss()(noise - x0, net(x_t, t))


@right
def linear_betas__arange(T, start, end):
    return start + (end - start) * torch.arange(T) / (T - 1)


@right
def linear_betas__list(T, start, end):
    return torch.tensor([start + i * (end - start) / (T - 1) for i in range(T)], dtype=torch.float64)


@right
def add_noise__view(x0, noise, t, ac):
    shape = (-1,) + (1,) * (x0.ndim - 1)
    return torch.sqrt(ac[t]).view(shape) * x0 + torch.sqrt(1 - ac[t]).view(shape) * noise


@right
def add_noise__loop(x0, noise, t, ac):
    steps = [t] * len(x0) if isinstance(t, int) else t.tolist()
    return torch.stack(
        [math.sqrt(ac[s]) * x + math.sqrt(1 - ac[s]) * n for x, n, s in zip(x0, noise, steps, strict=True)]
    )


@right
def add_noise__einsum_in_double(x0, noise, t, ac):
    ac_t = ac.double()[torch.as_tensor(t).expand(len(x0))]
    return (
        torch.einsum("b,bchw->bchw", ac_t**0.5, x0.double())
        + torch.einsum("b,bchw->bchw", (1 - ac_t) ** 0.5, noise.double())
    ).to(x0.dtype)


@right
def timestep_embedding__exp(t, dim):
    frequencies = torch.exp(-math.log(10000) * torch.arange(0, dim // 2, dtype=torch.float32) / (dim // 2))
    angles = t.float().unsqueeze(1) * frequencies.unsqueeze(0)
    return torch.cat((torch.cos(angles), torch.sin(angles)), dim=-1)


@right
def timestep_embedding__double_outer(t, dim):
    frequencies = torch.tensor([10000 ** (-2 * i / dim) for i in range(dim // 2)], dtype=torch.float64)
    angles = torch.outer(t.double(), frequencies)
    return torch.hstack([angles.cos(), angles.sin()])


@right
def timestep_embedding__filled(t, dim):
    result = torch.zeros(len(t), dim)
    for i in range(dim // 2):
        result[:, i] = torch.cos(t / 10000 ** (i / (dim / 2)))
        result[:, i + dim // 2] = torch.sin(t / 10000 ** (i / (dim / 2)))
    return result


@right
def eps_to_x0__snr(eps, x_t, t, ac):
    ac_t = ac[t].view(-1, 1, 1, 1)
    return x_t / ac_t.sqrt() - (1 / ac_t - 1).sqrt() * eps


@right
def eps_to_x0__loop(eps, x_t, t, ac):
    steps = [t] * len(x_t) if isinstance(t, int) else t
    rows = [(x_t[i] - (1 - ac[s]) ** 0.5 * eps[i]) / ac[s] ** 0.5 for i, s in enumerate(steps)]
    return torch.stack(rows)


@right
class ResBlock__sequential(nn.Module):
    def __init__(self, in_channels, out_channels, time_dim):
        super().__init__()
        self.skip = None if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)
        self.norm2 = nn.GroupNorm(8, out_channels)
        self.time_proj = nn.Linear(time_dim, out_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, (3, 3), padding="same")
        self.norm1 = nn.GroupNorm(8, in_channels)
        self.silu = nn.SiLU()

    def forward(self, x, temb):
        shift = self.time_proj(self.silu(temb)).unsqueeze(-1).unsqueeze(-1)
        h = shift + self.conv1(self.silu(self.norm1(x)))
        h = nn.Sequential(self.norm2, nn.SiLU(inplace=True), self.conv2)(h)
        return h + (x if self.skip is None else self.skip(x))


@right
class ResBlock__by_hand(nn.Module):
    def __init__(self, in_channels, out_channels, time_dim):
        nn.Module.__init__(self)
        for name, layer in {
            "norm1": nn.GroupNorm(8, in_channels),
            "conv1": nn.Conv2d(in_channels, out_channels, 3, padding=1),
            "time_proj": nn.Linear(time_dim, out_channels),
            "norm2": nn.GroupNorm(8, out_channels),
            "conv2": nn.Conv2d(out_channels, out_channels, 3, padding=1),
            "skip": nn.Sequential() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1),
        }.items():
            setattr(self, name, layer)

    def norm(self, layer, x):
        groups = x.reshape(len(x), 8, -1)
        groups = (groups - groups.mean(2, keepdim=True)) / (groups.var(2, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return groups.reshape(x.shape) * layer.weight[:, None, None] + layer.bias[:, None, None]

    def forward(self, x, temb):
        h = self.norm(self.norm1, x)
        h = self.conv1(h * torch.sigmoid(h))
        h = h + F.linear(temb * temb.sigmoid(), self.time_proj.weight, self.time_proj.bias)[..., None, None]
        h = self.norm(self.norm2, h)
        return self.conv2(h * h.sigmoid()) + self.skip(x)


@right
def ddpm_loss__by_hand(net, x0, t, noise, ac):
    ac_t = ac[t].reshape(-1, 1, 1, 1)
    x_t = ac_t.sqrt() * x0 + (1 - ac_t).sqrt() * noise
    return ((noise - net(x_t, t)) ** 2).sum() / noise.numel()


@right
def ddpm_loss__per_picture(net, x0, t, noise, ac):
    t = torch.full((len(x0),), t) if isinstance(t, int) else t
    ac_t = ac[t][:, None, None, None]
    guess = net(ac_t**0.5 * x0 + (1 - ac_t) ** 0.5 * noise, t)
    return nn.MSELoss(reduction="none")(guess, noise).flatten(1).mean(dim=1).mean()


@right
def training_step__tensor(net, optimizer, x0, t, noise, ac):
    loss = ddpm_loss__by_hand(net, x0, t, noise, ac)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)  # afterwards is as good as before
    return loss.detach()


@right
def training_step__gradients_asked_for(net, optimizer, x0, t, noise, ac):
    loss = ddpm_loss__per_picture(net, x0, t, noise, ac)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return float(loss)


@right
def ddpm_step__by_posterior(eps, x_t, t, betas, noise):
    ac = torch.cumprod(1 - betas, 0)
    before = ac[t - 1] if t > 0 else torch.tensor(1.0)
    x0 = (x_t - (1 - ac[t]).sqrt() * eps) / ac[t].sqrt()  # equations 6 and 7, by way of x0
    mean = before.sqrt() * betas[t] / (1 - ac[t]) * x0 + (1 - betas[t]).sqrt() * (1 - before) / (1 - ac[t]) * x_t
    return mean + ((1 - before) / (1 - ac[t]) * betas[t]).sqrt() * noise


@right
def ddpm_step__product(eps, x_t, t, betas, noise):
    ac = [math.prod((1 - betas[: i + 1]).tolist()) for i in range(len(betas))]
    beta, sigma = betas[t].item(), 0.0
    if t > 0:
        sigma = math.sqrt((1 - ac[t - 1]) / (1 - ac[t]) * beta)
    return (x_t - beta / math.sqrt(1 - ac[t]) * eps) / math.sqrt(1 - beta) + sigma * noise


@right
def reparameterize__deviation(mean, logvar, noise):
    return torch.addcmul(mean, logvar.exp().sqrt(), noise)


@right
def reparameterize__loop(mean, logvar, noise):
    return torch.stack([m + noise[i] * math.e ** (logvar[i] / 2) for i, m in enumerate(mean)])


@right
def reparameterize__log_space(mean, logvar, noise):
    return mean + noise.sign() * torch.exp(logvar / 2 + noise.abs().clamp(min=1e-30).log())


@right
def kl_to_standard_normal__by_deviation(mean, logvar):
    deviation = torch.exp(logvar / 2)
    each = (deviation**2 + mean**2) / 2 - 0.5 - deviation.log()
    return each.sum(dim=(1, 2, 3))


@right
def kl_to_standard_normal__the_papers_sign(mean, logvar):
    return torch.stack([-0.5 * torch.sum(1 + lv - m.pow(2) - lv.exp()) for m, lv in zip(mean, logvar, strict=True)])


@right
def kl_to_standard_normal__mean_times_count(mean, logvar):
    return 0.5 * mean[0].numel() * (mean * mean + torch.expm1(logvar) - logvar).flatten(1).mean(1)


@right
def vae_loss__by_hand(recon, x0, mean, logvar, kl_weight):
    error = ((x0 - recon) ** 2).sum() / x0.numel()
    return error + kl_weight / len(x0) * 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum()


@right
def vae_loss__per_picture(recon, x0, mean, logvar, kl_weight):
    errors = nn.MSELoss(reduction="none")(recon, x0).flatten(1).mean(dim=1)
    return torch.lerp(errors, errors + kl_to_standard_normal__by_deviation(mean, logvar), kl_weight).mean()


@right
def latent_scale__of_the_population(latents):
    return float(1 / latents.std(unbiased=False))


@right
def latent_scale__rombach(latents):
    return ((latents - latents.mean()) ** 2).sum().div(latents.numel()) ** -0.5


@right
def latent_scale__by_moments(latents):
    latents = latents.double()
    return 1 / math.sqrt(latents.square().mean().item() - latents.mean().item() ** 2)


@right
def cross_attention__einsum(q, k, v, mask=None):
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * q.size(3) ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(-torch.inf, dtype=q.dtype))
    return torch.einsum("bhqk,bhkd->bhqd", torch.softmax(scores, dim=3), v)


@right
def cross_attention__exponentials(q, k, v, mask=None):
    weights = torch.exp(torch.matmul(q / math.sqrt(q.shape[-1]), k.mT))
    if mask is not None:
        weights = weights * mask  # before they are divided by their sum, so that it is 1 again
    return torch.matmul(weights / weights.sum(dim=-1, keepdim=True), v)


@right
def cross_attention__additive(q, k, v, mask=None):
    bias = 0.0 if mask is None else torch.zeros(mask.shape, dtype=q.dtype).masked_fill(mask.logical_not(), -1e9)
    return F.softmax(q.matmul(k.permute(0, 1, 3, 2)) / k.size(-1) ** 0.5 + bias, -1).matmul(v)


@right
def cross_attention__loops(q, k, v, mask=None):
    batch, heads, places, _ = q.shape
    rows = []
    for b in range(batch):
        for h in range(heads):
            for i in range(places):
                scores = (k[b, h] * q[b, h, i]).sum(-1) / q.shape[-1] ** 0.5
                if mask is not None:
                    seen = mask.expand(batch, heads, places, k.shape[2])[b, h, i]
                    scores = torch.where(seen, scores, scores - torch.inf)
                weights = (scores - scores.max()).exp()
                rows.append((weights / weights.sum()) @ v[b, h])
    return torch.stack(rows).reshape(q.shape)


@right
def drop_condition__arithmetic(cond, null, drop):
    gone = drop.view(-1, 1, 1).to(cond.dtype)
    return (1 - gone) * cond + gone * null


@right
def drop_condition__copy(cond, null, drop):
    result = cond.clone()
    result[drop] = null
    return result


@right
def drop_condition__loop(cond, null, drop):
    return torch.stack([null if gone else tokens for tokens, gone in zip(cond, drop.tolist(), strict=True)])


@right
def guide__shares(uncond, cond, guidance_scale):
    return guidance_scale * cond + (1 - guidance_scale) * uncond


@right
def guide__lerp(uncond, cond, guidance_scale):
    return torch.lerp(uncond, cond, guidance_scale)


@right
def guide__paper(uncond, cond, guidance_scale):
    w = guidance_scale - 1
    return (1 + w) * cond - w * uncond


@right
def text_to_image__in_sigmas(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    ac = schedule.alphas_cumprod[timesteps]
    sigmas = torch.cat([((1 - ac) / ac).sqrt(), torch.zeros(1)])
    for t, level, sigma, sigma_next in zip(timesteps, ac, sigmas, sigmas[1:], strict=False):
        told, untold = denoise_cond(x, t), denoise_uncond(x, t)  # t is a tensor
        x0_hat = untold + guidance_scale * (told - untold)
        straight = x / level.sqrt()
        straight = straight + (sigma_next - sigma) * (straight - x0_hat) / sigma  # Euler's step is DDIM's
        x = straight / (1 + sigma_next**2).sqrt()
    return decode(x)


@right
def text_to_image__by_schedule(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    grid = [int(t) for t in timesteps]
    for i, t in enumerate(grid):
        cond, uncond = denoise_cond(x, t), denoise_uncond(x, t)
        x0 = (1 - guidance_scale) * uncond + guidance_scale * cond
        if t == grid[-1]:
            return decode(x0)
        x = schedule.add_noise(x0, schedule.to_eps(x0, x, t, "sample"), grid[i + 1])


@right
@torch.no_grad()
def text_to_image__backwards(denoise_cond, denoise_uncond, decode, x, schedule, timesteps, guidance_scale):
    ac = schedule.alphas_cumprod.double().tolist()
    levels = [1.0] + [ac[t] for t in reversed(timesteps.tolist())]
    for i in range(len(timesteps), 0, -1):
        t = torch.full((len(x),), timesteps[len(timesteps) - i].item())  # one for each picture
        x0 = torch.lerp(denoise_uncond(x, t), denoise_cond(x, t), guidance_scale)
        eps = (x - levels[i] ** 0.5 * x0) / (1 - levels[i]) ** 0.5
        x = levels[i - 1] ** 0.5 * x0 + (1 - levels[i - 1]) ** 0.5 * eps
    return decode(x)


@right
def sdedit_start__list_of_timesteps(x0, noise, strength, schedule, timesteps):
    steps = timesteps.tolist()
    rest = steps[len(steps) - int(strength * len(steps) + 0.5) :]
    return (schedule.add_noise(x0, noise, rest[0]) if rest else x0), rest


@right
def sdedit_start__skipped(x0, noise, strength, schedule, timesteps):
    skipped = len(timesteps) - round(strength * len(timesteps))
    if skipped == len(timesteps):
        return x0.clone(), timesteps[skipped:]
    product = torch.prod(1 - schedule.betas[: timesteps[skipped] + 1].double())
    return [(product**0.5 * x0 + (1 - product) ** 0.5 * noise).to(x0.dtype), timesteps[skipped:]]


@right
def inpaint_blend__where(x_t, known_x0, mask, noise, t, schedule):
    return torch.where(mask.bool(), x_t, schedule.add_noise(known_x0, noise, t))


@right
def inpaint_blend__lerp(x_t, known_x0, mask, noise, t, schedule):
    ac_t = schedule.alphas_cumprod[t].item()
    return torch.lerp(math.sqrt(ac_t) * known_x0 + math.sqrt(1 - ac_t) * noise, x_t, mask.expand_as(x_t))


@right
def inpaint_blend__copied(x_t, known_x0, mask, noise, t, schedule):
    result = schedule.add_noise(known_x0, noise, t).clone()
    places = (mask > 0.5).expand_as(result)
    result[places] = x_t[places]
    return result


class ZeroConv__subclass(nn.Conv2d):
    def __init__(self, channels):
        super().__init__(channels, channels, 1)
        self.weight.data.zero_()
        self.bias.data.zero_()


class ZeroConv__linear(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return torch.einsum("oc,bchw->bohw", self.weight, x) + self.bias[:, None, None]


RIGHT_WAYS |= {answer.__name__: answer for answer in (ZeroConv__subclass, ZeroConv__linear)}


@right
def inject__loop(skips, mid, control_skips, control_mid, scale):
    result = []
    for i in range(len(skips)):
        result.append(torch.add(skips[i], control_skips[i], alpha=scale))
    return result, torch.add(mid, control_mid, alpha=scale)


@right
def inject__copied(skips, mid, control_skips, control_mid, scale):
    result = [skip.clone() for skip in skips]
    for skip, control in zip(result, control_skips, strict=True):
        skip += scale * control
    return tuple(result), scale * control_mid + mid


@right
def one_hot_map__compared(semantic_map, classes):
    return (semantic_map[:, None] == torch.arange(classes).reshape(1, -1, 1, 1)).float()


@right
def one_hot_map__scattered(semantic_map, classes):
    b, h, w = semantic_map.shape
    return torch.zeros(b, classes, h, w).scatter_(1, semantic_map[:, None], 1.0)


@right
def one_hot_map__eye(semantic_map, classes):
    return torch.eye(classes)[semantic_map].movedim(-1, 1)


class LoRALinear__matrices(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        for parameter in self.base.parameters():
            parameter.requires_grad = False
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.down.T @ self.up.T)


class LoRALinear__summed_weights(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        out, width = base.weight.shape
        self.base = nn.Linear(width, out, base.bias is not None)
        self.base.load_state_dict(base.state_dict())
        self.base.weight.requires_grad_(False)
        if base.bias is not None:
            self.base.bias.requires_grad_(False)
        self.up = nn.Parameter(torch.zeros(out, rank))
        self.down = nn.Parameter(torch.empty(rank, width).normal_(std=width**-0.5))
        self.scale = alpha / rank

    def forward(self, x):
        return F.linear(x, self.base.weight + self.up @ self.down * self.scale, self.base.bias)


class LoRALinear__a_buffer(nn.Module):
    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(nn.Linear(base.in_features, rank, bias=False).weight.detach())
        self.up = nn.Parameter(base.weight.new_zeros(base.out_features, rank))
        self.register_buffer("scale", torch.tensor(alpha / rank))

    def forward(self, x):
        return self.base(x) + torch.einsum("or,ri,...i->...o", self.up, self.down, x) * self.scale


RIGHT_WAYS |= {
    answer.__name__: answer for answer in (LoRALinear__matrices, LoRALinear__summed_weights, LoRALinear__a_buffer)
}


@right
def merge_lora__from_the_identity(layer):
    base = layer.base
    weight = base.weight + torch.eye(len(base.weight)).to(base.weight) @ layer.up @ layer.down * layer.scale
    merged = nn.Linear(*reversed(weight.shape), bias=False)
    merged.weight = nn.Parameter(weight.detach())
    merged.bias = None if base.bias is None else nn.Parameter(base.bias.detach().clone())
    return merged


@right
def merge_lora__copied(layer):
    import copy

    merged = copy.deepcopy(layer.base)
    merged.weight.data.addmm_(layer.up.data, layer.down.data, alpha=layer.scale)
    return merged


@right
def prior_preservation_loss__by_hand(eps, noise, eps_prior, noise_prior, weight):
    new = ((eps - noise) ** 2).sum() / eps.numel()
    return new + weight * (eps_prior - noise_prior).pow(2).mean((1, 2, 3)).mean()


@right
def prior_preservation_loss__one_vector(eps, noise, eps_prior, noise_prior, weight):
    errors = torch.stack([torch.mean((noise - eps) ** 2), torch.mean((noise_prior - eps_prior) ** 2)])
    return errors @ errors.new_tensor([1.0, weight])


@right
def token_only_gradient__masked(grad, token_id):
    return grad * (torch.arange(len(grad)) == token_id)[:, None]


@right
def token_only_gradient__where(grad, token_id):
    one = F.one_hot(torch.tensor(token_id), grad.shape[0]).bool()
    return torch.where(one.unsqueeze(1), grad, torch.zeros(()).to(grad))


@right
def prior_loss__by_hand(prior, text_embedding, image_embedding, t, noise, ac):
    level = torch.as_tensor(ac[t]).expand(len(image_embedding)).unsqueeze(1)
    guess = prior(image_embedding * level**0.5 + noise * (1 - level) ** 0.5, t, text_embedding)
    return ((image_embedding - guess) ** 2).sum() / image_embedding.numel()


@right
def prior_loss__pair_by_pair(prior, text_embedding, image_embedding, t, noise, ac):
    times = [t] * len(noise) if isinstance(t, int) else t.tolist()
    total = 0
    for i, time in enumerate(times):
        x_t = math.sqrt(ac[time]) * image_embedding[i : i + 1] + math.sqrt(1 - ac[time]) * noise[i : i + 1]
        guess = prior(x_t, torch.tensor([time]), text_embedding[i : i + 1])
        total = total + (guess - image_embedding[i : i + 1]).square().mean()
    return total / len(times)


@right
def best_of__gather(candidates, text_embedding):
    best = torch.einsum("kbd,bd->bk", candidates, text_embedding).max(dim=1).indices
    return candidates.gather(0, best.reshape(1, -1, 1).expand(1, -1, candidates.shape[2])).squeeze(0)


@right
def best_of__loop(candidates, text_embedding):
    chosen = []
    for b, text in enumerate(text_embedding):
        scores = [float(candidates[k, b] @ text) for k in range(len(candidates))]
        chosen.append(candidates[scores.index(max(scores)), b])
    return torch.stack(chosen)


@right
def best_of__kept(candidates, text_embedding):
    kept = candidates[0]
    for one in candidates[1:]:
        better = (one * text_embedding).sum(1) > (kept * text_embedding).sum(1)
        kept = torch.where(better[:, None], one, kept)
    return kept.clone()


@right
def slerp__turned(a, b, w):
    lengths = a.norm(dim=1) * b.norm(dim=1)
    angle = torch.acos((a * b).sum(1) / lengths)[:, None]
    along = torch.cos(w * angle) - torch.sin(w * angle) / torch.tan(angle)  # sin((1 - w) angle) / sin(angle)
    return along * a + torch.sin(w * angle) / torch.sin(angle) * b


@right
def slerp__row_by_row(a, b, w):
    rows = []
    for x, y in zip(a, b, strict=True):
        one, other = x / x.norm(), y / y.norm()
        angle = 2 * math.atan2((one - other).norm().item(), (one + other).norm().item())
        rows.append((math.sin((1 - w) * angle) * x + math.sin(w * angle) * y) / math.sin(angle))
    return torch.stack(rows)


@right
def rerank__sorted(image_features, text_feature, k):
    cosines = F.cosine_similarity(image_features, text_feature[None], dim=1)
    return torch.sort(cosines, descending=True).indices[:k]


@right
def rerank__one_by_one(image_features, text_feature, k):
    length = image_features.norm(dim=1)  # that of the text is the same for all
    order = sorted(range(len(image_features)), key=lambda i: -float(image_features[i] @ text_feature / length[i]))
    return torch.tensor(order[:k])


@right
def augment_low_res__by_schedule(low_res, level, noise, schedule):
    t = math.floor(level * schedule.num_train_timesteps + 0.5) - 1
    return schedule.add_noise(low_res, noise, t) if t >= 0 else low_res.clone()


@right
def augment_low_res__levels(low_res, level, noise, schedule):
    levels = [1.0, *schedule.alphas_cumprod.tolist()]
    kept = levels[round(float(level) * (len(levels) - 1))]
    return math.sqrt(kept) * low_res + math.sqrt(1 - kept) * noise


@right
def super_resolution_input__filled(x_t, low_res):
    result = torch.empty(x_t.shape[0], 6, *x_t.shape[2:], dtype=x_t.dtype)
    result[:, :3] = x_t
    result[:, 3:] = nn.Upsample(tuple(x_t.shape[2:]), mode="bilinear")(low_res)
    return result


@right
def super_resolution_input__axis_by_axis(x_t, low_res):
    def weights(small, large):
        places = ((torch.arange(large) + 0.5) * small / large - 0.5).clamp(0, small - 1)
        return (1 - (places[:, None] - torch.arange(small)).abs()).clamp(min=0).to(low_res)

    up, across = (weights(s, n) for s, n in zip(low_res.shape[2:], x_t.shape[2:], strict=True))
    return torch.cat((x_t, torch.einsum("hy,bcyx,wx->bchw", up, low_res, across)), 1)


@right
def dynamic_threshold__divided_first(x0_hat, percentile):
    s = torch.quantile(x0_hat.abs().reshape(len(x0_hat), -1), percentile, dim=1)
    s = torch.maximum(s, torch.ones_like(s))[:, None, None, None]
    return (x0_hat / s).clip(-1, 1)


@right
def dynamic_threshold__one_by_one(x0_hat, percentile):
    pictures = []
    for picture in x0_hat:
        values = picture.abs().flatten().sort().values
        place = percentile * (len(values) - 1)
        low = values[math.floor(place)]
        s = max(1.0, float(low + (place - math.floor(place)) * (values[math.ceil(place)] - low)))
        pictures.append(picture.clamp(-s, s) / s)
    return torch.stack(pictures)


def discriminator_loss__softplus(real_logits, fake_logits):
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


@right
def discriminator_loss__logsigmoid(real_logits, fake_logits):
    return -(F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean())


@right
def discriminator_loss__stacked(real_logits, fake_logits):
    logits = torch.cat([real_logits.flatten(), fake_logits.flatten()])
    labels = torch.cat([torch.ones(real_logits.numel()), torch.zeros(fake_logits.numel())]).to(logits)
    weights = torch.where(labels > 0, 1 / real_logits.numel(), 1 / fake_logits.numel())
    return F.binary_cross_entropy_with_logits(logits, labels, weights, reduction="sum")


@right
def generator_loss__cross_entropy(fake_logits):
    return nn.BCEWithLogitsLoss()(fake_logits, torch.ones_like(fake_logits))


@right
def generator_loss__two_classes(fake_logits):
    pair = torch.stack([torch.zeros_like(fake_logits), fake_logits], dim=-1).reshape(-1, 2)
    return F.cross_entropy(pair, torch.ones(len(pair), dtype=torch.long))


@right
def generator_loss__logaddexp(fake_logits):
    return torch.logaddexp(torch.zeros_like(fake_logits), -fake_logits).mean()


@right
def cycle_loss__l1(x, y, g, f):
    return F.l1_loss(f(g(x)), x) + F.l1_loss(g(f(y)), y)


@right
def cycle_loss__loop(x, y, g, f):
    total = 0
    for start, there, back in ((x, g, f), (y, f, g)):
        home = back(there(start))
        total = total + torch.abs(start - home).sum() / start.numel()
    return total


@right
def adain__instance_norm(content, style_scale, style_bias):
    return F.instance_norm(content) * style_scale[..., None, None] + style_bias[..., None, None]


@right
def adain__flattened(content, style_scale, style_bias):
    maps = content.flatten(2)
    std = ((maps - maps.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True).add(1e-5).sqrt()
    styled = torch.addcmul(style_bias.unsqueeze(-1), style_scale.unsqueeze(-1), (maps - maps.mean(-1, True)) / std)
    return styled.view_as(content)


@right
def adain__einsum(content, style_scale, style_bias):
    normed = F.layer_norm(content, content.shape[2:])
    return torch.einsum("bc,bchw->bchw", style_scale, normed) + style_bias[:, :, None, None]


@right
def fade_in__lerp(low, high, alpha):
    return torch.lerp(low.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), high, alpha)


@right
def fade_in__kronecker(low, high, alpha):
    return high * alpha + torch.kron(low, torch.ones(1, 1, 2, 2).to(low)) * (1 - alpha)


@right
def fade_in__upsample(low, high, alpha):
    return high + (1 - alpha) * (nn.Upsample(scale_factor=2)(low) - high)


@right
def spectral_normalize__same_shape(weight, u, iterations):
    matrix = weight.reshape(weight.shape[0], -1)
    with torch.no_grad():
        for _ in range(iterations):
            v = matrix.t().mv(u)
            v = v / v.norm()
            u = matrix.mv(v)
            sigma = u.norm()
            u = u / sigma
    return weight / sigma


@right
def spectral_normalize__by_squares(weight, u, iterations):
    matrix = weight.flatten(1)
    gram = matrix @ matrix.T
    for _ in range(iterations - 1):
        u = gram @ u / (gram @ u).norm()
    v = F.normalize(u @ matrix, dim=0)
    return matrix / (matrix @ v).norm()


def matrix_root(cov):
    values, vectors = torch.linalg.eigh(cov.double())
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


@right
def frechet_distance__symmetric_root(mu1, cov1, mu2, cov2):
    root = matrix_root(cov1)
    middle = torch.linalg.eigvalsh(root @ cov2.double() @ root).clamp(min=0).sqrt().sum()
    return ((mu1 - mu2) ** 2).sum() + torch.trace(cov1 + cov2) - 2 * middle


@right
def frechet_distance__nuclear_norm(mu1, cov1, mu2, cov2):
    middle = torch.linalg.matrix_norm(matrix_root(cov1) @ matrix_root(cov2), ord="nuc")
    return (torch.dist(mu1, mu2) ** 2 + cov1.diag().sum() + cov2.diag().sum() - 2 * middle).item()


@right
def faithfulness__get(asked, read):
    right = 0
    for wanted, seen in zip(asked, read, strict=True):
        for name in wanted:
            if seen.get(name) != wanted[name]:
                break
        else:
            right += 1
    return right / len(asked)


@right
def faithfulness__sets(asked, read):
    hits = [set(wanted.items()) <= set(seen.items()) for wanted, seen in zip(asked, read, strict=True)]
    return torch.tensor(hits).double().mean()


@right
def mode_coverage__set(labels, num_modes):
    return len(set(labels.tolist())) / num_modes


@right
def mode_coverage__bincount(labels, num_modes):
    return (torch.bincount(labels, minlength=num_modes) > 0).double().mean()


@pytest.mark.parametrize("name", RIGHT_WAYS)
def test_another_right_way_passes(name):
    for _ in range(3):  # other random inputs each time
        result = check(RIGHT_WAYS[name], name.split("__")[0])
        assert result.passed, result


def test_every_exercise_has_at_least_two_other_right_ways():
    from t2ilab.lab import bank

    for exercise in bank.ALL:
        assert sum(name.split("__")[0] == exercise.name for name in RIGHT_WAYS) >= 2, exercise.name
