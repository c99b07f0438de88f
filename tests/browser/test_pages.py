"""Every page of every kind of run, in a browser: nothing is asked for, nothing is complained of, everybody can read it."""

from __future__ import annotations

import pytest
from browsing import SCHEMES, WIDTHS, browser, findings, opened  # noqa: F401
from made_pages import MAKERS, made  # noqa: F401

from today import ALL

PAPER = 718  # pixels between the margins of A4
WIDER = """width => [...document.querySelectorAll('body *')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && box.right > width + 1 && !(one.closest('svg') && one.tagName !== 'svg');
}).map(one => `${one.tagName}.${one.getAttribute('class')}: ${Math.round(one.getBoundingClientRect().right)}`)"""
# Values with their errors that a reader would have to scroll for.
HIDDEN = """() => [...document.querySelectorAll('.numbers td')].filter(cell => {
    const box = cell.getBoundingClientRect();
    return box.width && /^[-+]?[0-9.]+ ± /.test(cell.textContent.trim()) && (box.left < 0 || box.right > innerWidth);
}).map(cell => cell.textContent.trim())"""
UNNAMED = """() => [...document.querySelectorAll('img, svg')].filter(one => !one.closest('[aria-hidden=true]')
    && !(one.getAttribute('alt') ?? one.getAttribute('aria-label') ?? '').trim()).map(one => one.outerHTML.slice(0, 120))"""
# axe-core does not look at the words of a chart.
FAINT = """() => {
    const light = colour => {
        const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(one => one / 255)
            .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = one => {
        for (; one; one = one.parentElement) {
            const colour = getComputedStyle(one).backgroundColor;
            if (!/, 0\\)|transparent/.test(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    return [...document.querySelectorAll('svg text')].filter(one => one.getBoundingClientRect().width).map(one => {
        const [high, low] = [light(getComputedStyle(one).fill), light(ground(one))].sort((a, b) => b - a);
        return [(high + 0.05) / (low + 0.05), one.textContent];
    }).filter(([contrast]) => contrast < 4.5).map(([contrast, text]) => `${text}: ${contrast.toFixed(1)}`);
}"""


@pytest.mark.parametrize("name", MAKERS)
def test_a_page_is_quiet_and_fits(browser, made, name):  # noqa: F811
    file = made(name)
    with opened(browser, file, WIDTHS[0]) as heard:
        page = heard.page
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate(FAINT) == []
            assert page.evaluate(HIDDEN) == []
        assert page.evaluate(UNNAMED) == []
        page.set_viewport_size({"width": PAPER, "height": 1000})
        page.emulate_media(media="print")
        assert page.evaluate(WIDER, PAPER) == []
        assert (
            page.locator(
                "script, iframe, object, link, [onerror], [onload], #injected, img:not([src^='data:'])"
            ).count()
            == 0
        )
        assert heard.requests == [file.as_uri()]
        assert heard.said == []


@pytest.mark.parametrize(("place", "name"), list(enumerate(MAKERS)))
def test_axe_finds_nothing_serious(browser, made, place, name):  # noqa: F811
    """Each page narrow and wide, in light and dark; every other one the other way about, as all have one stylesheet."""
    narrow, wide = SCHEMES if place % 2 else SCHEMES[::-1]
    # axe is a script, which no page may have
    with opened(browser, made(name), WIDTHS[0], narrow, bypass_csp=True) as heard:
        page = heard.page
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert findings(page) == []
        page.set_viewport_size({"width": WIDTHS[1], "height": 900})
        page.emulate_media(color_scheme=wide)
        rules = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
        assert findings(page, *(() if ALL else rules)) == []
        for width, scheme in ((WIDTHS[0], wide), (WIDTHS[1], narrow)) if ALL else ():
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            assert findings(page) == []
