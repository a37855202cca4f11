"""The operators' admin in a real browser, on a real stack.

Needs Chromium (on Debian: ``apt install chromium``). Without one these tests are skipped, except
where ``CI=true``.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.acceptance.conftest import Stack

pytestmark = pytest.mark.acceptance

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"There is no Chromium on the PATH ({', '.join(NAMES)}): apt install chromium."
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    context = browser.new_context(
        base_url=stack.base_url, viewport={"width": 1280, "height": 900}, locale="en-US"
    )
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/admin/login/?next=/admin/")
    page.fill("#id_username", username)
    page.fill("#id_password", password)
    page.click("#login-form button[type=submit]")


def test_an_operator_fires_a_trigger_and_sees_the_chain_of_its_run(
    page: Page, stack: Stack
) -> None:
    name = "Lead by hand"
    call = {
        "reason": "New lead",
        "phone_to": "+14155550101",
        "window": {"start": "00:00", "end": "23:59", "timezone": "UTC"},
    }
    action_id = stack.make_action(action_type="schedule_outbound_call")
    stack.make_trigger(action_id, name=name, input_template=call)
    failed: list[str] = []
    page.on("response", lambda got: failed.append(got.url) if got.status >= 400 else None)
    page.on("pageerror", lambda error: failed.append(str(error)))

    sign_in(page, "admin", stack.admin_password)
    # The styles of the admin's face are served: its side bar stands beside the page.
    expect(page.locator("#nav-sidebar")).to_be_visible()
    page.goto(f"/admin/triggers/trigger/?q={name}")
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Fire now").click()
    expect(page.get_by_text("Fire these triggers now")).to_be_visible()
    expect(page.locator("#content")).to_contain_text(name)
    page.get_by_role("button", name="Fire now").click()
    expect(page.get_by_text("1 fired.")).to_be_visible()

    page.locator("#fires tbody a[href*='/runs/run/']").first.click()
    chain = page.locator("#chain tbody tr")
    for _ in range(20):
        if "outbound.completed" in page.locator("#chain").inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(chain).to_have_count(5)
    events = [text.strip() for text in page.locator("#chain td:nth-child(2)").all_inner_texts()]
    assert events[0] == "trigger.fired"
    assert events.index("outbound.scheduled") < events.index("outbound.dispatched")
    assert events[-1] == "outbound.completed"
    data = chain.first.locator("pre")
    expect(data).to_be_hidden()
    chain.first.locator("summary").click()
    expect(data).to_contain_text('"manual": true')
    assert [url for url in failed if not url.endswith("/favicon.ico")] == []


def test_five_wrong_passwords_lock_out(page: Page, stack: Stack) -> None:
    for _ in range(5):
        sign_in(page, "mallory", "wrong")
    expect(page.locator("#locked-out")).to_contain_text("Wait 15 minutes")
    sign_in(page, "mallory", "wrong")
    expect(page.locator("#locked-out")).to_be_visible()
    # Somebody else, from the same address, signs in.
    sign_in(page, "admin", stack.admin_password)
    expect(page.locator("#nav-sidebar")).to_be_visible()
