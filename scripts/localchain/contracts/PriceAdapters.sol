// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface ISource {
    function latestAnswer() external view returns (int256);
    function decimals() external view returns (uint8);
}

/// Stand-ins, with their getters, of the adapters that real markets put over their feeds
/// (aave-dao/aave-price-feeds; none is on a registry), and of some that have no getters at all.

/// PriceCapAdapterStable: the feed, but never above a cap.
contract StableCapAdapter {
    ISource public immutable ASSET_TO_USD_AGGREGATOR;
    int256 public getPriceCap;
    uint8 public constant decimals = 8;
    string public constant description = "Capped stable / USD";

    constructor(ISource feed, int256 cap) {
        (ASSET_TO_USD_AGGREGATOR, getPriceCap) = (feed, cap);
    }

    function latestAnswer() external view returns (int256) {
        int256 answer = ASSET_TO_USD_AGGREGATOR.latestAnswer();
        return answer > getPriceCap ? getPriceCap : answer;
    }
}

/// CLSynchronicityPriceAdapterPegToBase: asset in pegged currency times pegged currency in dollars.
contract PegToBaseAdapter {
    ISource public immutable PEG_TO_BASE;
    ISource public immutable ASSET_TO_PEG;
    uint8 public constant DECIMALS = 8;
    int256 public immutable DENOMINATOR;
    uint8 public constant decimals = 8;
    string public constant description = "WBTC/BTC/USD";

    constructor(ISource pegToBase, ISource assetToPeg) {
        (PEG_TO_BASE, ASSET_TO_PEG) = (pegToBase, assetToPeg);
        DENOMINATOR = int256(10 ** uint256(pegToBase.decimals() + assetToPeg.decimals()));
    }

    function latestAnswer() external view returns (int256) {
        int256 asset = ASSET_TO_PEG.latestAnswer();
        int256 peg = PEG_TO_BASE.latestAnswer();
        if (asset <= 0 || peg <= 0) return 0;
        return (asset * peg * int256(10 ** uint256(DECIMALS))) / DENOMINATOR;
    }
}

/// PendlePriceCapAdapter: the underlying's feed less a discount that shrinks to the maturity.
contract PrincipalAdapter {
    ISource public immutable ASSET_TO_USD_AGGREGATOR;
    address public constant PENDLE_PRINCIPAL_TOKEN = address(1);
    uint256 public immutable MATURITY;
    uint256 public constant discountRatePerYear = 0.1e18;
    uint8 public constant decimals = 8;
    string public constant description = "PT / USD";

    constructor(ISource feed, uint256 maturity) {
        (ASSET_TO_USD_AGGREGATOR, MATURITY) = (feed, maturity);
    }

    function latestAnswer() external view returns (int256) {
        uint256 left = MATURITY > block.timestamp ? MATURITY - block.timestamp : 0;
        uint256 discount = discountRatePerYear * left / 365 days;
        uint256 answer = uint256(ASSET_TO_USD_AGGREGATOR.latestAnswer());
        return int256(answer * (1e18 - discount) / 1e18);
    }
}

/// A share of a pool: so many dollars and so much of an asset, or, where `product` is set, the
/// square root of the two as of a constant-product pool. No getter says what it stands on.
contract ShareAdapter {
    ISource private immutable feed;
    uint256 private immutable dollars;
    uint256 private immutable part; // of the feed, 1e18 is all of it
    bool private immutable product;
    uint8 public constant decimals = 8;

    constructor(ISource feed_, uint256 dollars_, uint256 part_, bool product_) {
        (feed, dollars, part, product) = (feed_, dollars_, part_, product_);
    }

    function latestAnswer() external view returns (int256) {
        uint256 answer = uint256(feed.latestAnswer());
        uint256 share = answer * part / 1e18;
        return int256(product ? root(dollars * share) : dollars + share);
    }

    function root(uint256 x) private pure returns (uint256 y) {
        y = x;
        for (uint256 z = (x + 1) / 2; z < y; z = (x / z + z) / 2) y = z;
    }
}

/// Answers a dollar where the feed's code is not the one it knew: it cannot be probed.
contract SuspiciousAdapter {
    ISource private immutable feed;
    bytes32 private immutable known;
    uint8 public constant decimals = 8;

    constructor(ISource feed_) {
        (feed, known) = (feed_, address(feed_).codehash);
    }

    function latestAnswer() external view returns (int256) {
        return address(feed).codehash == known ? feed.latestAnswer() : int256(1e8);
    }
}
