"""The real Maker (liquidations 1.2) on a ground, with urns in three collateral types.

Contracts: npm @makerdao/testchain 1.1.32, a ganache data base with the 669 transactions that made
its chain. They are sent again here, in their order and from their sender, so that every contract
stands at the address the package names. Collateral is credited by the Vat's own `slip`, as its
joins do; prices are set at the oracles by their owner.
"""

import json
import random
import tarfile
from collections.abc import Iterator
from functools import cache
from typing import Any

from localchain.errors import LocalChainError
from localchain.ground import Ground
from localchain.tarballs import unpacked

PACKAGE = "@makerdao/testchain"
WAD, RAY, RAD = 10**18, 10**27, 10**45
FROB = "frob(bytes32,address,address,address,int256,int256)"
ILKS = {"ETH-A": "ETH / USD", "ETH-B": "ETH / USD", "WBTC-A": "BTC / USD", "LINK-A": "LINK / USD"}


@cache
def deployment() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The package's transactions in their order, and the addresses it names."""
    root = unpacked(PACKAGE)
    rows = []
    with tarfile.open(root / "snapshots" / "default.tgz") as archive:
        for member in archive:
            if member.name.startswith("./!transactions!"):
                stream = archive.extractfile(member)
                assert stream is not None
                rows.append(json.load(stream))
    names = json.loads((root / "out" / "addresses-mcd.json").read_text())
    rows.sort(key=lambda row: int(row["nonce"], 16) if row["nonce"] != "0x" else 0)
    return rows, {name: address.lower() for name, address in names.items()}


class Maker:
    """Vat, Spotter, Jug, Cat, CDP manager and 26 ilks, of which ILKS are used."""

    PROTOCOL = "maker"

    def __init__(self, ground: Ground) -> None:
        self.ground, self.node = ground, ground.node
        self.first_block = self.node.head() + 1
        self._replay()
        self.vat, self.spotter, self.jug, self.cat = (
            self.at[f"MCD_{name}"] for name in ("VAT", "SPOT", "JUG", "CAT")
        )
        self.manager, self.governor = self.at["CDP_MANAGER"], self.at["MCD_PAUSE_PROXY"]
        self.node.rpc("anvil_setBalance", self.governor, hex(10**24))
        self.file("Line", 10**12 * RAD)
        for ilk, feed in ILKS.items():
            self.file_ilk(ilk, "line", 10**11 * RAD)
            self.set_value(ilk, ground.feed(feed) * 10**10)
        self.borrowers_ever: set[tuple[str, str]] = set()

    def _replay(self) -> None:
        rows, self.at = deployment()
        sender = rows[0]["from"]
        self.node.rpc("anvil_setBalance", sender, hex(10**30))
        for number, row in enumerate(rows):
            request = {
                "from": sender,
                "data": "0x" + row["data"].removeprefix("0x"),
                "value": row["value"] or "0x0",
                "gas": hex(10**8),
                "gasPrice": "0x0",
                "nonce": hex(number),
            }
            if row["to"] not in ("", "0x"):
                request["to"] = row["to"]
            receipt = self.node.rpc("eth_sendTransactionSync", request)
            if int(receipt["status"], 16) != 1:
                raise LocalChainError(f"Maker's deployment failed at transaction {number}")

    # --- governance and prices --------------------------------------------------

    def file(self, what: str, value: int) -> None:
        """Set one of the Vat's own parameters."""
        self._govern(self.vat, "file(bytes32,uint256)", _name(what), value)

    def file_ilk(self, ilk: str, what: str, value: int) -> None:
        """Set a parameter of an ilk in the Vat."""
        self._govern(self.vat, "file(bytes32,bytes32,uint256)", _name(ilk), _name(what), value)

    def set_fee(self, ilk: str, duty: int) -> None:
        """Drip an ilk and set its stability fee. [ray per second]"""
        self.ground.send(self.node.owner, self.jug, "drip(bytes32)", _name(ilk))
        signature = "file(bytes32,bytes32,uint256)"
        self._govern(self.jug, signature, _name(ilk), _name("duty"), duty)

    def _govern(self, to: str, signature: str, *args: Any) -> None:
        self.ground.send(self.governor, to, signature, *args)

    def pip(self, ilk: str) -> str:
        """The ilk's oracle."""
        found = self.ground.call(self.spotter, "ilks(bytes32)(address,uint256)", _name(ilk))
        return str(found[0])

    def set_value(self, ilk: str, wad: int, *, poke: bool = True) -> None:
        """Let the ilk's oracle say a value; `poke` brings it into the Vat."""
        self.ground.send(
            self.at["DEPLOYER"], self.pip(ilk), "poke(bytes32)", wad.to_bytes(32, "big")
        )
        if poke:
            self.poke(ilk)

    def poke(self, ilk: str) -> None:
        """Spotter.poke: what anybody may do."""
        self.ground.send(self.node.owner, self.spotter, "poke(bytes32)", _name(ilk))

    def drip(self, ilk: str) -> None:
        """Jug.drip: what anybody may do."""
        self.ground.send(self.node.owner, self.jug, "drip(bytes32)", _name(ilk))

    def feel(self, feed: str, old: int, new: int) -> None:
        """Its oracles are set by hand, and poked."""
        for ilk, source in ILKS.items():
            if source == feed:
                self.set_value(ilk, new * 10**10)

    # --- people -------------------------------------------------------------------

    def populate(self, n: int, seed: int = 1) -> list[str]:
        """n urns, a third of them of the CDP manager; some repay, some are closed again."""
        people = [self.ground.account(f"maker {seed} {number}") for number in range(n)]
        self.ground.together(
            self._live(who, number, random.Random(f"{seed} {number}"))
            for number, who in enumerate(people)
            if number % 3  # the manager gives numbers: its people come one after the other
        )
        for number, who in enumerate(people):
            if number % 3 == 0:
                for _ in self._live(who, number, random.Random(f"{seed} {number}")):
                    pass
        return people

    def _live(self, who: str, number: int, draw: random.Random) -> Iterator[None]:
        """One account, step by step."""
        ilk = draw.choice(list(ILKS))
        dollars = 10 ** draw.uniform(3.5, 6.5)
        value = self.ground.feed(ILKS[ilk]) / 10**8
        ink = int(dollars / value * WAD) + draw.randrange(10**9)
        part = draw.uniform(0.35, 0.98)
        if number % 3 == 0:
            self.open_cdp(who, ilk, ink, part)
            return
        self.open(who, ilk, ink, part)
        yield
        if number % 7 == 1:
            art = self.urn(ilk, who)[1]
            self.ground.send(who, self.vat, FROB, _name(ilk), who, who, who, 0, -(art // 2))
        elif number % 11 == 2:
            art = self.urn(ilk, who)[1]
            self.ground.send(who, self.vat, FROB, _name(ilk), who, who, who, 0, -art)

    def open(self, who: str, ilk: str, ink: int, part: float) -> str:
        """Lock collateral in the account's own urn and draw a part of what it carries."""
        self._slip(ilk, who, ink)
        art = self._most(ilk, ink, part)
        self.ground.send(who, self.vat, FROB, _name(ilk), who, who, who, ink, art)
        self.borrowers_ever.add((who, ilk))
        return who

    def open_cdp(self, who: str, ilk: str, ink: int, part: float) -> str:
        """The same through the CDP manager; returns the urn's address."""
        self.ground.send(who, self.manager, "open(bytes32,address)", _name(ilk), who)
        number = self.ground.call(self.manager, "cdpi()(uint256)")
        urn = str(self.ground.call(self.manager, "urns(uint256)(address)", number)).lower()
        self._slip(ilk, urn, ink)
        art = self._most(ilk, ink, part)
        self.ground.send(who, self.manager, "frob(uint256,int256,int256)", number, ink, art)
        self.borrowers_ever.add((urn, ilk))
        return urn

    def _slip(self, ilk: str, who: str, ink: int) -> None:
        self._govern(self.vat, "slip(bytes32,address,int256)", _name(ilk), who, ink)

    def _most(self, ilk: str, ink: int, part: float) -> int:
        _, rate, spot, _, dust = self.ilk(ilk)
        return max(int(ink * spot // rate * part), dust // rate + 1)

    # --- questions and the referee --------------------------------------------------

    def ilk(self, ilk: str) -> tuple[int, int, int, int, int]:
        """Art, rate, spot, line, dust."""
        signature = "ilks(bytes32)(uint256,uint256,uint256,uint256,uint256)"
        found: tuple[int, int, int, int, int] = self.ground.call(self.vat, signature, _name(ilk))
        return found

    def urn(self, ilk: str, urn: str) -> tuple[int, int]:
        """ink and art."""
        signature = "urns(bytes32,address)(uint256,uint256)"
        found: tuple[int, int] = self.ground.call(self.vat, signature, _name(ilk), urn)
        return found

    def bite(self, ilk: str, urn: str) -> None:
        """Cat.bite by anybody; raises `Reverted`."""
        self.ground.send(self.node.owner, self.cat, "bite(bytes32,address)", _name(ilk), urn)

    def deployments_toml(self) -> str:
        """Its row of a deployments file."""
        return (
            "[[market]]\n"
            'protocol = "maker"\n'
            'name = "mcd"\n'
            f"chain_id = {self.ground.chain_id}\n"
            f"first_block = {self.first_block}\n"
            f'vat = "{self.vat}"\n'
            f'spotter = "{self.spotter}"\n'
            f'jug = "{self.jug}"\n'
            f'cat = "{self.cat}"\n'
            f'cdp_manager = "{self.manager}"\n'
            f'ilk_registry = "{self.at["ILK_REGISTRY"]}"\n'
        )


def _name(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def parts(ground: Ground) -> list[Maker]:
    """Its one market; see mixed.py."""
    return [Maker(ground)]
