"""What sources that are a folder of Kubernetes' own files have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kind.image import go_modules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.workshop import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFolder:
    """See :class:`~pytest_kind.image.source.Source`."""

    folder: Path
    kubernetes: str
    digest: str

    def components(self, workshop: Workshop, inputs: Inputs) -> Mapping[str, str]:
        """From kubeadm's source."""
        del workshop, inputs
        return go_modules.kubeadm_constants(self.folder)

    def pause(self, workshop: Workshop, inputs: Inputs) -> Path:
        """A file of the folder."""
        del workshop, inputs
        return self.folder / go_modules.PAUSE
