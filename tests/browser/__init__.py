"""The static report in a real browser: headless Chromium, driven by page.mjs, judged here."""
