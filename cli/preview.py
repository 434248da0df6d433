"""`signalroom preview`: every report as it would look, on one local page."""

from __future__ import annotations

from pathlib import Path

import click

from cli.console import no_such
from signalroom.plural import counted

MOST = 5  # most failures to list


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the page; default: preview in the folder of local state.",
)
@click.option("--report", "names", multiple=True, help="Only this report; repeatable.")
@click.option("--serve", "is_served", is_flag=True, help="Serve it here; it reloads on each save.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8090,
    show_default=True,
    help="With --serve: the port; 0 takes a free one.",
)
@click.option("--open", "is_opened", is_flag=True, help="Open it in the browser.")
def preview(
    out: Path | None, names: tuple[str, ...], is_served: bool, port: int, is_opened: bool
) -> None:
    """Show every report in every channel and scenario, on recorded marts; nothing is sent.

    \b
      signalroom preview --open
      signalroom preview --serve --report daily_ccw
    """
    from reports import registry
    from signalroom.errors import ReportError
    from signalroom.paths import home

    for name in names:
        if name not in registry.reports():
            raise no_such("report", name, registry.reports())
    reports = [registry.find(name) for name in names or registry.reports()]
    folder = (out or home() / "preview").resolve()
    views = "every report" if len(reports) > 1 else reports[0].name
    click.echo(f"Drawing {views} in every scenario ...", err=True)
    if is_served:
        _serve(folder, [report.name for report in reports], port, is_opened)
        return
    from reports.preview.gallery import gallery
    from reports.preview.page import write_page

    cells = gallery(reports)
    page = write_page(cells, folder)
    click.echo(str(page))
    failed = [
        f"{cell.report.name}, {cell.scenario.name}, {channel}: {one.place}: {one.text}"
        for cell in cells
        for channel, one in cell.failures.items()
    ]
    if is_opened:
        click.launch(page.as_uri())
    if failed:
        said = f"{counted(len(cells), 'view')}, {counted(len(failed), 'message')} failed"
        raise ReportError("; ".join([said, *dict.fromkeys(failed[:MOST])]))


def _serve(folder: Path, names: list[str], port: int, is_opened: bool) -> None:
    """Serve until Ctrl-C, which ends it silently."""
    import tempfile
    import threading

    from reports.preview import serve
    from signalroom.errors import ReportError

    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="signalroom-") as scratch:
        gallery = serve.Gallery(folder, Path(scratch), names)
        try:
            server = serve.Server(gallery, port)
        except OSError as error:
            raise ReportError(
                f"Port {port} cannot be used: {error.strerror}. Choose another with --port."
            ) from error
        with server:
            try:
                seen = serve.stamps()
                gallery.make()
                click.echo(f"{server.address} (Ctrl-C ends it)")
                threading.Thread(
                    target=serve.watch, args=(gallery, seen, stop), name="watch", daemon=True
                ).start()
                if is_opened:
                    click.launch(server.address)
                server.serve_forever(poll_interval=0.2)
            except KeyboardInterrupt:
                pass
            finally:
                stop.set()
