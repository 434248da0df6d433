"""The scheduler's web server: /health and /ready for probes, /metrics, the page, the webhook.

Read only except for POST /trigger/JOB and the actions of signed-in users. A token is checked before
a body is read, and URLs contain no secrets.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ingest.registry import NAMES
from reports.pages import files as client_pages
from scheduler.schedule import Job
from scheduler.status.health import Pulse, complaint, is_ready
from scheduler.web import access, page
from scheduler.web.access import Access, Guesses, Pace
from scheduler.web.actions import DONE, Actions, UnknownActionError
from scheduler.web.connections import Listener, peer
from signalroom.errors import SignalRoomError
from signalroom.logs import mask

log = logging.getLogger(__name__)
BODY_LIMIT = 64 * 1024
BODY_S = 10.0
REFUSED_BODY_S, REFUSED_BODY_LIMIT = 0.5, 1024 * 1024
TRIGGER_EVERY_S = 60.0
PROBE_S = 8.0  # an unresponsive database means unhealthy, not a probe without a response
NOTHING: Mapping[str, str] = MappingProxyType({})
ASK = {"WWW-Authenticate": "Bearer"}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
PAGES = 4  # concurrent responses, each in a thread
Endpoint = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request answered with a status and one readable line; browsers get a page."""

    def __init__(
        self, status: int, line: str, headers: Mapping[str, str] = NOTHING, html: str = ""
    ) -> None:
        super().__init__(line)
        self.status, self.headers, self.html = status, headers, html


class WebServer(Listener):
    """The server.

    `trigger` starts a job by name and returns the run's id; `errand` runs a command as a child.
    """

    def __init__(
        self,
        address: tuple[str, int],
        pulse: Pulse,
        jobs: list[Job],
        trigger: Callable[[str], str],
        errand: Callable[[tuple[str, ...]], None] = lambda _: None,
    ) -> None:
        self.pulse, self.jobs, self.trigger = pulse, jobs, trigger
        self.actions = Actions(jobs, trigger, errand)
        self.access = Access(beyond_loopback=not access.is_loopback(address[0]))
        self.pace = Pace(TRIGGER_EVERY_S)
        self.guesses = Guesses()
        self._pages = anyio.CapacityLimiter(PAGES)
        self._probes = anyio.CapacityLimiter(PAGES)
        super().__init__(address, self._application())

    def _application(self) -> Starlette:
        routes = [
            ("/health", self._health, "GET"),
            ("/ready", self._ready, "GET"),
            ("/metrics", self._metrics, "GET"),
            ("/", self._overview, "GET"),
            ("/reports/{key:path}", self._mail, "GET"),
            ("/runs/{run_id}", self._run, "GET"),
            ("/steps/{step}", self._newest_failure, "GET"),
            ("/runbook", self._runbook, "GET"),
            ("/clients/{client}/", self._client, "GET"),
            ("/clients/{client}/index.html", self._client, "GET"),
            ("/clients/{client}/days/{day}.html", self._client, "GET"),
            ("/login", self._login, "POST"),
            ("/act", self._act, "POST"),
            ("/trigger/{job}", self._trigger, "POST"),
        ]
        return Starlette(
            routes=[
                Route(path, _answering(endpoint), methods=[method])
                for path, endpoint, method in routes
            ],
            exception_handlers={HTTPException: _plain_refusal},
        )

    async def _health(self, _: Request) -> Response:
        wrong: str | None = "warehouse"  # databases that do not answer in time
        with anyio.move_on_after(PROBE_S):
            wrong = await anyio.to_thread.run_sync(
                complaint, self.pulse, self.jobs, abandon_on_cancel=True, limiter=self._probes
            )
        return _state(wrong is None, wrong)

    async def _ready(self, _: Request) -> Response:
        return _state(is_ready(self.pulse), "starting or stopping")

    async def _metrics(self, request: Request) -> Response:
        self._admit(request)
        from scheduler.status.metrics import exposition

        kind, text = await self._made(exposition, request.headers.get("accept", ""))
        return Response(text, headers={**ALWAYS, "Content-Type": kind})

    async def _overview(self, request: Request) -> Response:
        self._admit(request)
        said = DONE.get(request.query_params.get("done", ""), "")
        return _html(await self._made(page.overview, self._may_act(request), said))

    async def _run(self, request: Request) -> Response:
        self._admit(request)
        run_id = request.path_params["run_id"]
        html = await self._made(page.run_page, run_id, self._may_act(request))
        if html is None:
            raise Refusal(404, "There is no such run.", html=page.notice("There is no such run."))
        return _html(html)

    async def _newest_failure(self, request: Request) -> Response:
        """Redirect from an alert to the newest run in which its step failed."""
        self._admit(request)
        run_id = await self._made(page.newest_failure, request.path_params["step"])
        return RedirectResponse(f"/runs/{run_id}" if run_id else "/", 303, headers=ALWAYS)

    async def _runbook(self, request: Request) -> Response:
        self._admit(request)
        return _html(await self._made(page.runbook))

    async def _client(self, request: Request) -> Response:
        """A client's page, or the rows of one of its days, as last made."""
        self._admit(request)
        names = request.path_params
        path = await self._made(client_pages.file_of, names["client"], names.get("day", ""))
        if path is None:
            line = "This page is not ready yet: the next build writes it."
            raise Refusal(404, line, html=page.notice(line))
        headers = {**ALWAYS, **page.CLIENT_HEADERS, "Content-Type": "text/html; charset=utf-8"}
        return Response(await self._made(path.read_bytes), headers=headers)

    async def _act(self, request: Request) -> Response:
        """Perform the action of a signed-in user's form."""
        self._refuse_strangers(request)
        if not self._may_act(request):
            raise Refusal(401, "Sign in first.", html=page.entrance("/"))
        form = await _form(request)
        try:
            said = await self._made(self.actions.act, form)
        except UnknownActionError as error:
            raise Refusal(400, str(error), html=page.notice(str(error))) from None
        log.info("on the page: %s", said)
        done = form["action"] if form["action"] in DONE else "run"
        return RedirectResponse(f"/?done={done}", 303, headers=ALWAYS)

    def _may_act(self, request: Request) -> bool:
        """Whether the user has signed in; an open page on loopback is read only."""
        return access.is_signed_in(request.headers.get("cookie"))

    def _refuse_strangers(self, request: Request) -> None:
        if not self.access.is_meant(request.headers.get("host")):
            raise Refusal(421, "This page is for 127.0.0.1 only.")
        if not access.is_own_origin(request.headers):
            raise Refusal(403, "This form was sent by another site.")

    async def _mail(self, request: Request) -> Response:
        self._admit(request)
        html = await self._made(page.mail, request.path_params["key"])
        if html is None:
            raise Refusal(404, "There is no such report.")
        return HTMLResponse(html, headers={**ALWAYS, **page.MAIL_HEADERS})

    async def _login(self, request: Request) -> Response:
        """Exchange the token for a cookie, and redirect to the requested page."""
        self._refuse_strangers(request)
        self._slow_down(request)
        form = await _form(request)
        asked = access.own_path(form.get("next", ""))
        if not access.matches(form.get("token", ""), access.page_token()):
            self.guesses.wrong(peer(request.scope), "/login")
            return _html(page.entrance(asked, "Wrong token."), 401)
        # Lax: a link in a message leads here, and must send the cookie.
        secure = "; Secure" if request.headers.get("x-forwarded-proto") == "https" else ""
        cookie = (
            f"{access.COOKIE}={access.session_cookie()}; HttpOnly; SameSite=Lax; Path=/"
            f"; Max-Age={access.COOKIE_DAYS * 86400}{secure}"
        )
        return RedirectResponse(asked, 303, headers={**ALWAYS, "Set-Cookie": cookie})

    async def _trigger(self, request: Request) -> Response:
        _refuse_long(request)
        self._slow_down(request)
        token = access.trigger_token()
        if not access.matches(access.bearer(request.headers.get("authorization")), token):
            line = "Send the header `Authorization: Bearer <SIGNALROOM_TRIGGER_TOKEN>`."
            if token is None:
                line = "SIGNALROOM_TRIGGER_TOKEN is not set: no one can start a job from outside."
            elif access.bearer(request.headers.get("authorization")):
                self.guesses.wrong(peer(request.scope), request.url.path)
            raise Refusal(401, line, ASK)
        await _body(request)  # it is not needed
        job = request.path_params["job"]
        known = [*(one.name for one in self.jobs), *NAMES]
        if job not in known:
            raise Refusal(404, f"There is no such job; there are: {', '.join(known)}.")
        wait_s = math.ceil(self.pace.wait_s(job))
        if wait_s:
            line = f"{job} was started a moment ago; retry in {wait_s} s."
            raise Refusal(429, line, {"Retry-After": str(wait_s)})
        run_id = await self._made(self.trigger, job)
        log.info("%s starts by webhook", job, extra={"run_id": run_id})
        return JSONResponse({"ok": True, "job": job, "run_id": run_id}, 202, headers=ALWAYS)

    def _admit(self, request: Request) -> None:
        """Allow only authorized requests; a browser without a session is asked to sign in."""
        is_page = request.url.path in ("/", "/runbook")
        is_page = is_page or request.url.path.startswith(("/clients/", "/runs/", "/steps/"))
        headers = request.headers
        if self.access.is_closed:
            line = "Others can reach this port: set SIGNALROOM_WEB_TOKEN to see page and metrics."
            raise Refusal(403, line, html=page.notice(line) if is_page else "")
        if not self.access.is_meant(headers.get("host")):
            raise Refusal(421, "This page is for 127.0.0.1 only.")
        if access.is_signed_in(headers.get("cookie")):
            return
        if headers.get("authorization"):
            self._slow_down(request)
        if not self.access.allows(headers.get("authorization"), headers.get("cookie")):
            if access.bearer(headers.get("authorization")):
                self.guesses.wrong(peer(request.scope), request.url.path)
            line = "Send the header `Authorization: Bearer <SIGNALROOM_WEB_TOKEN>`."
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            html = page.entrance(access.own_path(asked)) if is_page else ""
            raise Refusal(401, line, ASK, html)

    def _slow_down(self, request: Request) -> None:
        """Reject tokens from an address that has sent too many wrong ones."""
        wait_s = self.guesses.wait_s(peer(request.scope))
        if wait_s:
            line = f"Too many wrong tokens; retry in {wait_s} s."
            raise Refusal(429, line, {"Retry-After": str(wait_s)})

    async def _made(self, function: Callable[..., Any], *arguments: object) -> Any:
        """The result of a function that reads files or databases, run in a thread."""
        work = functools.partial(function, *arguments)
        return await anyio.to_thread.run_sync(work, limiter=self._pages)


def _answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with a readable response to every error in it."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            await _let_finish(request)
            headers = {**refusal.headers, "Connection": "close"}
            if refusal.html:
                return _html(refusal.html, refusal.status, headers)
            said = {"ok": False, "error": str(refusal)}
            return JSONResponse(said, refusal.status, headers={**ALWAYS, **headers})
        except Exception as error:
            if isinstance(error, SignalRoomError):
                readable = mask(str(error))
                log.warning("%s cannot be shown: %s", request.url.path, readable)
            else:
                readable = "see the log"
                log.exception("%s %s failed", request.method, request.url.path)
            said = {"ok": False, "error": f"This cannot be shown now: {readable}"}
            return JSONResponse(said, 503, headers=ALWAYS)

    return answer


async def _plain_refusal(request: Request, error: Exception) -> Response:
    """The response for an unknown path or method."""
    found = error if isinstance(error, HTTPException) else HTTPException(400)
    if found.status_code == 405 and request.method in ("GET", "HEAD"):
        found = HTTPException(404)  # there is nothing to see
    line = "Not found." if found.status_code == 404 else f"{found.detail}."
    headers = {**ALWAYS, **(found.headers or {})}
    return JSONResponse({"ok": False, "error": line}, found.status_code, headers=headers)


def _refuse_long(request: Request) -> None:
    """Refuse a body that is too long, or has no Content-Length, before it is read."""
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        raise Refusal(411, "Content-Length required.")
    if int(length) > BODY_LIMIT:
        raise Refusal(413, f"A body has {BODY_LIMIT} bytes at most.")


async def _body(request: Request) -> bytes:
    """The body, within its deadline."""
    _refuse_long(request)
    with anyio.move_on_after(BODY_S):
        return await request.body()
    raise Refusal(408, "The body did not arrive in time.")


async def _let_finish(request: Request) -> None:
    """Read the start of a body that is not needed, and drop it.

    A connection closed while its body still arrives is reset, and the client never sees why.
    """
    if "expect" in request.headers:
        return  # it is not sent before we request it
    size = 0
    with anyio.move_on_after(REFUSED_BODY_S):
        async for chunk in request.stream():
            size += len(chunk)
            if size > REFUSED_BODY_LIMIT:
                break


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name."""
    fields = parse_qs((await _body(request)).decode("utf-8", "replace"))
    return {name: values[-1] for name, values in fields.items()}


def _html(text: str, status: int = 200, headers: Mapping[str, str] = NOTHING) -> Response:
    return HTMLResponse(text, status, headers={**ALWAYS, **page.HEADERS, **headers})


def _state(ok: bool, reason: str | None) -> Response:
    said: dict[str, object] = {"ok": True} if ok else {"ok": False, "reason": reason}
    return JSONResponse(said, 200 if ok else 503, headers=ALWAYS)
