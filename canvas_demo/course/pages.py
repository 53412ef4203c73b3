"""The course as HTML: a page a notebook and an index, each whole in one file; they open without kernel and network."""

import html
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters.markdown import markdown2html
from pygments.formatters import HtmlFormatter

from canvas_demo.course.contents import readme
from canvas_demo.course.notebooks import Notebook, NotebookError

WIDGETS = "application/vnd.jupyter.widget-state+json"
JQUERY = re.compile(r"<script type=\"text/javascript\">\s*var element = \$\([^<]*</script>")
"""What nbconvert puts before a widget for pages that load jQuery."""
LINK = re.compile(r'href="((?:\d\d-[\w-]+)|README)\.(?:ipynb|md)(#[^"]*)?"')


def write_pages(notebooks: Sequence[Notebook], executed: Path, target: Path) -> Path:
    """Make the pages from the notebooks as they lie executed in a folder; the index. Raises `NotebookError`."""
    target.mkdir(parents=True, exist_ok=True)
    for notebook in notebooks:
        path = executed / notebook.path.name
        if not path.exists():
            raise NotebookError(f"{notebook.name} has not been executed: there is no {path}.")
        (target / f"{notebook.name}.html").write_text(page_of(notebook, path, notebooks))
    index = target / "index.html"
    body = markdown2html(readme(notebooks))
    index.write_text(_page("The course", _linked(body), notebooks, None, with_script=False))
    return index


def page_of(notebook: Notebook, executed: Path, notebooks: Sequence[Notebook]) -> str:
    """The page of one notebook. Raises `NotebookError` for a widget that could not be shown without a kernel."""
    content = nbformat.read(executed, as_version=4)
    _check_widgets(notebook, content)
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(content)
    return _page(notebook.title, _linked(JQUERY.sub("", body)), notebooks, notebook, with_script=True)


def _page(title: str, body: str, notebooks: Sequence[Notebook], current: Notebook | None, *, with_script: bool) -> str:
    static = files(__package__).joinpath("static")
    dark = HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(".highlight")
    light = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    style = f"{static.joinpath('course.css').read_text()}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
    return Template(static.joinpath("page.html").read_text()).substitute(
        title=html.escape(title),
        style=style,
        contents="\n".join(_entry(each, each == current) for each in notebooks),
        body=body,
        script=static.joinpath("course.js").read_text().replace("</script", "<\\/script") if with_script else "",
    )


def _entry(notebook: Notebook, is_current: bool) -> str:  # noqa: FBT001
    """A line of the table of contents; the current lesson's sections under it."""
    here = ' aria-current="page"' if is_current else ""
    title = f"{notebook.number} {html.escape(notebook.title)}"
    link = f'<a href="{notebook.name}.html"{here}>{title}</a>'
    if not is_current:
        return f"<li>{link}</li>"
    sections = "".join(f'<li><a href="#{_anchor(each)}">{html.escape(each)}</a></li>' for each in notebook.sections)
    return f"<li>{link}<ol>{sections}</ol></li>"


def _anchor(heading: str) -> str:
    """The id that nbconvert gives to a heading."""
    return html.escape(re.sub(r"<[^>]*>|[*`]", "", heading).replace(" ", "-"))


def _linked(body: str) -> str:
    """Links between notebooks, as links between pages."""
    return LINK.sub(lambda match: f'href="{match[1].replace("README", "index")}.html{match[2] or ""}"', body)


def _check_widgets(notebook: Notebook, content: nbformat.NotebookNode) -> None:
    states = content.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    views = [
        output.data["application/vnd.jupyter.widget-view+json"]["model_id"]
        for cell in content.cells
        for output in cell.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    for model in views:
        if "_esm" not in states.get(model, {"state": {}})["state"]:
            raise NotebookError(f"{notebook.name} shows a widget that is no anywidget, or whose state was not saved.")
