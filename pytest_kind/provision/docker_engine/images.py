"""The engine's images."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import docker
import docker.errors
from docker.utils import exclude_paths, parse_repository_tag

from pytest_kind import errors
from pytest_kind.provision.docker_engine.calls import BROKEN, PATIENT_SECONDS, Calls, filters, ours, said
from pytest_kind.provision.provider import Image

_PIECE = 1 << 20  # bytes
_LINES = 30  # of a failed build


class Images(Calls):
    """See :class:`~pytest_kind.provision.provider.Provider`."""

    def image(self, reference: str) -> Image | None:
        try:
            with ours(f"looking for image {reference}"):
                found = self._api.inspect_image(reference)
        except errors.NotFound:
            return None
        config = found.get("Config") or {}
        return Image(
            id=found["Id"],
            tags=tuple(found.get("RepoTags") or ()),
            labels=config.get("Labels") or {},
            architecture=found.get("Architecture", ""),
            entrypoint=tuple(config.get("Entrypoint") or ()),
            layers=tuple((found.get("RootFS") or {}).get("Layers") or ()),
        )

    def images(self, labels: Mapping[str, str | None]) -> list[Image]:
        with ours("listing images"):
            found = self._api.images(filters=filters(labels))
        return [Image(id=one["Id"], tags=tuple(one.get("RepoTags") or ()), labels=one.get("Labels") or {}, architecture="") for one in found]

    def pull(self, reference: str, seconds: float) -> None:
        repository, tag = parse_repository_tag(reference)
        separate = docker.from_env(timeout=int(seconds), version=self._api.api_version).api
        try:
            for line in cast("Any", separate).pull(repository, tag=tag or "latest", stream=True, decode=True):
                if "error" in line:
                    raise errors.NotFound(f"pulling {reference}: {line['error']}")
        except docker.errors.APIError as error:
            raise errors.NotFound(f"pulling {reference}: {said(error)}") from error
        except BROKEN as error:
            raise errors.NotFound(f"pulling {reference}: {error}") from error
        finally:
            separate.close()

    def import_image(self, archive: IO[bytes], reference: str, labels: Mapping[str, str]) -> None:
        repository, tag = parse_repository_tag(reference)
        changes = [f'LABEL "{key}"="{value}"' for key, value in labels.items()]
        with ours(f"importing image {reference}"):
            # Its `import_image_from_stream` says chunked and sends the file plain, which the engine refuses.
            self._api.import_image_from_data(archive, repository=repository, tag=tag, changes=changes)

    def commit(
        self, container: str, reference: str, *, labels: Mapping[str, str], entrypoint: Sequence[str], environment: Mapping[str, str]
    ) -> Image:
        repository, tag = parse_repository_tag(reference)
        # The engine merges the container's labels into the image's, from where they would get onto whatever anybody makes
        # of it: who built it is nobody's business, and a label that says "ours" must not be inherited. They can't be
        # taken away, only emptied.
        with ours(f"inspecting {container[:12]}"):
            own = self._api.inspect_container(container)["Config"].get("Labels") or {}
        conf = {
            "Labels": {**dict.fromkeys(own, ""), **labels},
            "Entrypoint": list(entrypoint),
            "Cmd": None,
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "StopSignal": "SIGRTMIN+3",
            "Hostname": "",
        }
        with ours(f"committing image {reference}"), self._patiently():
            made = self._api.commit(container, repository=repository, tag=tag, conf=conf)
        image = self.image(made["Id"])
        if image is None:
            raise errors.EngineError(f"committing image {reference}: the engine has no {made['Id']}")
        return image

    @contextlib.contextmanager
    def save_images(self, references: Sequence[str]) -> Iterator[Iterable[bytes]]:
        doing = f"saving {', '.join(references)}"
        # docker-py's own call saves one image alone, and lets an engine that has gone silent hold it for ever.
        with ours(doing):
            url = self._api._url("/images/get")  # noqa: SLF001
            response = self._api._get(url, params={"names": list(references)}, stream=True, timeout=PATIENT_SECONDS)  # noqa: SLF001
        with contextlib.closing(response):
            with ours(doing):
                self._api._raise_for_status(response)  # noqa: SLF001

            def pieces() -> Iterator[bytes]:
                with ours(doing):
                    yield from response.iter_content(_PIECE)

            yield pieces()

    def context_files(self, folder: Path, dockerfile: str) -> Sequence[str]:
        ignore = folder / ".dockerignore"
        patterns = [line.strip() for line in ignore.read_text(encoding="utf-8").splitlines()] if ignore.is_file() else []
        patterns = [line for line in patterns if line and not line.startswith("#")]
        return sorted(exclude_paths(str(folder), patterns, dockerfile=dockerfile))

    def build(self, folder: Path, *, dockerfile: str, tag: str, labels: Mapping[str, str], arguments: Mapping[str, str]) -> None:
        said_last: deque[str] = deque(maxlen=_LINES)
        with ours(f"building {folder}"):
            lines = self._api.build(
                path=str(folder),
                dockerfile=dockerfile,
                tag=tag,
                labels=dict(labels),
                buildargs=dict(arguments),
                rm=True,
                forcerm=True,
                decode=True,
                timeout=PATIENT_SECONDS,
            )
            for line in lines:
                said_last.extend(str(line.get("stream", "")).splitlines())
                if "error" in line:
                    last = "\n".join(one for one in said_last if one.strip())
                    raise errors.ImageError(f"building {folder} failed: {line['error'].strip()}; the builder's last lines:\n{last}")

    def remove_image(self, reference: str) -> None:
        with contextlib.suppress(errors.NotFound), ours(f"removing image {reference}"):
            self._api.remove_image(reference, force=False)
