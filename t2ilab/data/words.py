"""The words of the world, in English and in Japanese: of its things, what can be said of them, and where they are.

Each table goes name -> (English words, Japanese words). The name is what metrics report; the first word of each
language is the usual one. The `shapes` level has the eight shapes and the first tables only; the storybook has all.
"""

from __future__ import annotations

Names = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]

LANGUAGES = ("en", "ja")
TO_HIRAGANA = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}  # as `str.translate` takes it

SHAPES: Names = {
    "circle": (("circle", "disc"), ("円", "丸")),
    "square": (("square",), ("四角", "正方形")),
    "triangle": (("triangle",), ("三角", "三角形")),
    "star": (("star",), ("星",)),
    "heart": (("heart",), ("ハート",)),
    "ring": (("ring",), ("輪", "リング")),
    "cross": (("cross", "plus"), ("十字",)),
    "diamond": (("diamond",), ("ひし形",)),
}
DRAWN: Names = {
    "cat": (("cat", "kitten"), ("猫", "ねこ", "ネコ")),
    "dog": (("dog", "puppy"), ("犬", "いぬ")),
    "fish": (("fish",), ("魚",)),
    "bird": (("bird",), ("鳥", "小鳥")),
    "horse": (("horse", "pony"), ("馬",)),
    "kangaroo": (("kangaroo",), ("カンガルー",)),
    "elephant": (("elephant",), ("象", "ゾウ")),
    "penguin": (("penguin",), ("ペンギン",)),
    "robot": (("robot", "humanoid robot"), ("ロボット",)),
    "astronaut": (("astronaut",), ("宇宙飛行士",)),
    "chef": (("chef", "cook"), ("シェフ", "料理人")),
    "jizo": (("Jizo statue", "Jizo"), ("お地蔵さん", "お地蔵様", "地蔵")),
    "snowman": (("snowman",), ("雪だるま",)),
    "tree": (("tree",), ("木",)),
    "flower": (("flower",), ("花",)),
    "mushroom": (("mushroom",), ("きのこ", "キノコ")),
    "sun": (("sun",), ("太陽", "お日さま")),
    "moon": (("moon",), ("月", "お月さま")),
    "cloud": (("cloud",), ("雲",)),
    "house": (("house",), ("家",)),
    "boat": (("boat", "sailing boat"), ("船", "ヨット")),
    "car": (("car",), ("車", "自動車")),
    "rocket": (("rocket", "rocketship"), ("ロケット",)),
    "hot air balloon": (("hot air balloon",), ("気球", "熱気球")),
    "brain": (("brain",), ("脳",)),
    "guacamole": (("guacamole",), ("ワカモレ",)),
    "apple": (("apple",), ("りんご", "リンゴ")),
    "umbrella": (("umbrella",), ("傘",)),
}
THINGS: Names = SHAPES | DRAWN

# The main colour and the second one that a drawn thing has when nobody asks for another.
USUAL = {
    "cat": ("orange", "white"),
    "dog": ("brown", "white"),
    "fish": ("orange", "white"),
    "bird": ("blue", "orange"),
    "horse": ("brown", "yellow"),
    "kangaroo": ("orange", "yellow"),
    "elephant": ("grey", "pink"),
    "penguin": ("blue", "white"),
    "robot": ("grey", "light blue"),
    "astronaut": ("white", "blue"),
    "chef": ("white", "red"),
    "jizo": ("grey", "red"),
    "snowman": ("white", "red"),
    "tree": ("green", "red"),
    "flower": ("pink", "yellow"),
    "mushroom": ("red", "white"),
    "sun": ("yellow", "orange"),
    "moon": ("yellow", "white"),
    "cloud": ("white", "light blue"),
    "house": ("yellow", "red"),
    "boat": ("red", "white"),
    "car": ("red", "white"),
    "rocket": ("white", "red"),
    "hot air balloon": ("red", "yellow"),
    "brain": ("pink", "purple"),
    "guacamole": ("green", "brown"),
    "apple": ("red", "orange"),
    "umbrella": ("purple", "pink"),
}
ARTICLE = {"sun": "the", "moon": "the", "guacamole": ""}  # of those that do not take "a"
ALIVE = {"cat", "dog", "fish", "bird", "horse", "kangaroo", "elephant", "penguin", "robot", "astronaut", "chef"}

COLORS: Names = {
    "red": (("red",), ("赤い",)),
    "orange": (("orange",), ("オレンジの",)),
    "yellow": (("yellow",), ("黄色い",)),
    "green": (("green",), ("緑の",)),
    "light blue": (("light blue",), ("水色の",)),
    "blue": (("blue",), ("青い",)),
    "purple": (("purple",), ("紫の",)),
    "pink": (("pink",), ("ピンクの",)),
}
ALL_COLORS: Names = COLORS | {
    "grey": (("grey", "gray"), ("灰色の", "グレーの")),
    "brown": (("brown",), ("茶色の", "茶色い")),
    "white": (("white",), ("白い",)),
}
SIZES: Names = {
    "big": (("big", "large"), ("大きな", "大きい")),
    "small": (("small", "little"), ("小さな", "小さい")),
}
PLACES: Names = {
    "top left": (("at the top left",), ("左上",)),
    "top": (("at the top",), ("上",)),
    "top right": (("at the top right",), ("右上",)),
    "left": (("on the left",), ("左",)),
    "center": (("in the center", "in the middle"), ("中央", "真ん中")),
    "right": (("on the right",), ("右",)),
    "bottom left": (("at the bottom left",), ("左下",)),
    "bottom": (("at the bottom",), ("下",)),
    "bottom right": (("at the bottom right",), ("右下",)),
}
PLAIN: Names = {
    "dark": (("dark",), ("暗い",)),
    "light": (("light", "bright"), ("明るい",)),
}
SURROUNDINGS: Names = PLAIN | {
    "day": (("by day", "under a blue sky"), ("青空の下", "昼の空の下", "昼")),
    "night": (("at night", "under a night sky"), ("夜空の下", "星空の下", "夜")),
    "sea": (("at sea", "by the sea"), ("海", "海辺")),
    "sunset": (("at sunset", "in the evening"), ("夕焼けの中", "夕日の中", "夕方", "夕焼け")),
    "kitchen": (("in the kitchen", "in a kitchen"), ("台所", "キッチン")),
    "field": (("in a field", "in a meadow"), ("野原", "草原")),
}
WITH_DE = {"sea", "kitchen", "field"}  # 「台所で、」, and not 「夜空の下で、」

# What the first thing does to the second, or where it is as seen from it. In Japanese the second comes first.
RELATIONS: Names = {
    "riding": (("riding", "on"), ("に乗る", "に乗った", "に乗っている")),
    "in": (("in", "inside"), ("の中の", "に入った", "に入っている")),
    "heading towards": (("heading towards", "flying towards"), ("へ向かう", "に向かう")),
    "above": (("above", "over"), ("の上の",)),
    "below": (("below", "under"), ("の下の",)),
    "left of": (("left of", "to the left of"), ("の左の", "の左側の")),
    "right of": (("right of", "to the right of"), ("の右の", "の右側の")),
    "and": (("and", "with"), ("と",)),
}

# Words that people write for another one; read as that, and said.
MISSPELT = {"chief": "chef", "hot-air balloon": "hot air balloon", "balloon": "hot air balloon"}

# What can be said at each level: attribute -> its values.
ATTRIBUTES: dict[str, Names] = {
    "thing": THINGS,
    "color": ALL_COLORS,
    "accent": ALL_COLORS,
    "size": SIZES,
    "place": PLACES,
    "background": SURROUNDINGS,
    "relation": RELATIONS,
}
SHAPES_LEVEL: dict[str, Names] = {
    "thing": SHAPES,
    "color": COLORS,
    "size": SIZES,
    "place": PLACES,
    "background": PLAIN,
}
LEVELS = {"shapes": SHAPES_LEVEL, "storybook": ATTRIBUTES}
