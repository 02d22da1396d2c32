// SPDX-License-Identifier: MIT
pragma solidity 0.8.27;

interface IFeed {
    function latestAnswer() external view returns (int256);
}

/// What a comptroller of Compound v2 or Venus asks for prices: dollars times 1e(36 - decimals).
/// It goes by a feed until somebody, and anybody may, forces an answer.
contract UnderlyingOracle {
    bool public constant isPriceOracle = true;

    struct Source {
        IFeed feed;
        uint256 scale; // of the answer over the feed's
        bool forced;
        uint256 answer;
    }

    mapping(address => Source) public sources;

    function list(address cToken, IFeed feed, uint256 scale) external {
        sources[cToken] = Source(feed, scale, false, 0);
    }

    function force(address cToken, uint256 answer) external {
        sources[cToken].forced = true;
        sources[cToken].answer = answer;
    }

    function getUnderlyingPrice(address cToken) public view returns (uint256) {
        Source storage one = sources[cToken];
        if (one.forced) return one.answer;
        int256 answer = one.feed.latestAnswer();
        return answer > 0 ? uint256(answer) * one.scale : 0;
    }

    /// Venus asks a second oracle for bounds around a market's price (before borrowing, not before
    /// a liquidation), and both to refresh themselves: there is nothing to bound or refresh here.
    fallback(bytes calldata data) external returns (bytes memory) {
        uint256 price = getUnderlyingPrice(abi.decode(data[4:36], (address)));
        return abi.encode(price, price);
    }
}
