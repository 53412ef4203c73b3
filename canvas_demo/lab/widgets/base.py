"""What every widget is made of: the built view, a text for where it can't be shown, the shared selection."""

import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import anywidget
import ipywidgets
import traitlets

from canvas_demo.lab.checks import collecting

EVERY = 0.5


def static(name: str) -> str:
    """A file that the front-end's build has made."""
    return files("canvas_demo.lab").joinpath("static", name).read_text()


class View(anywidget.AnyWidget):
    """A view that the front-end's build has made."""

    view = ""
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    @traitlets.default("_esm")
    def _read_view(self) -> str:
        return static(f"{self.view}.js")

    @traitlets.default("_css")
    def _read_style(self) -> str:
        return static("widgets.css")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The text is said in full where the view can't be shown."""
        bundle: Any = super()._repr_mimebundle_(**options)
        data, metadata = bundle
        return {**data, "text/plain": repr(self)}, metadata


class Selection(anywidget.AnyWidget):
    """The event that is selected in all views of a lab; nothing to look at."""

    _esm = traitlets.Unicode().tag(sync=True)
    event_id = traitlets.Unicode().tag(sync=True)

    @traitlets.default("_esm")
    def _read_view(self) -> str:
        return static("selection.js")

    def __repr__(self) -> str:
        return f"Selection: {self.event_id or 'nothing'}"


class SelectingView(View):
    """A view in which an event can be selected."""

    selection = traitlets.Instance(Selection, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)


class Watching:
    """Looks again and again on a thread of its own, until `close`.

    What fails is shown by the widget at once, and raised by `assert_no_background_errors`.
    """

    def __init__(self, widget: View, look: Callable[[], None], every: float = EVERY) -> None:
        self._widget, self._look, self._every = widget, look, every
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"view {widget.view}", daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether it looks no more."""
        return self._ending.is_set()

    def close(self) -> None:
        """Look no more; what is shown stays."""
        self._ending.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self) -> None:
        while not self._ending.wait(self._every):
            self.look()

    def look(self) -> None:
        """Look now."""
        try:
            self._look()
        except Away as away:
            self._widget.problem = str(away)
        except Exception as error:
            self._widget.problem = f"Can't look: {error}"
            with collecting(f"view {self._widget.view}"):
                raise
        else:
            if self._widget.problem:
                self._widget.problem = ""


class Away(Exception):
    """What is looked at can't be seen now, because it is broken on purpose, or starting: no mistake of the lab's."""
