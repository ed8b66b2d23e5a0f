# SPDX-License-Identifier: GPL-3.0-or-later
"""Which model and which body: the part of the preferences that says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...bridge import releases
from ...errors import UserError
from ...protocol.licenses import BODIES
from .. import places
from ..jobs.runtime import RUNTIME
from .file_work import BODY, MODEL

if TYPE_CHECKING:
    from .preferences import NLF_Preferences

MODEL_ITEMS = (
    ("DEFAULT", "Default (free for commercial use)", "The model that ships with the extension"),
    *((release.key, release.name, release.about) for release in releases.MODELS),
    ("FILE", "File", "A model file of yours: an official one, or one converted from it"),
)
BODY_ITEMS = (
    ("OPEN", "Open Body (CC0)", "The body that ships with the extension"),
    ("FILE", "File", "A body file of yours: SMPL, SMPL-H or SMPL-X"),
    ("FOLDER", "Folder", "A folder with body files, in any of the usual layouts"),
)
UNKNOWN_LICENSE = "Not known until examined; most likely non-commercial research only"
PROGRAM_SUFFIXES = (".torchscript", ".jit")
OPEN_BODY_LICENSE = "CC0: free for any use, ships with the extension"


class NLF_TrustedFile(bpy.types.PropertyGroup):
    """A program in a model file that the user agreed to run. `name` is the file's."""

    sha256: bpy.props.StringProperty()


def _changed(self: NLF_Preferences, context: bpy.types.Context) -> None:
    RUNTIME.preferences_changed()


def _data_named(self: NLF_Preferences, context: bpy.types.Context) -> None:
    RUNTIME.files.forget(MODEL)  # what it lacks depends on this folder
    RUNTIME.preferences_changed()


def _model_named(self: NLF_Preferences, context: bpy.types.Context) -> None:
    self.model_choice = "FILE" if self.model else "DEFAULT"


def _body_named(self: NLF_Preferences, context: bpy.types.Context) -> None:
    self.body_choice = "FILE" if self.body else "OPEN"


def _folder_named(self: NLF_Preferences, context: bpy.types.Context) -> None:
    bodies = RUNTIME.files.bodies
    bodies.forget()
    self.body_found = bodies.first(places.absolute(self.body_folder)) if self.body_folder else ""


class FileChoice:
    """Properties of the preferences for models and bodies, and what follows from them."""

    model_choice: bpy.props.EnumProperty(
        name="Model",
        description="What localizes people",
        items=MODEL_ITEMS,
        update=_changed,
    )
    model: bpy.props.StringProperty(
        name="Model File",
        description="An NLF checkpoint: .safetensors, .pt or .torchscript",
        subtype="FILE_PATH",
        update=_model_named,
    )
    model_data: bpy.props.StringProperty(
        name="Model Data",
        description="A folder with what official weights alone (.pt) lack, such as "
        "canonical_nodes3.npy. Empty: the folder of the model",
        subtype="DIR_PATH",
        update=_data_named,
    )
    trusted: bpy.props.CollectionProperty(type=NLF_TrustedFile)
    body_choice: bpy.props.EnumProperty(
        name="Body",
        description="What is fitted to people and becomes their mesh",
        items=BODY_ITEMS,
        update=_changed,
    )
    body: bpy.props.StringProperty(
        name="Body File",
        description="An SMPL-family body file: .npz or .pkl",
        subtype="FILE_PATH",
        update=_body_named,
    )
    body_folder: bpy.props.StringProperty(
        name="Body Folder",
        description="Searched for SMPL, SMPL-H and SMPL-X files",
        subtype="DIR_PATH",
        update=_folder_named,
    )
    body_found: bpy.props.StringProperty(
        name="Found",
        description="The body file that was chosen from the folder",
        update=_changed,
    )

    def release(self) -> releases.Release | None:
        """The official release that is chosen, or None."""
        return releases.BY_KEY.get(self.model_choice)

    def model_file(self) -> Path | None:
        """The chosen model's file; None for the default one, and while none is there."""
        release = self.release()
        path = places.absolute(self.model) if self.model_choice == "FILE" and self.model else None
        if release is not None:
            path = places.models_folder() / release.file
        return path if path is not None and path.is_file() else None

    def model_name(self) -> str:
        """The model as settings name it. UserError if the file is not there."""
        if self.model_choice == "DEFAULT":
            return "default"
        release = self.release()
        if release is not None and self.model_file() is None:
            raise UserError(
                "The model is not here yet",
                f"{release.name} is chosen, but was not downloaded.",
                "Download it in the preferences, or choose another model there.",
            )
        return str(self.model_file() or _file_named(self.model, "model"))

    def model_data_name(self) -> str:
        """The folder with what the model may lack, or "". UserError if there is no such folder."""
        if self.model_choice == "DEFAULT" or not self.model_data:
            return ""
        folder = places.absolute(self.model_data)
        if not folder.is_dir():
            raise UserError(
                "No such folder",
                f"The model data folder {folder} is not there.",
                "Correct Model Data in the preferences, or empty it.",
            )
        return str(folder)

    def may_be_program(self) -> bool:
        """Whether opening the chosen model runs code: as examined, else by its name."""
        file = self.model_file()
        report = RUNTIME.files.report(MODEL, file)
        if report is not None:
            return report.needs_consent
        return file is not None and file.suffix.lower() in PROGRAM_SUFFIXES

    def trusted_hashes(self) -> tuple[str, ...]:
        """SHA-256 of the programs that the user agreed to run."""
        return tuple(item.sha256 for item in self.trusted)

    def body_file(self) -> Path | None:
        """The chosen body's file; None for the open body, and while none is there."""
        text = {"FILE": self.body, "FOLDER": self.body_found}.get(self.body_choice, "")
        path = places.absolute(text) if text else None
        return path if path is not None and path.is_file() else None

    def body_name(self) -> str:
        """The body as settings name it. UserError if the file is not there."""
        if self.body_choice == "OPEN":
            return "open"
        if self.body_choice == "FOLDER" and self.body_file() is None:
            raise UserError(
                "No body chosen",
                f"No body file is chosen from the folder {self.body_folder or '(none)'}.",
                "Choose a folder with SMPL, SMPL-H or SMPL-X files in the preferences, and a body.",
            )
        return str(self.body_file() or _file_named(self.body, "body"))

    def body_folders(self) -> tuple[str, ...]:
        """The folders with files of bodies, the body folder first."""
        named = [places.absolute(text) for text in (self.body_folder, self.model_data) if text]
        return tuple(str(folder) for folder in named if folder.is_dir())

    def model_license(self) -> str:
        """The chosen model's licence in words."""
        release = self.release()
        report = RUNTIME.files.report(MODEL, self.model_file())
        if self.model_choice == "DEFAULT":
            return releases.LICENSE_FREE
        if release is not None:
            return release.license
        return report.license if report else f"{UNKNOWN_LICENSE} (official NLF files)"

    def body_license(self) -> str:
        """The chosen body's licence in words."""
        if self.body_choice == "OPEN":
            return OPEN_BODY_LICENSE
        report = RUNTIME.files.report(BODY, self.body_file())
        if report:
            return report.license
        if self.body_choice == "FOLDER" and self.body_folder:
            folder = places.absolute(self.body_folder)
            found = RUNTIME.files.bodies.file(folder, self.body_found)
            if found is not None:
                return BODIES[found.kind]
        return f"{UNKNOWN_LICENSE} (SMPL-family files)"


def _file_named(path: str, what: str) -> Path:
    """The file that a preference names. UserError if there is none."""
    file = places.absolute(path) if path else None
    if file is None or not file.is_file():
        raise UserError(
            f"No such {what}",
            f"{file} is not a file." if file else f"No {what} file is named.",
            f"Choose the {what} again in the preferences.",
        )
    return file
