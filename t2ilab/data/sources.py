"""Which data sets of the Hugging Face hub serve which use: several for each, so that no lab hangs on one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A data set, and what its columns are called.

    Attributes:
        id: "owner/name" on the hub, or a folder or file of this machine.
        about: what is in it, and what one has to know before one uses it.
        image_column: where the pictures are; None finds it by its usual names.
        caption_column: where the captions are; None finds it by its usual names.
        label_column: where the class is, in place of captions; its name is made a caption by a template.
        split: which part of it; None takes "train" or the only one.
        config: which of its configurations, where it has several.
        licence: the pictures' and the captions'.
        megabytes: of this split.
    """

    id: str
    about: str = ""
    image_column: str | None = None
    caption_column: str | None = None
    label_column: str | None = None
    split: str | None = None
    config: str | None = None
    licence: str | None = None
    megabytes: float | None = None


RESEARCH = "research only"
FLICKR = "not for commercial use, say those who made the set; the photographs belong to their makers"
CONCEPTUAL = "any purpose, Google asks to be named; the pictures belong to their makers"

# From copies of the data sets' pages on the hub, of 2023 to 2026, as far as there were any: no hub can be reached where
# this course is tested. Of dpdl-benchmark/caltech101 there were only programs that read it. The hub converts the first
# 5 GB of a large set: the sizes of cc12m and wds_sun397 follow from how many pictures those hold (49,000 and 15,800).
# The licence of each is that of those who made the set; some copies name another on their page (Apache-2.0 for
# Naveengo/flickr8k, "unknown" for flwrlabs/caltech101). What the hub says of a data set when it is opened goes before.
SOURCES: dict[str, tuple[Source, ...]] = {
    "image-text": (
        Source("pixparse/cc3m-wds", "2.9 million pictures of the web with their alt texts (Sharma et al. 2018)", "jpg",
               "txt", licence=CONCEPTUAL, megabytes=270_000),
        Source("pixparse/cc12m-wds", "11 million more (Changpinyo et al. 2021)", "jpg", "txt",
               licence=CONCEPTUAL, megabytes=1_100_000),
        Source("jxie/flickr8k", "6,000 photographs, five captions each by people (Hodosh et al. 2013)", "image",
               "caption_0", licence=FLICKR, megabytes=828),
        Source("Naveengo/flickr8k", "all 8,091 of them, one caption each", "image", "text", licence=FLICKR,
               megabytes=1_114),
    ),
    "cifar10": (
        Source("uoft-cs/cifar10", "10,000 photographs of 32x32 pixels in 10 classes (Krizhevsky 2009)", "img",
               label_column="label", split="test", licence="unknown", megabytes=24),
        Source("clip-benchmark/wds_vtab-cifar10", "the same", label_column="cls", split="test", licence="unknown"),
    ),
    "food101": (
        Source("ethz/food101", "25,250 photographs of 101 dishes (Bossard et al. 2014)", "image", label_column="label",
               split="validation", licence="not owned by its makers; scientific fair use", megabytes=1_300),
        Source("clip-benchmark/wds_food101", "the same", label_column="cls", split="test",
               licence="not owned by its makers; scientific fair use", megabytes=1_370),
    ),
    "caltech101": (
        Source("clip-benchmark/wds_vtab-caltech101", "6,085 photographs in 102 classes (Fei-Fei et al. 2004)",
               label_column="cls", split="test", licence="CC BY 4.0", megabytes=440),
        Source("flwrlabs/caltech101", "8,677 of them", "image", label_column="label", licence="CC BY 4.0",
               megabytes=130),
        Source("dpdl-benchmark/caltech101", "another copy, its part for tests", "image", label_column="label",
               split="test", licence="CC BY 4.0"),
    ),
    "sun397": (
        Source("tanganke/sun397", "19,850 photographs of 397 kinds of places (Xiao et al. 2010)", "image",
               label_column="label", split="test", licence=RESEARCH, megabytes=7_300),
        Source("clip-benchmark/wds_sun397", "all 108,754 of them", label_column="cls", split="test", licence=RESEARCH,
               megabytes=34_000),
        Source("dpdl-benchmark/sun397", "21,800 of them", "image", label_column="label", split="test",
               licence=RESEARCH),
    ),
    "imagenet-r": (
        Source("axiong/imagenet-r", "30,000 paintings, toys, tattoos of 200 classes (Hendrycks et al. 2021)", "image",
               label_column="class_name", split="test", licence="MIT; the pictures belong to their makers",
               megabytes=2_150),
        Source("clip-benchmark/wds_imagenet-r", "the same", label_column="cls", split="test",
               licence="MIT; the pictures belong to their makers", megabytes=2_200),
    ),
    "imagenet": (
        Source("ILSVRC/imagenet-1k", "50,000 photographs in 1,000 classes (Russakovsky et al. 2015). Gated: accept its "
               "terms on its page of the hub and run `hf auth login` first", "image", label_column="label",
               split="validation", licence=f"ImageNet's, {RESEARCH}", megabytes=6_700),
        Source("clip-benchmark/wds_imagenet1k", "the same", label_column="cls", split="test",
               licence=f"ImageNet's, {RESEARCH}", megabytes=6_900),
    ),
    "fine-tuning": (
        Source("lambda/naruto-blip-captions", "1,221 drawings of one series with captions by BLIP", "image", "text",
               licence="not named; the drawings belong to their makers", megabytes=701),
        Source("Norod78/cartoon-blip-captions", "3,141 cartoons with captions by BLIP", "image", "text",
               licence="CC BY-NC-SA 4.0", megabytes=190),
        Source("m1guelpf/nouns", "49,859 pixel figures, captions made of their parts", "image", "text",
               licence="CC0", megabytes=328),
    ),
}  # fmt: skip
