"""The page of the data sets: sizes, licences, counts and addresses come from the package and are never typed twice."""

from urllib.parse import urlsplit

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from pixelnet_edu.data.download.sources import SOURCES, Download, Source, readable_size


class DataSource(Directive):
    """The facts of one data set: ``{data-source} bsds500``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the facts as a list of terms and their descriptions."""
        name = self.arguments[0]
        if name not in SOURCES:
            raise self.error(f"data-source: found {name!r}, expected one of {', '.join(SOURCES)}")
        return [facts(SOURCES[name])]


def facts(source: Source) -> nodes.definition_list:
    """Describe a source: what it holds, what it takes, its licence, its files, what goes wrong."""
    splits = ", ".join(f"{split} {number:,}" for split, number in source.splits.items())
    size = f"{readable_size(source.size)} to download, {readable_size(source.unpacked)} on disk"
    terms = [
        ("Samples", text(splits)),
        ("Size", text(size)),
        ("Licence", text(source.licence)),
        ("What goes wrong", text(source.note)),
        ("Files", nodes.bullet_list("", *(nodes.list_item("", file_line(file)) for file in source.downloads))),
    ]
    shown = [(term, body) for term, body in terms if body.astext()]
    return nodes.definition_list("", *(entry(term, body) for term, body in shown), classes=["data-source"])


def text(content: str) -> nodes.paragraph:
    """Return a paragraph."""
    return nodes.paragraph("", content)


def entry(term: str, body: nodes.Node) -> nodes.definition_list_item:
    """Return a term with its description."""
    return nodes.definition_list_item("", nodes.term("", term), nodes.definition("", body))


def file_line(download: Download) -> nodes.paragraph:
    """Name a file, its size, its addresses and its checksum."""
    line = nodes.paragraph("", "", nodes.literal("", download.file))
    line += nodes.Text(f", {readable_size(download.size)}, from ")
    hosts = [urlsplit(address).netloc for address in download.addresses]
    for k, (host, address) in enumerate(zip(hosts, download.addresses, strict=True)):
        again = hosts[:k].count(host)
        name = f"{host} ({again + 1})" if again else host
        line += [nodes.Text(" or " if k else ""), nodes.reference("", name, refuri=address)]
    kind, _, digits = (download.checksum or "no checksum").partition(":")
    parts = [digits[k : k + 16] for k in range(0, len(digits), 16)]  # a phone breaks the line between them
    line += nodes.Text(f"; {kind} ")
    line += [nodes.raw("", f"<code>{'<wbr>'.join(parts)}</code>", format="html")] if digits else []
    return line


def setup(app: Sphinx) -> dict:
    """Register the extension with Sphinx."""
    app.add_directive("data-source", DataSource)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
