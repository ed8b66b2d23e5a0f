# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws panels without a window, and refuses what Blender would not know."""

from __future__ import annotations

from types import SimpleNamespace

import bpy

ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class Layout:
    """Stands in for Blender's layout: remembers the texts, refuses what Blender would not know."""

    def __init__(self, seen: list[str] | None = None) -> None:
        self.seen = [] if seen is None else seen

    def _inner(self, **options: object) -> Layout:
        return Layout(self.seen)

    row = column = box = split = _inner

    def label(self, text: str = "", icon: str = "NONE", translate: bool = True) -> None:
        assert icon in ICONS
        self.seen.append(text)

    def prop(self, data: object, name: str, **options: object) -> None:
        assert name in data.bl_rna.properties
        assert options.get("icon", "NONE") in ICONS
        allowed = bpy.types.UILayout.bl_rna.functions["prop"].parameters.keys()
        assert set(options) <= set(allowed)
        self.seen.append(name)

    def operator(self, name: str, **options: object) -> SimpleNamespace:
        category, _, operator = name.partition(".")
        getattr(getattr(bpy.ops, category), operator).get_rna_type()
        assert options.get("icon", "NONE") in ICONS
        self.seen.append(name)
        return SimpleNamespace()

    def operator_menu_enum(self, name: str, prop: str, **options: object) -> None:
        category, _, operator = name.partition(".")
        assert prop in getattr(getattr(bpy.ops, category), operator).get_rna_type().properties
        assert options.get("icon", "NONE") in ICONS
        self.seen += [name, str(options["text"])]

    def prop_search(
        self, data: object, name: str, source: object, collection: str, **options: object
    ) -> None:
        assert name in data.bl_rna.properties
        assert collection in source.bl_rna.properties
        self.seen.append(name)

    def progress(self, factor: float, text: str) -> None:
        assert 0.0 <= factor <= 1.0
        self.seen.append(text)

    def template_list(self, kind: str, name: str, *rest: object, **options: object) -> None:
        assert hasattr(bpy.types, kind)
        self.seen.append(kind)

    def template_icon(self, icon_value: int, scale: float) -> None:
        assert icon_value > 0
        self.seen.append("icon")

    def menu(self, name: str, **options: object) -> None:
        assert hasattr(bpy.types, name)
        assert options.get("icon", "NONE") in ICONS
        self.seen.append(name)

    def separator(self) -> None:
        self.seen.append("---")


def context() -> SimpleNamespace:
    """What panels read of the context, with a sidebar's width."""
    real = bpy.context
    return SimpleNamespace(
        scene=real.scene,
        object=real.object,
        preferences=real.preferences,
        region=SimpleNamespace(width=280),
        view_layer=real.view_layer,
        mode=real.mode,
        window_manager=real.window_manager,
        selected_objects=real.selected_objects,
    )


def drawn(panel: type) -> str:
    """All that a panel shows now."""
    layout = Layout()
    panel.draw(SimpleNamespace(layout=layout), context())
    return "\n".join(layout.seen)
