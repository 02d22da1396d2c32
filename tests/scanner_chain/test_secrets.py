"""What a node says about itself is shown short and without secrets."""

from scanner.chain.secrets import LONGEST, Redactor


def test_a_long_text_is_cut_before_it_is_searched() -> None:
    """A node may quote all reverted data; what the cut leaves of a secret never shows."""
    url = "https://node.example/v2/k3y-abcdef-0123456789"
    redact = Redactor([url])
    for piece in (url, "k3y-abcdef-0123456789", f"{url} and more "):
        for lead in range(0, 60, 7):
            shown = redact("x" * lead + piece * 400)
            assert len(shown) <= LONGEST
            assert "k3y" not in shown
            assert "0123" not in shown
    assert redact("reverted: " + "ab" * 50_000) == "reverted: " + "ab" * 94 + "a…"
