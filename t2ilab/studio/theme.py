"""The studio's colours: paper and ink by day, their counterparts by night; all text at least 4.5 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

DAY = {
    "paper": "#f6f3ec",
    "card": "#fffdf8",
    "field": "#ffffff",
    "ink": "#25231e",
    "muted": "#5c574c",
    "line": "#ddd5c5",
    "edge": "#857e6f",
    "accent": "#27595c",
    "accent_hover": "#1c4446",
    "on_accent": "#ffffff",
    "soft": "#e9f0ee",
}
NIGHT = {
    "paper": "#15181b",
    "card": "#1d2125",
    "field": "#15181b",
    "ink": "#eeebe3",
    "muted": "#b3ada0",
    "line": "#3a4046",
    "edge": "#8b8a83",
    "accent": "#8fd0c4",
    "accent_hover": "#a9ded4",
    "on_accent": "#0e1f1d",
    "soft": "#243330",
}
# gradio's name of a colour -> ours
NAMES = {
    "body_background_fill": "paper",
    "background_fill_primary": "card",
    "background_fill_secondary": "paper",
    "body_text_color": "ink",
    "body_text_color_subdued": "muted",
    "block_background_fill": "card",
    "block_border_color": "line",
    "block_label_background_fill": "card",
    "block_label_text_color": "muted",
    "block_title_text_color": "ink",
    "block_info_text_color": "muted",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "color_accent_soft": "soft",
    "input_background_fill": "field",
    "input_background_fill_focus": "field",
    "input_border_color": "edge",
    "input_border_color_focus": "accent",
    "input_placeholder_color": "muted",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent_hover",
    "button_primary_text_color": "on_accent",
    "button_primary_border_color": "accent",
    "button_secondary_background_fill": "card",
    "button_secondary_background_fill_hover": "soft",
    "button_secondary_text_color": "ink",
    "button_secondary_border_color": "edge",
    "button_cancel_background_fill": "card",
    "button_cancel_background_fill_hover": "soft",
    "button_cancel_text_color": "ink",
    "button_cancel_border_color": "edge",
    "checkbox_background_color": "field",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "muted",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "card",
    "checkbox_label_background_fill_hover": "soft",
    "checkbox_label_background_fill_selected": "soft",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "checkbox_label_border_color": "line",
    "checkbox_label_border_color_selected": "accent",
    "slider_color": "accent",
    "panel_background_fill": "card",
}  # fmt: skip


def theme() -> gr.themes.Base:
    """gradio's plainest theme in these colours, with the fonts that a machine has: none is fetched."""
    import gradio as gr

    plain = gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        radius_size="lg",
        font=["sans-serif"],
        font_mono=["monospace"],
    )
    colours = {name: DAY[ours] for name, ours in NAMES.items()}
    colours |= {f"{name}_dark": NIGHT[ours] for name, ours in NAMES.items()}
    return plain.set(
        **colours,
        block_shadow="none",
        input_border_width="1px",
        button_border_width="1px",
        block_label_shadow="none",
        button_primary_shadow="none",
    )
