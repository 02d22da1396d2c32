// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface Feed {
    function latestAnswer() external view returns (int256);
}

/// An oracle in Morpho's terms over price feeds, with the getters of MorphoChainlinkOracleV2 that
/// tell which: price = base feed (times a ratio) over quote feed, scaled. A zero feed counts as one
/// dollar. `broken` makes it revert, `forced` answer whatever it says.
contract MorphoFeedOracle {
    address public immutable BASE_FEED_1;
    address public constant BASE_FEED_2 = address(0);
    address public immutable QUOTE_FEED_1;
    address public constant QUOTE_FEED_2 = address(0);
    uint256 public immutable SCALE_FACTOR;
    uint256 public ratio = 1e18;
    bool public broken;
    uint256 public forced = type(uint256).max;

    constructor(address base, address quote, uint256 scale) {
        (BASE_FEED_1, QUOTE_FEED_1, SCALE_FACTOR) = (base, quote, scale);
    }

    function set(uint256 ratio_, bool broken_, uint256 forced_) external {
        (ratio, broken, forced) = (ratio_, broken_, forced_);
    }

    function price() external view returns (uint256) {
        require(!broken, "no price");
        if (forced != type(uint256).max) return forced;
        return (SCALE_FACTOR * answer(BASE_FEED_1) * ratio) / answer(QUOTE_FEED_1) / 1e18;
    }

    function answer(address feed) private view returns (uint256) {
        return feed == address(0) ? 1e8 : uint256(Feed(feed).latestAnswer());
    }
}
