// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IVat {
    function ilks(bytes32) external view returns (uint256, uint256, uint256, uint256, uint256);
    function urns(bytes32, address) external view returns (uint256, uint256);
    function grab(bytes32, address, address, address, int256, int256) external;
}

/// A stand-in for an auction house of Maker's liquidations 2.0: it may be stopped, as Clipper.kick
/// is at level 1 and above. Nothing is sold; anybody may stop it.
contract ClipStandIn {
    uint256 public stopped;
    uint256 public kicks;

    function stop(uint256 level) external {
        stopped = level;
    }

    function kick(uint256 tab, uint256 lot, address usr, address) external returns (uint256) {
        require(stopped < 1, "Clipper/stopped-incorrect");
        require(tab > 0 && lot > 0 && usr != address(0), "Clipper/zero");
        return ++kicks;
    }
}

/// A stand-in for Maker's Dog, which no package registry ships: what `bark` asks and takes, written
/// anew after dss/src/dog.sol, on the real Vat. It must be a ward of the Vat; anybody may file.
contract DogStandIn {
    uint256 private constant WAD = 10 ** 18;

    struct Ilk {
        address clip;
        uint256 chop; // [wad]
        uint256 hole; // [rad]
        uint256 dirt; // [rad]
    }

    IVat private immutable vat;
    mapping(bytes32 => Ilk) public ilks;
    uint256 public live = 1;
    uint256 public Hole;
    uint256 public Dirt;

    constructor(address vat_) {
        vat = IVat(vat_);
    }

    function list(bytes32 ilk, address clip, uint256 chop, uint256 hole) external {
        (ilks[ilk].clip, ilks[ilk].chop, ilks[ilk].hole) = (clip, chop, hole);
    }

    function file(uint256 whole) external {
        Hole = whole;
    }

    function cage() external {
        live = 0;
    }

    function bark(bytes32 ilk, address urn, address kpr) external returns (uint256) {
        require(live == 1, "Dog/not-live");
        (uint256 ink, uint256 art) = vat.urns(ilk, urn);
        (uint256 dart, uint256 tab) = part(ilk, ink, art);
        uint256 dink = ink * dart / art;
        require(dink > 0, "Dog/null-auction");
        Ilk storage row = ilks[ilk];
        vat.grab(ilk, urn, row.clip, address(this), -int256(dink), -int256(dart));
        Dirt += tab;
        row.dirt += tab;
        return ClipStandIn(row.clip).kick(tab, dink, urn, kpr);
    }

    /// How much of an unsafe urn's debt goes to auction, and what is to be raised. [wad, rad]
    function part(bytes32 ilk, uint256 ink, uint256 art) private view returns (uint256 dart, uint256) {
        Ilk storage row = ilks[ilk];
        (, uint256 rate, uint256 spot,, uint256 dust) = vat.ilks(ilk);
        require(spot > 0 && ink * spot < art * rate, "Dog/not-unsafe");
        require(Hole > Dirt && row.hole > row.dirt, "Dog/liquidation-limit-hit");
        uint256 room = Hole - Dirt < row.hole - row.dirt ? Hole - Dirt : row.hole - row.dirt;
        dart = room * WAD / rate / row.chop;
        if (art <= dart || (art - dart) * rate < dust) {
            dart = art; // a rest below dust is taken along
        } else {
            require(dart * rate >= dust, "Dog/dusty-auction-from-partial-liquidation");
        }
        return (dart, dart * rate * row.chop / WAD);
    }
}
