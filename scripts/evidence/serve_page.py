"""The page of `rfv2 serve` in a real browser: every kind of answer, both languages, light, dark and narrow.

    python scripts/evidence/serve_page.py MODEL... --out FOLDER [--browser /usr/bin/chromium]

Each MODEL is served in turn; screenshots go to FOLDER. Needs `pip install playwright` and a Chromium. Stops with an
AssertionError where the page does not do what it should, writes to the browser's console, or asks another server.
"""

import argparse
import json
import urllib.request
from pathlib import Path

from playwright.sync_api import expect, sync_playwright
from server_process import serving

HOSTILE = "<img src=x onerror=\"document.title='broken'\">[MASK]"


class Visit:
    """The page in a browser window, and what must not happen in it."""

    def __init__(self, browser, url, **settings):
        self.page = browser.new_context(**settings).new_page()
        self.url = url
        self.complaints = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._check_address(request.url))
        self.page.goto(url)
        expect(self.page.locator("#first")).not_to_have_value("")

    def _check_address(self, address):
        if not address.startswith(self.url):
            self.complaints.append(f"asks {address}")

    def choose(self, tab):
        if self.page.locator("#tabs").is_visible():
            self.page.click(f"#tabs button:text-is('{tab}')")

    def ask(self, *texts):
        """Type texts, ask, and return what the answer reads."""
        for selector, text in zip(("#first", "#second"), texts, strict=False):
            if self.page.locator(selector).is_visible():
                self.page.fill(selector, text)
        self.page.click("#ask")
        expect(self.page.locator("#ask")).to_be_enabled()
        return self.page.inner_text("#answer")

    def problem(self):
        return self.page.inner_text("#problem")


def check(browser, url, folder):
    """Try everything that one server offers."""
    with urllib.request.urlopen(f"{url}health") as response:
        server = json.load(response)
    visit = Visit(browser, url, locale="en-US", viewport={"width": 900, "height": 760})
    assert server["model"] in visit.page.inner_text("h1")
    if server["fill_mask"]:
        answer = visit.ask("今天[MASK]气很好，我们去[MASK]园散步。")
        assert answer.startswith("今天")
        assert answer.count("%") == 16, answer
        assert visit.page.locator("progress").count() == 16
        assert "no [MASK]" in (visit.ask("今天") or visit.problem())
        assert "<img" in visit.ask(HOSTILE)
        assert visit.page.title() != "broken"
    for task in server["predict"]:
        visit.choose(task["name"])
        answer = visit.ask("北京大学的李教授昨天在上海参加了一场会议。", "有人去了上海。")
        assert answer, visit.problem()
    visit.choose("Vectors")
    assert "Cosine similarity" in visit.ask("今天天气不错", "今天天气很好")
    assert "empty" not in visit.problem()
    visit.ask("", "")
    assert visit.problem()
    assert not [text for text in visit.complaints if "422" not in text], visit.complaints  # Chromium reports statuses
    looks = {
        "light": {"locale": "en-US", "viewport": {"width": 900, "height": 760}},
        "dark": {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 900, "height": 760}},
        "narrow": {"locale": "zh-CN", "viewport": {"width": 360, "height": 740}},
    }
    tabs = [*(["fill"] if server["fill_mask"] else []), *(task["name"] for task in server["predict"]), "embed"]
    for look, settings in looks.items():
        visit = Visit(browser, url, **settings)
        for number, tab in enumerate(tabs):
            if len(tabs) > 1:
                visit.page.locator("#tabs button").nth(number).click()
            visit.ask()
            assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "scrolls sideways"
            visit.page.screenshot(path=folder / f"{server['model']}-{tab}-{look}.png")
        assert not visit.complaints, visit.complaints
    print(f"{server['model']}: {', '.join(tabs)} in {', '.join(looks)}: all as it should be")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--rfv2", default="rfv2", help="the command, where it is not on the PATH")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=["--no-sandbox"])
        for number, model in enumerate(arguments.models):
            folder = arguments.out / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            with serving(arguments.rfv2, model) as server:
                check(browser, server.url, folder)
        browser.close()


if __name__ == "__main__":
    main()
