"""Emoji: names without a font; glyphs of a small font that is made here, and of the system's where it has one."""

import subprocess
import sys
import unicodedata

import emoji as package
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from t2ilab.data.emoji import LANGUAGES, Emoji, catalogue, draw, emojis, find_font, items, name
from t2ilab.images import from_pil

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
SQUARES = {"🟥": RED, "🟦": BLUE, "🟩": GREEN}


@pytest.fixture(scope="module")
def font(tmp_path_factory):
    """A font with coloured squares: three by their own characters, a smile of two, and the red one again for a bee."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    def box(left, bottom, right, top):
        pen = TTGlyphPen(None)
        pen.moveTo((left, bottom))
        for corner in ((left, top), (right, top), (right, bottom)):
            pen.lineTo(corner)
        pen.closePath()
        return pen.glyph()

    drawn = {"red": "🟥", "blue": "🟦", "green": "🟩", "smile": "😀", "bee": "🐝", "letter": "🇳", "other": "🇴"}
    cells = {".notdef": box(100, 0, 900, 900), "half": box(100, 0, 500, 800), "whole": box(100, 0, 900, 800)}
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([*cells, *drawn])
    builder.setupCharacterMap({ord(character): glyph for glyph, character in drawn.items()})
    builder.setupGlyf(cells | dict.fromkeys(drawn, cells["whole"]))
    builder.setupHorizontalMetrics(dict.fromkeys([*cells, *drawn], (1000, 100)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=900, sTypoDescender=-100, usWinAscent=900, usWinDescent=100)
    builder.setupPost()
    palette = [tuple(level / 255 for level in (*color, 255)) for color in (RED, BLUE, GREEN)]
    builder.setupCPAL([palette])
    layers = {"red": [("whole", 0)], "blue": [("whole", 1)], "green": [("whole", 2)], "bee": [("whole", 0)],
              "smile": [("whole", 0), ("half", 2)], "letter": [("whole", 1)], "other": [("half", 1)]}  # fmt: skip
    builder.setupCOLR(layers, version=0)
    path = tmp_path_factory.mktemp("fonts") / "Squares.ttf"
    builder.save(path)
    return path


@pytest.fixture(scope="module")
def system_font():
    try:
        return find_font()
    except FileNotFoundError as error:
        pytest.skip(str(error))


# The names


@pytest.mark.parametrize(
    ("character", "language", "expected"),
    [
        ("❤️", "en", "red heart"),
        ("❤️", "ja", "赤いハート"),
        ("🐱", "ja", "ネコの顔"),
        ("🍣", "ja", "すし"),
        ("🐴", "de", "pferdegesicht"),
        ("🚀", "fr", "fusée"),
        ("🚀", "zh", "火箭"),
        ("👞", "en", "man's shoe"),
        ("🇯🇵", "en", "flag of Japan"),
        ("🗾", "en", "map of Japan"),
        ("❤", "en", "red heart"),  # as it is often typed
    ],
)
def test_names_are_words(character, language, expected):
    assert name(character, language) == expected


def test_names_are_clean_and_almost_all_are_there():
    everything = catalogue()
    assert len(everything) > 1800
    for language in LANGUAGES:  # the newest emoji may wait for theirs
        assert sum(language in emoji.names for emoji in everything) > 0.95 * len(everything), language
    for emoji in everything:
        assert "en" in emoji.names
        for wording in (*emoji.names.values(), *emoji.aliases):
            assert wording
            assert wording == " ".join(wording.split())
            assert not set(":_’") & set(wording), wording


def test_the_languages_are_those_of_the_package():
    assert set(LANGUAGES) <= set(package.LANGUAGES)


def test_the_names_are_those_of_the_package():
    package.config.load_language("ja")
    for emoji in (emoji for emoji in catalogue() if "ja" in emoji.names):
        assert f":{emoji.names['ja'].replace(' ', '_')}:" == package.EMOJI_DATA[emoji.character]["ja"]


def test_no_skin_tone_is_among_them_and_the_order_is_that_of_code_points():
    characters = [emoji.character for emoji in catalogue()]
    assert characters == sorted(set(characters))
    assert not [c for c in characters for point in c if "EMOJI MODIFIER" in unicodedata.name(point, "")]
    assert {"🇯🇵", "👩‍🚀", "1️⃣"} <= set(characters)


def test_aliases_are_other_english_words():
    aliases = {emoji.character: emoji.aliases for emoji in catalogue()}
    assert "heart" in aliases["❤️"]
    assert "coffee" in aliases["☕"]
    assert not {"thumbsup", "+1"} & set(aliases["👍"])  # the name again, and no word
    assert "Japan" in aliases["🇯🇵"]
    for emoji in catalogue():
        for alias in emoji.aliases:
            assert alias.lower() != emoji.names["en"].lower()
            assert not any(letter.isdigit() for letter in alias)


def test_groups_hold_what_belongs_together():
    groups = {emoji.character: emoji.group for emoji in catalogue()}
    for group, characters in {
        "face": "😀🥰🤒🫠",
        "nature": "🐱🦊🐟🌷🌵🍄🦄🐜",
        "food": "🍎🍣🍔☕🎂🥦🫐🧀",
        "place": "🏠🏰🗻🏟⛪🗼🎪",
        "flag": "🏁🚩🎌",
    }.items():
        wrong = {c: groups.get(c, groups.get(c + "\ufe0f")) for c in characters}
        assert set(wrong.values()) == {group}, wrong
    assert groups["🇯🇵"] == groups["🏴󠁧󠁢󠁥󠁮󠁧󠁿"] == "flag"
    assert [groups[c] for c in ("🚀", "👍", "❤️", "⌚", "🔪")] == 5 * [None]


def test_names_for_what_has_none_are_a_sentence():
    with pytest.raises(ValueError, match=r"names in en, ja, ar, .*, zh; got 'la'"):
        name("❤️", "la")
    for character in ("x", "", "👍🏽", "❤️❤️"):
        with pytest.raises(ValueError, match="one emoji without a skin tone; got"):
            name(character)
    with pytest.raises(ValueError, match=r"🦕 has no name in 'ja' yet, only in en; pip install --upgrade emoji"):
        name(Emoji("🦕", {"en": "sauropod"}), "ja")


def test_without_the_package_the_command_is_named(monkeypatch):
    from t2ilab.data import emoji

    emoji._catalogue.cache_clear()
    monkeypatch.setitem(sys.modules, "emoji", None)
    with pytest.raises(ImportError, match="pip install emoji"):
        catalogue()


def test_importing_it_loads_nothing():
    program = "import sys, t2ilab.data.emoji; print(sorted({'torch', 'numpy', 'PIL', 'emoji'} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (answer.stdout, answer.stderr) == ("[]\n", "")


# The pictures of a font that is made here


def test_each_picture_comes_once_under_its_shortest_name(font):
    # The honeybee looks like the red square. Norway's flag would be two glyphs, and all others are lacking.
    assert [emoji.character for emoji in emojis(font)] == ["🐝", "😀", "🟦", "🟩"]
    assert len(name("🐝")) < len(name("🟥"))


def test_a_square_is_drawn_where_and_how_it_is(font):
    pictures = draw(list(SQUARES), size=64, font=font)
    assert pictures.shape == (3, 3, 64, 64)
    assert pictures.dtype == torch.float32
    for picture, color in zip(pictures, SQUARES.values(), strict=True):
        expected = torch.tensor(color)[:, None, None] / 127.5 - 1
        assert (picture[:, 12:-12, 12:-12] - expected).abs().max() < 0.01
        ink = (picture < 0.99).any(0).nonzero()
        assert (ink.amin(0) + ink.amax(0) - 63).abs().max() <= 1  # centred
    smile = draw(["😀"], 64, font)[0]
    halves = smile[:, 32, 20], smile[:, 32, 44]
    assert [tuple(half.round().int().tolist()) for half in halves] == [(-1, 1, -1), (1, -1, -1)]


def test_the_background_shows_through_what_is_transparent(font, system_font):
    background = (-0.5, 0.25, 1.0)
    picture = draw(["🍌"], 48, system_font, background)[0]
    for corner in (picture[:, 0, 0], picture[:, 0, -1], picture[:, -1, 0]):
        assert (corner - torch.tensor(background)).abs().max() < 0.01
    white, black = draw(["🍌"], 48, system_font), draw(["🍌"], 48, system_font, (-1, -1, -1))
    opaque = (white - black).abs().amax(dim=1)[0] < 0.05
    assert 0.2 < opaque.float().mean() < 0.8
    assert (white - draw(["🍌"], 48, system_font, background))[0][:, opaque].abs().max() < 0.1


def test_characters_and_emoji_draw_alike(font):
    chosen = emojis(font)
    assert torch.equal(draw(chosen, 16, font), draw([emoji.character for emoji in chosen], 16, font))


def test_items_say_what_is_to_be_seen(font):
    chosen = emojis(font)
    made = list(items(size=16, languages=("en", "ja"), font=font))
    assert [item["caption"] for item in made[:4]] == ["honeybee", "ミツバチ", "grinning face", "にっこり笑う"]
    assert [item["language"] for item in made] == ["en", "ja"] * len(chosen)
    for i, item in enumerate(made):
        assert item["emoji"] == chosen[i // 2]
        assert item["caption"] == name(item["emoji"], item["language"])
        assert torch.equal(item["image"], draw([item["emoji"]], 16, font)[0])
    some = list(items(chosen[:1], 16, ["fr"], font))
    assert [item["caption"] for item in some] == ["abeille"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"size": 7}, "at least 8 pixels a side to be told from others; got 7"),
        ({"background": (0, 0)}, r"red, green and blue in \[-1, 1\]; got \(0, 0\)"),
        ({"background": (255, 255, 255)}, r"red, green and blue in \[-1, 1\]; got \(255, 255, 255\)"),
        ({"chosen": []}, "at least one picture; got none"),
        ({"chosen": ["🦕"]}, "Squares.ttf does not draw '🦕' as one picture"),
        ({"chosen": ["🇳🇴"]}, "Squares.ttf does not draw '🇳🇴' as one picture"),
        ({"chosen": ["🟥🟥"]}, "does not draw"),
        ({"chosen": [""]}, "does not draw"),
    ],
)
def test_wrong_values_are_one_sentence(values, words, font):
    with pytest.raises(ValueError, match=words):
        draw(**({"chosen": ["🟥"], "font": font} | values))


def test_items_refuse_an_unknown_language_before_the_first(font):
    with pytest.raises(ValueError, match="got 'xx'"):
        items(font=font, languages=("en", "xx"))


def test_a_file_that_is_no_font_is_said(tmp_path):
    (tmp_path / "a.ttf").write_bytes(b"no font at all")
    with pytest.raises(ValueError, match=r"a\.ttf is no font that can be read .*Leave it out"):
        emojis(tmp_path / "a.ttf")
    with pytest.raises(FileNotFoundError, match="There is no font at"):
        draw(["🟥"], font=tmp_path / "b.ttf")


def test_a_font_without_colour_is_said():
    from matplotlib import font_manager

    with pytest.raises(ValueError, match="draws no emoji in colour"):
        emojis(font_manager.findfont("DejaVu Sans"))


# Where the font is


def test_the_setting_names_the_font(font, monkeypatch):
    monkeypatch.setenv("T2ILAB_EMOJI_FONT", str(font))
    assert find_font() == font
    assert len(emojis()) == 4
    monkeypatch.setenv("T2ILAB_EMOJI_FONT", str(font) + "x")
    with pytest.raises(FileNotFoundError, match=r"T2ILAB_EMOJI_FONT must name a font file; there is none at '.*ttfx'"):
        find_font()


@pytest.mark.parametrize("file", ["NotoColorEmoji.ttf", "Apple Color Emoji.ttc", "seguiemj.ttf"])
def test_fonts_are_found_in_the_folders_of_each_system(file, tmp_path, monkeypatch):
    monkeypatch.delenv("T2ILAB_EMOJI_FONT", raising=False)
    monkeypatch.setattr("t2ilab.data.emoji._font_folders", lambda: [tmp_path])
    (tmp_path / "truetype").mkdir()
    (tmp_path / "truetype" / file).write_bytes(b"")
    assert find_font() == tmp_path / "truetype" / file


@pytest.mark.parametrize(("system", "fix"), [("linux", "sudo apt-get install fonts-noto"), ("win32", "NotoColorEmoji")])
def test_without_a_font_the_command_is_named(system, fix, monkeypatch):
    monkeypatch.delenv("T2ILAB_EMOJI_FONT", raising=False)
    monkeypatch.setattr("t2ilab.data.emoji._font_folders", list)
    monkeypatch.setattr(sys, "platform", system)
    for ask in (find_font, emojis, lambda: draw(["🟥"]), lambda: next(items())):
        with pytest.raises(FileNotFoundError, match=f"colour emoji font, and this machine has none: .*{fix}"):
            ask()


# The pictures of the system's font


def test_the_system_font_draws_more_than_a_thousand_and_all_differ(system_font):
    chosen = emojis(system_font)
    pictures = draw(chosen, 32, system_font)
    assert len(chosen) > 1000
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(chosen)
    assert ((pictures.flatten(1).amax(1) - pictures.flatten(1).amin(1)) > 0.2).all()  # none is blank
    assert -1 <= pictures.min() < pictures.max() <= 1
    assert [emoji.character for emoji in chosen] == sorted(emoji.character for emoji in chosen)


def test_of_people_one_form_is_kept_unless_all_are_asked_for(system_font):
    few, all_of_them = emojis(system_font), emojis(system_font, genders=True)
    assert set(few) < set(all_of_them)
    gone = {emoji.character for emoji in all_of_them} - {emoji.character for emoji in few}
    assert {"🏃‍♀️", "🏃‍♂️"} <= gone
    assert not {"🏃", "👨", "👩", "👸", "🤴", "👦"} & gone


def test_flags_that_look_alike_come_once(system_font):
    flags = {emoji.names["en"] for emoji in emojis(system_font) if emoji.group == "flag"}
    if "flag of Norway" not in flags:
        pytest.skip(f"{system_font} draws no flags")
    assert {"flag of France", "flag of Spain", "flag of Japan"} <= flags
    assert not {"flag of Bouvet Island", "flag of Clipperton Island", "flag of Ceuta & Melilla"} & flags


def test_noto_is_drawn_as_pillow_draws_it(system_font):
    if system_font.name != "NotoColorEmoji.ttf":
        pytest.skip(f"the font is {system_font.name}")
    face = ImageFont.truetype(str(system_font), 109)
    canvas = Image.new("RGB", (136, 136), "white")
    ImageDraw.Draw(canvas).text((0, 4), "🍎", font=face, embedded_color=True)
    ours = draw(["🍎"], 136, system_font)
    theirs = from_pil(canvas)
    # Only where it lies may differ, by the ink's own centre.
    shifts = [(dy, dx) for dy in range(-8, 9) for dx in range(-8, 9)]
    assert min((torch.roll(theirs, shift, (2, 3)) - ours).abs().max() for shift in shifts) < 0.02


def test_small_pictures_are_antialiased(system_font):
    # A good downscale keeps the mean of the picture; picking pixels would not.
    large, small = draw(["🦓", "🏁", "📊"], 128, system_font), draw(["🦓", "🏁", "📊"], 16, system_font)
    assert (large.mean((2, 3)) - small.mean((2, 3))).abs().max() < 0.02
    picked = large[:, :, ::8, ::8]
    reference = torch.nn.functional.avg_pool2d(large, 8)
    assert (small - reference).pow(2).mean() < 0.5 * (picked - reference).pow(2).mean()


def test_what_is_drawn_can_be_told_apart(system_font):
    pictures = draw(["🍎", "🍏", "🍊", "🚗"], 32, system_font).flatten(1)
    distances = torch.cdist(pictures, pictures) / np.sqrt(pictures.shape[1])
    assert (distances + torch.eye(4)).min() > 0.1
