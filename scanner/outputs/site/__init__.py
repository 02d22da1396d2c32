"""The report: a folder of static pages that asks nobody for anything. Draws; computes no risk.

model.py        what a site is made of, as scanner/report.py fills it
build.py        every page, card, badge and the feed, into a folder
folder.py       a site appears whole or not at all
pages.py        templates to HTML with a content security policy
budget.py       what a page may weigh
driver_page.py  a driver's page; of it: hero.py, moves.py, bands_table.py, sections.py
home_page.py    the home page
sentences.py    what is said in whole sentences, shared by titles, cards and the feed
amounts.py      a scan's amounts: of an incomplete one each is a lower bound
figures.py      numbers as the page writes them
names.py        protocols, colours, explorers, slugs
places.py       positions as CSS classes: the pages have no style attributes
views.py        the price axis, its zooms, and labels that must not overlap
ladder.py       collateral at risk by price, upright
heat.py         the ladder over time; png.py writes it
curve.py        what adds up when the price moves
strokes.py      small pictures: sparklines, shapes, the lying ladder
card.py         the picture that a shared link shows
feed.py         Atom: bands that were born, grew, moved or dissolved
badge.py        one line as SVG
tables.py       rows as CSV and Parquet
templates/      HTML, CSS (style, narrow windows, other media), JavaScript, Atom, SVG
"""
