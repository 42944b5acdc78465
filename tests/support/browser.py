"""Chromium without a window, spoken to in its own protocol over a pair of pipes (``--remote-debugging-pipe``): no driver, no port."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_kind.waiting import Deadline, NotYet, wait_for

_SECONDS = 60.0
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
HELP = "on Debian: apt-get install --no-install-recommends chromium"


class Browser:
    """One process of it.

    Attributes:
        told: the events that it sent, in order: method and parameters.
    """

    def __init__(self, process: subprocess.Popen[bytes], write: int, read: int) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._process, self._write, self._read = process, write, read
        self._number, self._rest = 0, b""

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Asks for something and waits for the answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = Deadline(_SECONDS)
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.told.append((answer.get("method", ""), answer.get("params", {})))

    def _next(self, deadline: Deadline) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], deadline.left)
            piece = os.read(self._read, 1 << 20) if ready else b""
            assert piece, f"the browser says nothing more (exit code {self._process.poll()})"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(line))


class Page:
    """A page that is shown."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """See ``Browser.call``."""
        return self._browser.call(method, self._session, **parameters)

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def show(self, width: int, height: int = 900, *, dark: bool = False, **media: str) -> None:
        """The window's size, and what the reader prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features += [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.call("Emulation.setEmulatedMedia", media="", features=features)

    def open(self, url: str) -> None:
        """Goes there, and waits until it is loaded."""
        self.call("Page.navigate", url=url)
        wait_for("the page is loaded", lambda: self.run("document.readyState") == "complete" or NotYet("it loads"), Deadline(_SECONDS))

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key: ``Tab``, ``Enter``, ``/``."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"Enter": "\r", "Tab": ""}.get(key, key)
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0])), "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """What is seen, as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[tuple[Browser, Page]]:
    """A browser with one page, whose console, errors and requests it is told of.

    Args:
        folder: an empty one of its own.
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    assert program is not None, f"none of {', '.join(_NAMES)} is installed; {HELP}"
    to_browser, from_browser = os.pipe(), os.pipe()
    command = [program, "--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # it refuses to run as root with one
    # Its pipes are file descriptors 3 and 4, which only a shell can promise.
    shell = ["bash", "-c", f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}', "bash", *command]
    process = subprocess.Popen(shell, pass_fds=(to_browser[0], from_browser[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(to_browser[0])
    os.close(from_browser[1])
    try:
        browser = Browser(process, to_browser[1], from_browser[0])
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(browser, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        yield browser, page
        browser.call("Browser.close")
    finally:
        process.kill()
        process.wait()
        os.close(to_browser[1])
        os.close(from_browser[0])
