"""A headless Chromium, spoken to over the DevTools protocol through two pipes: no port, no library, no network.

It logs every request that a page makes and every word on its console. ``apt-get install chromium`` gets it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any, Final

import pytest

INSTALL: Final = "no Chromium here: apt-get install chromium"
WAIT_S: Final = 60.0
"""For one answer, on a busy machine."""

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)
# The protocol's pipes are the file descriptors 3 (to the browser) and 4 (from it).
_EXEC: Final = (
    "import fcntl, os, sys; ins, out = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]); "
    "os.dup2(ins, 3); os.dup2(out, 4); os.execv(sys.argv[3], sys.argv[3:])"
)

Json = dict[str, Any]


class BrowserError(RuntimeError):
    """The browser answered with an error, ended, or did not answer in time."""


def chromium() -> str:
    """Where it is. Without it a test fails in CI, and is skipped elsewhere."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(INSTALL, pytrace=False)
        pytest.skip(INSTALL)
    return found


@dataclass
class Browser:
    """One page of one browser. ``requests`` are the addresses it has asked for, ``console`` its complaints."""

    to: int
    from_: int
    rest: bytes = b""
    session: str | None = None
    number: int = 0
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._read()

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, as JSON has it."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of what the selector finds first."""
        at = self.run(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({block: 'center', behavior: 'instant'}); const box = found.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """A named key (``Enter``, ``ArrowRight``), or one letter."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        code = {"Enter": 13, "ArrowRight": 39, "Escape": 27, "Tab": 9}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            typed = text if kind == "keyDown" else ""
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=typed, windowsVirtualKeyCode=code)

    def look(self, width: int, height: int, *, scheme: str = "light", media: str = "") -> None:
        """The size of the window in CSS pixels, the colours that the system asks for, and the medium."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(b64decode(taken["data"]))

    def call(self, method: str, **params: object) -> Json:
        self.number += 1
        message: Json = {"id": self.number, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        data = memoryview(json.dumps(message).encode("ascii") + b"\0")
        while data:
            data = data[os.write(self.to, data) :]
        while True:
            answer = self._read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: Json = answer["result"]
                return result

    def _read(self) -> Json:
        """The next message; an event is noted as well."""
        while b"\0" not in self.rest:
            if not select([self.from_], [], [], WAIT_S)[0]:
                raise BrowserError(f"no answer from the browser within {WAIT_S} s")
            if not (got := os.read(self.from_, 1 << 16)):
                raise BrowserError("the browser has ended")
            self.rest += got
        line, _, self.rest = self.rest.partition(b"\0")
        message: Json = json.loads(line)
        if "method" in message:
            self._note(message["method"], message["params"])
            self.events.append(message)
        return message

    def _note(self, method: str, params: Json) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.console.append(json.dumps(params["args"]))
        elif method == "Log.entryAdded":
            self.console.append(f"{params['entry']['level']}: {params['entry']['text']}")


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile, with one page; ended with the block."""
    path = chromium()
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = [sys.executable, "-c", _EXEC, str(theirs_in), str(theirs_out), path, *_FLAGS]
    with (profile / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--user-data-dir={profile / 'profile'}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            browser = Browser(ours_out, ours_in)
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                browser.call(f"{domain}.enable")
            yield browser
        finally:
            os.close(ours_out)
            os.close(ours_in)
            try:
                process.wait(10)  # it ends when its pipes are closed
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
