"""The Prefect UI, used as a person does: a real browser starts a pipeline and watches it cross.

`ISTHMUS_SCREENSHOTS=DIR` keeps the pictures; the README's were made so.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import System
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium")
# Nothing but loopback may be asked for: the page works offline, and no browser service calls out.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RUN_SECONDS = 240

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("hospital"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.timeout(400),
]


def _exports(system: System) -> dict[str, str]:
    text = system.run("shell-env").stdout
    return {name: value.strip("'\"") for name, value in re.findall(r"export (\w+)=(.*)", text)}


def _api(exports: dict[str, str], path: str) -> Any:
    user, _, password = exports["PREFECT_API_AUTH_STRING"].partition(":")
    answer = httpx.get(exports["PREFECT_API_URL"] + path, auth=(user, password), timeout=30)
    answer.raise_for_status()
    return answer.json()


def _picture(page: Page, name: str) -> None:
    if folder := os.environ.get("ISTHMUS_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
def page(hospital: System) -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    exports = _exports(hospital)
    base = exports["PREFECT_API_URL"].removesuffix("/api")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 900}, base_url=base)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/")
        page.locator("input[type=password]").fill(exports["PREFECT_API_AUTH_STRING"])
        page.keyboard.press("Enter")
        # The page that asks for the password names the dashboard behind a `?`; what is opened before it has
        # let one in stays empty.
        page.wait_for_url(re.compile(r"^[^?]*/dashboard"))
        yield page
        browser.close()
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []


def test_a_person_starts_the_pipeline_in_the_browser_and_sees_what_crossed(
    hospital: System, hospital_run: dict[str, Any], page: Page
) -> None:
    exports = _exports(hospital)
    deployment = _api(exports, "/deployments/name/hospital/onprem")["id"]

    # The form has working defaults: the person changes nothing.
    page.goto(f"/deployments/deployment/{deployment}/run")
    page.get_by_text("An asset of onprem").wait_for()
    values = [box.input_value() for box in page.locator("textarea").all()]
    assert values == ["covid_tests@latest", "clinic_tests@latest"]
    _picture(page, "ui-form")
    name = "started-in-a-browser"
    page.locator("input[type=text]").first.fill(name)
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("link", name=name, exact=True).first.click()
    page.wait_for_url("**/runs/flow-run/**")
    run = page.url.split("/runs/flow-run/")[1].split("?")[0]

    # Other runs' badges may stand on the page while this one goes on: the server says when it is done. A page
    # that draws all the time takes a core from the run.
    shown = page.url
    page.goto("about:blank")
    deadline = time.monotonic() + RUN_SECONDS
    while _api(exports, f"/flow_runs/{run}")["state_type"] != "COMPLETED":
        assert time.monotonic() < deadline, "the run did not complete"
        page.wait_for_timeout(1000)
    page.goto(shown)  # a graph drawn while the run went on keeps the places of runs that were not there yet
    # `latest` was pinned when it began: the same versions, contracts and environments as before.
    labels, plan = _api(exports, f"/flow_runs/{run}")["labels"], hospital_run["plan"]
    assert labels["in.tests"] == f"covid_tests@{plan['starts'][0]['version']}"
    assert labels["isthmus.plan"] == plan["digest"]
    page.locator(".state-badge", has_text="Completed").first.wait_for()
    page.get_by_text("plan sha256:").first.wait_for()
    page.wait_for_timeout(3000)  # the graph draws itself after the rest
    _picture(page, "ui-run")

    # The crossing graph is what the page drew: a node for each step, an edge for each hand-over.
    graph = _api(exports, f"/flow_runs/{run}/graph-v2")
    nodes = {node["id"]: node for _, node in graph["nodes"]}
    edges = {
        (node["label"].split(" / ")[-1], nodes[child["id"]]["label"].split(" / ")[-1])
        for node in nodes.values()
        for child in node["children"]
    }
    assert {
        ("egress@onprem", "ingress@cloud"),
        ("ingress@cloud", "train@cloud"),
        ("train@cloud", "egress@cloud"),
        ("egress@cloud", "ingress@edge"),
        ("ingress@edge", "batch_infer@edge"),
    } <= edges

    # The log tab of a step's run says how far it came, in words from the allow-list.
    train = next(node for node in nodes.values() if node["label"].endswith("train@cloud"))
    page.goto(f"/runs/flow-run/{train['id']}")
    page.get_by_text(re.compile(r"fit: [0-9,]+ rows")).first.wait_for(timeout=60_000)
    _picture(page, "ui-step")


def test_every_deployment_says_where_it_runs(hospital: System, page: Page) -> None:
    page.goto("/deployments")
    page.get_by_text("hospital.train").first.wait_for()
    assert page.get_by_text("kind:cloud").count() > 0
    _picture(page, "ui-deployments")
    page.goto("/work-pools")
    for name in ("onprem", "cloud", "edge"):
        page.get_by_role("link", name=name).first.wait_for()
    _picture(page, "ui-work-pools")
    assert hospital.run("status", check=False).returncode == 0
