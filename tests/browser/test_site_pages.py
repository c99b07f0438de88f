"""The documentation site in a browser, from files: its search works, and pages fit a phone."""

import pytest
from browsing import browser, opened  # noqa: F401, a fixture

from built_site import site  # noqa: F401, a fixture


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_search_works_from_a_file(site, browser, scheme):  # noqa: F811
    with opened(browser, (site / "search.html").as_uri() + "?q=colorization", scheme=scheme) as heard:
        heard.page.wait_for_selector("#search-results li a", timeout=30_000)
        found = heard.page.locator("#search-results li a").all_inner_texts()
        assert heard.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert len(found) >= 3
    assert any("olorization" in title for title in found)
    assert {url.split(":")[0] for url in heard.requests} <= {"file", "data"}
    assert not heard.said


@pytest.mark.parametrize("page", ["index.html", "tutorials/images.html", "api/learn.html", "verdict.html"])
def test_a_page_fits_a_phone(site, browser, page):  # noqa: F811
    with opened(browser, site / page, width=400) as heard:
        assert heard.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert {url.split(":")[0] for url in heard.requests} <= {"file", "data"}
    assert not heard.said
